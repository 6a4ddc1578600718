"""Budgets from a file and from the command line: what they say, and where they are wrong."""

from pathlib import Path

import pytest

from segbench import runtimes
from segbench.budgets.budget import make_budget
from segbench.budgets.budget_file import read_budget_file
from segbench.errors import UsageError
from segbench.measurement.settings import Settings
from segbench.results.metrics import METRICS
from zoo.frozen import FrozenMapping
from zoo.registry import entry, models

ROOT = Path(__file__).parents[2]
FORWARD = "latency.forward.p50_s"
ZOO = f"(models: {', '.join(models())}, or package.module:builder)"
RUNTIMES = ", ".join(runtimes.RUNTIMES)
WORKLOAD = (
    "(keys: size, threads, runtime, precision, head, seed, batch, channels, classes, device, "
    "allocator, logits, enlarge, input)"
)
A_LIST = "limits = ['params <= 603_288']"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with a model's file and a picture's in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.json").write_text('{"name": "segfast", "options": {"stem_width": 48}}')
    (tmp_path / "street.png").write_bytes(b"read only when it is measured")
    return tmp_path


def read(text, name="budgets.toml"):
    Path(name).write_text(text, encoding="utf-8")
    return read_budget_file(name)


def refusal(text):
    with pytest.raises(UsageError) as caught:
        read(text)
    return str(caught.value)


def with_workload(line):
    """Return a file whose third line is this one, in a workload for every budget."""
    return f'\n[workload]\n{line}\n[[budget]]\nmodel = "segfast"\nlimits = ["params <= 1"]\n'


def with_limits(limits):
    return f'[[budget]]\nmodel = "segfast"\nlimits = {limits}\n'


WHOLE = """\
baseline = "stored/baseline.json"
[workload]
size = "224x224"
threads = 2

[[budget]]
model = "segfast"
workload = { size = "360x480" }  # over the file's
limits = [
    "params <= 603_288",
    # "params <= 5",
    "latency.forward.p50_s <= 0.25 * segnet",
]

[[budget]]
model = "mypkg.nets:tiny, width=24"
limits = ["params <= 5", "weights_bytes <= 1 MiB"]
"""


def test_a_file_gives_models_workloads_and_limits():
    found = read(WHOLE)
    first, second = found.budgets
    assert (found.path, found.baseline) == (Path("budgets.toml"), Path("stored/baseline.json"))
    assert (first.model, dict(first.workload)) == ("segfast", {"size": (360, 480), "threads": 2})
    assert (second.model, dict(second.workload)) == (
        "mypkg.nets:tiny, width=24",
        {"size": (224, 224), "threads": 2},
    )
    assert str(second.spec) == "mypkg.nets:tiny,width=24"
    assert [placed.limit.text for placed in first.limits] == [
        "params <= 603_288",
        f"{FORWARD} <= 0.25 * segnet",
    ]


def test_every_limit_and_budget_knows_its_line():
    first, second = read(WHOLE).budgets
    assert (first.place, second.place) == ("budgets.toml:6", "budgets.toml:15")
    assert [placed.place for placed in first.limits] == ["budgets.toml:10", "budgets.toml:12"]
    assert [placed.place for placed in second.limits] == ["budgets.toml:17", "budgets.toml:17"]


def test_a_place_has_the_files_name_as_it_was_given(folder):
    (folder / "ci").mkdir()
    relative = read(with_limits('["params <= 1"]'), "ci/b.toml")
    assert relative.budgets[0].limits[0].place == "ci/b.toml:3"
    absolute = read_budget_file(folder / "ci" / "b.toml")
    assert absolute.budgets[0].limits[0].place == f"{folder}/ci/b.toml:3"


def test_a_baseline_and_a_picture_are_looked_for_beside_the_file(folder):
    (folder / "ci").mkdir()
    (folder / "ci" / "alley.png").write_bytes(b"")
    text = 'baseline = "base.json"\n' + with_workload('input = "alley.png"')
    found = read(text, "ci/b.toml")
    assert found.baseline == Path("ci/base.json")
    assert found.budgets[0].workload["input"] == Path("ci/alley.png")


def test_all_keys_of_a_workload_are_those_of_the_settings():
    lines = (
        'size = "8x16"', "batch = 2", "threads = 3", "classes = 4", 'device = "cuda"',
        'runtime = "eager"', 'allocator = "system"', 'input = "street.png"', "seed = 0",
    )  # fmt: skip
    [budget] = read(with_workload("\n".join(lines))).budgets
    assert Settings.of(**budget.workload) == Settings.of(
        size=(8, 16), batch=2, threads=3, classes=4, device="cuda", runtime="eager",
        allocator="system", input=Path("street.png"), seed=0,
    )  # fmt: skip


def test_a_budget_may_have_its_workload_as_a_table_of_its_own():
    [budget] = read(with_limits('["params <= 1"]') + '[budget.workload]\nsize = "8x8"\n').budgets
    assert budget.workload == {"size": (8, 8)}


def test_without_a_workload_nothing_is_said_of_it():
    found = read(with_limits('["params <= 1"]'))
    assert found.baseline is None
    assert found.budgets[0].workload == FrozenMapping({})


def test_a_model_may_be_a_file_and_so_may_the_one_that_it_is_held_against():
    text = f'[[budget]]\nmodel = "small.json"\nlimits = ["{FORWARD} <= 1 * small.json,classes=3"]'
    [budget] = read(text).budgets
    assert str(budget.spec) == "segfast,stem_width=48"
    assert budget.limits[0].limit.to == "small.json,classes=3"


def test_models_and_what_they_are_held_against_may_name_runtimes():
    [budget] = read(
        """
        [[budget]]
        model = "segfast,classes=2@openvino:bf16,head=argmax"
        limits = [
          "latency.forward.p50_s <= 0.6 * segfast,classes=2@eager,head=argmax",
          "latency.forward.p50_s <= 0.6 * segfast,classes=2 + 3 %",
        ]
        """
    ).budgets
    assert str(budget.candidate) == "segfast,classes=2@openvino:bf16,head=argmax"
    assert [placed.limit.to for placed in budget.limits] == [
        "segfast,classes=2@eager,head=argmax", "segfast,classes=2",
    ]  # fmt: skip


def test_a_network_in_eager_is_not_the_one_whose_runtime_the_command_says():
    limits = [f"{FORWARD} <= 0.6 * segfast@eager"]
    assert make_budget("segfast", limits).limits[0].limit.to == "segfast@eager"
    with pytest.raises(UsageError) as caught:
        make_budget("segfast@eager:fp32", limits)
    assert str(caught.value) == (
        f"limit '{FORWARD} <= 0.6 * segfast@eager' holds 'segfast' against itself; name another "
        "model, or 'baseline' for another state of this one"
    )


def test_the_same_limit_under_another_workload_is_another():
    text = with_limits('["params <= 1"]')
    assert len(read(f"{text}{text}workload = {{ classes = 3 }}").budgets) == 2


def test_a_multiple_of_the_baseline_needs_no_baseline_in_the_file():
    found = read(with_limits(f'["{FORWARD} <= 1.02 * baseline", "{FORWARD} <= 2 * reference"]'))
    assert [placed.limit.to for placed in found.budgets[0].limits] == ["baseline", "reference"]


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert len(read("\ufeff" + with_limits('["params <= 1"]')).budgets) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", (f"budgets.toml: there is no budget in it; write [[budget]] with model = 'segfast' "
         f"and {A_LIST}")),
        ('# nothing\nbaseline = "b.json"\n', ("budgets.toml: there is no budget in it; write "
         f"[[budget]] with model = 'segfast' and {A_LIST}")),
        ("[budget]\nmodel = 'segfast'\n", ("budgets.toml:1: 'budget' is no list of tables; write "
         "[[budget]] in two brackets")),
        ("\nbudget = [1]\n", ("budgets.toml:2: 'budget' is no list of tables; write [[budget]] in "
         "two brackets")),
        ("\nbasline = 1\n", ("budgets.toml:2: unknown key 'basline' at the top of the file; did "
         "you mean 'baseline'? (keys: baseline, workload, budget)")),
        ("\n\n[[budgets]]\n", ("budgets.toml:3: unknown key 'budgets' at the top of the file; did "
         "you mean 'budget'? (keys: baseline, workload, budget)")),
        ("baseline = 3\n" + with_limits('["params <= 1"]'), ("budgets.toml:1: baseline must be "
         "text in quotes, such as 'baseline.json', got 3")),
        ("workload = 3\n", ("budgets.toml:1: workload must be a table, such as "
         "{ size = '360x480' }, got 3")),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_refused(text, line):
    assert refusal(text) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[[budget]]\n\n# limits = 1\nlimts = []\n", ("budgets.toml:4: unknown key 'limts' in "
         "[[budget]]; did you mean 'limits'? (keys: model, workload, limits)")),
        ("\n[[budget]]\nlimits = ['params <= 1']\n", ("budgets.toml:2: this [[budget]] has no "
         "model; write model = 'segfast'")),
        ("[[budget]]\nmodel = ['segfast']\n", ("budgets.toml:2: model must be text in quotes, such "
         "as 'segfast', got ['segfast']")),
        ("[[budget]]\nmodel = ''\n", ("budgets.toml:2: model must be text in quotes, such as "
         "'segfast', got ''")),
        ("[[budget]]\nmodel = 'segfas'\n", (f"budgets.toml:2: unknown model 'segfas'; did you mean "
         f"'segfast'? {ZOO}")),
        ("[[budget]]\nmodel = 'segfast,width'\n", ("budgets.toml:2: cannot read model "
         "'segfast,width': option 'width' has no value; write width=VALUE")),
        ("[[budget]]\nmodel = 'none.json'\n", ("budgets.toml:2: cannot read model file "
         "'none.json': no such file or directory; give a JSON file like "
         '{"name": "segfast", "options": {"classes": 12}}')),
        ("\n[[budget]]\nmodel = 'segfast'\n", (f"budgets.toml:2: the budget of 'segfast' has no "
         f"limits; write {A_LIST}")),
        (with_limits("[]"), ("budgets.toml:3: the budget of 'segfast' has no limits; write "
         f"{A_LIST}")),
        (with_limits("'params <= 1'"), ("budgets.toml:3: limits must be a list, got 'params <= 1'; "
         f"write {A_LIST}")),
        (with_limits("[\n5]"), ("budgets.toml:4: a limit must be text in quotes, such as 'params "
         "<= 603_288', got 5")),
        (with_limits("['params <= 1',\n'parms <= 1']"), ("budgets.toml:4: cannot read limit "
         "'parms <= 1': unknown metric 'parms'; did you mean 'params'? "
         f"(metrics: {', '.join(METRICS)})")),
        (with_limits(f"['{FORWARD} <= 4 mS']"), (f"budgets.toml:3: cannot read limit '{FORWARD} <= "
         f"4 mS': unknown unit 'mS'; did you mean 'ms'? (units of '{FORWARD}': s, ms, us, ns; a "
         "multiple is written '0.25 * MODEL')")),
        (with_limits(f"[\n\n'{FORWARD} <= 1 * segent']"), ("budgets.toml:5: unknown model "
         f"'segent'; did you mean 'segnet'? {ZOO}")),
        (with_limits(f"['{FORWARD} <= 1 * none.json']"), ("budgets.toml:3: cannot read model file "
         "'none.json': no such file or directory; give a JSON file like "
         '{"name": "segfast", "options": {"classes": 12}}')),
        (with_limits(f"['{FORWARD} <= 1 * segfast']"), (f"budgets.toml:3: limit '{FORWARD} <= 1 * "
         "segfast' holds 'segfast' against itself; name another model, or 'baseline' for another "
         "state of this one")),
        (with_limits("['params <= 1k', 'params <= 2',\n'params <= 1_000']"), ("budgets.toml:4: "
         "limit 'params <= 1_000' on model 'segfast' stands in line 3 already; leave one of them "
         "out")),
        (2 * (with_limits("['params <= 1']") + "workload.classes = 3\n"), ("budgets.toml:7: limit "
         "'params <= 1' on model 'segfast' stands in line 3 already; leave one of them out")),
        ("[workload]\nclasses = 3\n" + with_limits("['params <= 1']") + with_limits(
         "['params <= 1']") + "workload = { classes = 3 }", ("budgets.toml:8: limit 'params <= 1' "
         "on model 'segfast' stands in line 5 already; leave one of them out")),
        ("[[budget]]\nmodel = 'segfast'\nlimits = ['params <= 1']\nworkload = { thread = 1 }",
         "budgets.toml:4: unknown key 'thread' in workload; did you mean 'threads'? " + WORKLOAD),
        ("[[budget]]\nmodel = 'segfast'\nlimits = ['params <= 1']\nworkload = '8x8'",
         "budgets.toml:4: workload must be a table, such as { size = '360x480' }, got '8x8'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_budget_is_said_with_its_line(text, line):
    assert refusal(text) == line


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("sise = '8x8'", f"unknown key 'sise' in workload; did you mean 'size'? {WORKLOAD}"),
        ("size = '224'", "size '224' is not HEIGHTxWIDTH in pixels; write for example 360x480"),
        ("size = 224", "size must be text in quotes, such as '360x480', got 224"),
        ("batch = 0", "batch must be a positive whole number, got 0"),
        ("batch = 1.0", "batch must be a positive whole number, got 1.0"),
        ("threads = '2'", "threads must be a positive whole number, got '2'"),
        ("threads = true", "threads must be a positive whole number, got True"),
        ("classes = -3", "classes must be a positive whole number, got -3"),
        ("seed = -1", "seed must be a whole number of 0 or more, got -1"),
        ("seed = false", "seed must be a whole number of 0 or more, got False"),
        ("device = 'tpu'", "device must be cpu or cuda, got 'tpu'"),
        ("device = ['cpu']", "device must be cpu or cuda, got ['cpu']"),
        ("allocator = 'fast'", "allocator must be steady or system, got 'fast'"),
        ("runtime = 1", "runtime must be text in quotes, such as 'eager', got 1"),
        ("input = 1", "input must be text in quotes, such as 'street.png', got 1"),
        ("input = 'none.png'", ("there is no picture 'none.png'; give its path from this file's "
         "folder")),
    ],
)  # fmt: skip
def test_a_wrong_value_in_a_workload_is_said_with_its_line(given, line):
    assert refusal(with_workload(given)) == f"budgets.toml:3: {line}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = = 2\n", "budgets.toml:2: this is not TOML: invalid value (column 5)"),
        ("\n[[budget]\n", ("budgets.toml:2: this is not TOML: expected ']]' at the end of an array "
         "declaration (column 9)")),
        ("a = 1\nb =\n", "budgets.toml:2: this is not TOML: invalid value (column 4)"),
        ("a = 1\nb = [1,\n", ("budgets.toml:2: this is not TOML: invalid value (end of the "
         "file)")),
        ("a = " + 9000 * "[", ("budgets.toml: this is not TOML: lists or tables stand in one "
         "another too deeply")),
        ("a" + 9999 * ".a" + " = 1", ("budgets.toml: this is not TOML: a line of 20003 "
         "characters; 10000 are the most")),
    ],
)  # fmt: skip
def test_what_is_not_toml_is_said_with_line_and_column_once(text, line):
    assert refusal(text) == line


def test_a_number_that_python_does_not_read_is_said():
    assert refusal(f"a = {9000 * '1'}").startswith("budgets.toml: this is not TOML: Exceeds the ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.toml", "no such file or directory"),
        (".", "is a directory"),
        ("latin.toml", "it is not text"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(name, reason):
    Path("latin.toml").write_bytes("# Größe\n".encode("latin-1"))
    with pytest.raises(UsageError) as caught:
        read_budget_file(name)
    assert str(caught.value) == f"cannot read budget file {name!r}: {reason}"


def test_limits_that_stand_in_no_file_have_no_place():
    budget = make_budget("segfast,classes=3", ["params <= 5", f"{FORWARD} <= 2 * baseline"])
    assert (budget.model, budget.place, dict(budget.workload)) == ("segfast,classes=3", None, {})
    assert [(placed.limit.bound, placed.place) for placed in budget.limits] == [
        (5, None),
        (2, None),
    ]


@pytest.mark.parametrize(
    ("model", "limits", "line"),
    [
        ("segfast", [], ("no limit is given for model 'segfast'; give one as in 'params <= "
         "603_288'")),
        ("segfas", ["params <= 1"], f"unknown model 'segfas'; did you mean 'segfast'? {ZOO}"),
        ("segfast", [f"{FORWARD} <= 1 * segent"], ("unknown model 'segent'; did you mean 'segnet'? "
         f"{ZOO}")),
        ("segfast@egger", ["params <= 1"], ("unknown runtime 'egger'; did you mean 'eager'? "
         f"(runtimes: {RUNTIMES})")),
        ("segfast", [f"{FORWARD} <= 1 * segfast@egger"], ("unknown runtime 'egger'; did you mean "
         f"'eager'? (runtimes: {RUNTIMES})")),
        ("segfast", [f"{FORWARD} <= 1 * segfast@"], (f"cannot read limit '{FORWARD} <= 1 * "
         "segfast@': '' is no runtime's name; write eager")),
        ("segfast", [f"{FORWARD} <= 1 * segfast@eager,hed=argmax"], ("runtime 'eager' has no "
         "option 'hed'; did you mean 'head'? (options: head, lower, layout)")),
        ("segfast", ["params"], ("cannot read limit 'params': it has no '<='; write it as in "
         "'params <= 603_288'")),
        ("segfast", ["params <= 1", "params<=1"], ("limit 'params<=1' on model 'segfast' is given "
         "twice; leave one of them out")),
    ],
)  # fmt: skip
def test_wrong_limits_that_stand_in_no_file_are_refused(model, limits, line):
    with pytest.raises(UsageError) as caught:
        make_budget(model, limits)
    assert str(caught.value) == line


class TestTheZoosOwnBudget:
    """The file at the project's root, which its own checks run."""

    @pytest.fixture
    def budgets(self):
        return read_budget_file(ROOT / "budgets.toml").budgets

    def test_every_network_of_the_paper_has_one(self, budgets):
        assert sorted(budget.model for budget in budgets) == sorted(models(tag="paper"))

    def test_the_exact_limits_are_the_papers_counts(self, budgets):
        for budget in budgets:
            row = entry(budget.model)
            exact = {
                placed.limit.metric.name: placed.limit.bound
                for placed in budget.limits
                if placed.limit.kind == "exact"
            }
            assert exact == {
                "params": row.params_at_22,
                "weights_bytes": 4 * row.params_at_22,  # in single precision
                "macs.forward": row.conv_macs_at_22,
            }
            assert budget.workload["classes"] == 22
            assert budget.workload["size"] == (224, 224)

    def test_what_is_slow_to_time_is_not_timed(self, budgets):
        timed = set()
        for budget in budgets:
            for placed in budget.limits:
                if placed.limit.kind != "exact":
                    assert placed.limit.kind == "relative"  # an absolute one holds on one machine
                    timed |= {budget.model, placed.limit.to}
        assert timed == {"segfast", "segfast-basic", "segnet-basic"}
