"""Queue files: what their runs are, and the line of what is wrong."""

from pathlib import Path

import pytest

from segbench.errors import UsageError
from segbench.training.queue_file import KINDS, read_queue_file

QUEUE = """\
[defaults]
recipe = "modern"
size = "360x480"

[[run]]
model = "segfast"

[[run]]
model = "nets_to_train:Small,classes=2"
recipe = "modern+lr=1e-3"
epochs = 33
seeds = [1, 2]
data-root = "mine"

[[run]]
model = "trial.json"
name = "thirteen"
size = "8x8"
precision = "bf16"
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = '{"name": "segfast", "options": {"stem_width": 8}}'
    Path("trial.json").write_text(spec)

    def written(text, **options):
        Path("queue.toml").write_text(text)
        return read_queue_file(Path("queue.toml"), **options)

    return written


@pytest.fixture
def refusal(read):
    def refused(text):
        with pytest.raises(UsageError) as caught:
            read(text)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refused


def test_each_run_is_a_job_with_a_name_of_its_own(read):
    runs = read(QUEUE, data_root=Path("elsewhere"))
    assert [(run.name, run.place) for run in runs] == [
        ("segfast-streets-360x480-modern-0", "queue.toml:5"),
        ("nets_to_train.Small,classes=2-streets-360x480-modern+lr=1e-3-33-1", "queue.toml:8"),
        ("nets_to_train.Small,classes=2-streets-360x480-modern+lr=1e-3-33-2", "queue.toml:8"),
        ("thirteen-0", "queue.toml:15"),
    ]
    first, second, third, last = (run.job for run in runs)
    assert (first.recipe, first.size, first.epochs, first.seed) == ("modern", (360, 480), None, 0)
    assert (second.epochs, second.seed, third.seed) == (33, 1, 2)
    assert [job.data_root for job in (first, second, last)] == ["elsewhere", "mine", "elsewhere"]
    assert (last.size, last.precision) == ((8, 8), "bfloat16")


def test_a_run_knows_its_network_though_the_file_that_named_it_goes(read):
    run = read(QUEUE)[-1]
    Path("trial.json").unlink()
    assert str(run.job.spec) == "segfast,stem_width=8"


def test_another_seed_takes_the_place_of_the_seeds_of_all(read):
    text = "[defaults]\nseeds = [0, 1]\n[[run]]\nmodel = 'segfast'\nseed = 7\n[[run]]\n"
    assert [run.job.seed for run in read(text + "model = 'segnet'\n")] == [7, 0, 1]


RUN = "[[run]]\nmodel = 'segfast'\n"
KEYS = ", ".join(KINDS)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "queue.toml: there is no run in it; write [[run]] with model = 'segfast'"),
        ("[run]\n", "queue.toml:1: 'run' is no list of tables; write [[run]] in two brackets"),
        ("[[runs]]\n", "queue.toml:1: unknown key 'runs' at the top of the file; did you mean"),
        ("defaults = 3\n" + RUN, "queue.toml:1: 'defaults' is no table; write [defaults] in"),
        ("[defaults]\nmodel = 'segfast'\n", "queue.toml:2: unknown key 'model' in [defaults]"),
        ("x = [1,\n", "queue.toml:1: this is not TOML: "),
        ("[[run]]\n", "queue.toml:1: this [[run]] has no model; write model = 'segfast'"),
        (
            RUN + "recipy = 'paper'\n",
            f"queue.toml:3: unknown key 'recipy' in [[run]]; did you mean 'recipe'? (keys: {KEYS})",
        ),
        (RUN + "data_root = 'a'\n", "queue.toml:3: unknown key 'data_root' in [[run]]; did you "),
        ("[[run]]\nmodel = 'segfst'\n", "queue.toml:2: unknown model 'segfst'; did you mean"),
        ("[[run]]\nmodel = 7\n", "queue.toml:2: model: input should be a valid string, got 7"),
        ("[[run]]\nmodel = 'segfast@openvino'\n", "queue.toml:2: cannot train 'segfast@openvino'"),
        ("[[run]]\nmodel = 'none.json'\n", "queue.toml:2: cannot read model file 'none.json': no "),
        (RUN + "epochs = '3'\n", "queue.toml:3: epochs: input should be a valid integer, got '3'"),
        (RUN + "epochs = 2024-01-01\n", "queue.toml:3: epochs: input should be a valid integer"),
        (RUN + "epochs = true\n", "queue.toml:3: epochs: input should be a valid integer, got T"),
        (RUN + "seeds = [0, 'x']\n", "queue.toml:3: seeds: input should be a valid integer, got"),
        (RUN + "seeds = []\n", "queue.toml:3: seeds must be different numbers, such as [0, 1]"),
        (RUN + "seeds = [1, 1]\n", "queue.toml:3: seeds must be different numbers, such as [0, "),
        (RUN + "seed = 1\nseeds = [1]\n", "queue.toml:4: seed and seeds are both given; leave "),
        (RUN + "epochs = 0\n", "queue.toml:1: epochs must be a positive whole number, got 0"),
        (RUN + "seed = -1\n", "queue.toml:1: seed must be 0 or more, got -1"),
        (RUN + "protocol = 'lax'\n", "queue.toml:1: protocol must be one of strict, "),
        (RUN + "device = 'tpu'\n", "queue.toml:1: device must be one of cpu, cuda, got 'tpu'"),
        (RUN + "size = '9'\n", "queue.toml:3: size '9' is not HEIGHTxWIDTH in pixels"),
        (RUN + "precision = 'fp7'\n", "queue.toml:3: unknown precision 'fp7'"),
        (RUN + "recipe = 'modern+lr=2'\n", "queue.toml:3: the learning rate of recipe 'modern+lr"),
        ("[defaults]\nrecipe = 'modrn'\n" + RUN, "queue.toml:2: unknown recipe 'modrn'; did you"),
        (RUN + "name = '../up'\n", "queue.toml:3: a run cannot be kept in a folder '../up'; give "),
        (RUN + "name = ''\n", "queue.toml:3: a run cannot be kept in a folder ''; give it a name "),
        (
            RUN + "\n" + RUN + "name = 'again'\n",
            "queue.toml:4: the run of 'segfast' with seed 0 stands in line 1 already; leave one ",
        ),
        (
            RUN + "protocol = 'add-one'\n" + RUN,
            "queue.toml:4: this run and that of line 1 would both be kept in 'segfast-streets-224",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(refusal, text, line):
    assert refusal(text).startswith(line)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    path = tmp_path / "none.toml"
    with pytest.raises(UsageError) as caught:
        read_queue_file(path)
    assert str(caught.value) == f"cannot read queue file {str(path)!r}: no such file or directory"
