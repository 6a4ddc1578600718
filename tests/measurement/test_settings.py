"""What may be asked of a measurement."""

import hashlib
import os

import pytest
from PIL import Image

from segbench.errors import UsageError
from segbench.measurement import settings
from segbench.measurement.host.cpus import effective_cpus
from segbench.measurement.profile import compare
from segbench.measurement.settings import Settings, thread_counts
from segbench.measurement.workers.supervisor import Question, ask_once
from segbench.results.candidate import RuntimeSpec
from zoo.allowed import ForbiddenImportError, allow_import
from zoo.errors import UnknownModelError
from zoo.spec import ModelSpec

CPUS = os.cpu_count()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"threads": 0}, "threads must be a positive whole number, got 0"),
        ({"batch": -1}, "batch must be a positive whole number, got -1"),
        ({"size": (0, 8)}, "height must be a positive whole number, got 0"),
        ({"size": (8, 0)}, "width must be a positive whole number, got 0"),
        ({"classes": 0}, "classes must be a positive whole number, got 0"),
        ({"repeats": 0}, "repeats must be a positive whole number, got 0"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"seed": 2**32}, "seed must be at most 4294967295, got 4294967296"),
        ({"seed": 10**29}, f"seed must be at most 4294967295, got {10**29}"),
        ({"seed": 10**5000}, "seed must be at most 4294967295, got a number of over 30 digits"),
        ({"seed": None}, "seed must be a whole number of 0 or more, got None"),
        (
            {"threads": 64 * CPUS + 1},
            f"threads must be at most {64 * CPUS} here, got {64 * CPUS + 1}",
        ),
        ({"threads": 1.0}, "threads must be a positive whole number, got 1.0"),
        ({"threads": True}, "threads must be a positive whole number, got True"),
        ({"batch": 65_537}, "batch must be at most 65536, got 65537"),
        ({"batch": None}, "batch must be a positive whole number, got None"),
        ({"size": (100_001, 1)}, "height must be at most 100000, got 100001"),
        ({"size": (1, 100_001)}, "width must be at most 100000, got 100001"),
        ({"size": (8,)}, "size must be (height, width) in pixels, got (8,)"),
        ({"classes": 65_537}, "classes must be at most 65536, got 65537"),
        ({"repeats": 10_001}, "repeats must be at most 10000, got 10001"),
        (
            {"size": (26_755, 26_756)},  # x 3 is the first product of neighbours above 2 ** 31 - 1
            (
                "an input of 1x3x26755x26756 has 2147570340 numbers, and may have 2147483647; "
                "take a smaller size or batch"
            ),
        ),
        (
            {"size": (1024, 1024), "batch": 1024},
            (
                "an input of 1024x3x1024x1024 has 3221225472 numbers, and may have 2147483647; "
                "take a smaller size or batch"
            ),
        ),
        ({"device": "tpu"}, "device must be cpu or cuda, got 'tpu'"),
        ({"allocator": "fast"}, "allocator must be steady or system, got 'fast'"),
        ({"runtime": "egger"}, "unknown runtime 'egger'; did you mean 'eager'? (runtimes: eager)"),
        ({"runtime": "onnx"}, "unknown runtime 'onnx' (runtimes: eager)"),
    ],
)
def test_a_value_out_of_range_is_refused(changes, text):
    with pytest.raises(UsageError) as caught:
        Settings.of(**changes)
    # A table of runtimes only grows; the names at its end are not this test's business.
    assert str(caught.value).partition(" (runtimes")[0] == text.partition(" (runtimes")[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 64 * CPUS},
        {"seed": 2**32 - 1},
        {"seed": 0},
        {"batch": 65_536, "size": (1, 1)},
        {"size": (1, 100_000)},
        {"size": (26_754, 26_755)},
        {"classes": 65_536},
        {"repeats": 10_000},
    ],
)
def test_the_last_value_in_range_is_taken(changes):
    Settings.of(**changes)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--threads", "100000"), f"threads must be at most {64 * CPUS} here, got 100000"),
        (("--seed", "1" * 30), f"seed must be at most 4294967295, got {'1' * 30}"),
        (("--size", "999999x8"), "height must be at most 100000, got 999999"),
        (
            ("--size", f"8x{'9' * 30}"),
            f"size '8x{'9' * 30}' is not HEIGHTxWIDTH in pixels; write for example 360x480",
        ),
        (("--batch", "100000"), "batch must be at most 65536, got 100000"),
        (("--classes", "70000"), "classes must be at most 65536, got 70000"),
    ],
)
def test_a_command_refuses_it_in_one_line_before_anything_is_started(here, options, text):
    assert here("profile", "segfast", *options) == (2, "", f"segbench: {text}\n")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            ("--max-time", f"{'9' * 400}min"),
            f"max-time '{'9' * 40}...' is more than 8760h, which is a year",
        ),
        (("--max-time", "8761h"), "max-time '8761h' is more than 8760h, which is a year"),
        (
            ("--max-time", "1e999"),
            "max-time '1e999' is no time above 0; write for example 90s or 5min",
        ),
        (("--precision", "1001%"), "precision '1001%' is more than 1000%"),
        (("--precision", f"{'9' * 5000}%"), f"precision '{'9' * 40}...' is more than 1000%"),
    ],
)
def test_a_command_refuses_a_time_or_a_share_without_sense(here, options, text):
    code, out, said = here("compare", "segfast", "segnet", *options)
    assert (code, out) == (2, "")
    assert said == f"segbench: {text}\n"


def test_a_model_of_too_many_classes_is_refused():
    with pytest.raises(UsageError) as caught:
        Settings().task("segfast,classes=65537")
    assert str(caught.value) == "classes must be at most 65536, got 65537"


def test_a_specification_that_nobody_has_allowed_starts_no_worker():
    with pytest.raises(ForbiddenImportError) as caught:
        Settings().task(ModelSpec("nobodys.nets:tiny"))
    assert str(caught.value) == (
        "a file names 'nobodys.nets:tiny', and names in files import nothing but what is allowed; "
        "if you trust it, add --allow-import nobodys.nets"
    )


def test_a_worker_may_import_what_is_allowed_here_and_no_more():
    assert Settings().task("segfast").allow == ()
    assert Settings().task("owned.nets:tiny").allow == ("owned.nets:tiny",)
    allow_import("other.nets")
    assert Settings().task(ModelSpec("other.nets.small:tiny")).allow == ("other.nets",)


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_file_leads_no_worker_out_of_the_module_that_is_allowed():
    allow_import("nets_that_fail")
    small = Settings.of(size=(8, 8), threads=1)
    task = small.task(ModelSpec("nets_that_fail:os.abort"))
    with pytest.raises(UsageError) as caught:
        ask_once(Question(task, "inspection", "inspect", {"strict": False}))
    assert str(caught.value) == (
        "'nets_that_fail:os.abort' leads to code of posix, which is not allowed; if you trust it, "
        "add --allow-import nets_that_fail:os.abort"
    )


def test_without_a_thread_count_there_are_as_many_as_effective_cpus():
    assert Settings().thread_count == effective_cpus()
    assert Settings.of(threads=7).thread_count == 7


def test_a_task_carries_everything_that_was_asked_for():
    settings = Settings.of(
        threads=3, batch=2, size=(8, 16), classes=5, allocator="system", runtime="eager", seed=9
    )
    task = settings.task("segfast,stem_width=48")
    assert (task.network.name, task.network.options) == ("segfast", {"stem_width": 48})
    assert (task.threads, task.workload.shape) == (3, (2, 3, 8, 16))
    workload = task.workload
    assert (workload.classes, workload.allocator, workload.seed) == (5, "system", 9)
    assert task.candidate.runtime == RuntimeSpec("eager")
    assert task.picture is None


def test_the_class_count_is_open_unless_somebody_names_it():
    assert (
        Settings().task("segfast").workload.classes is None
    )  # the worker fills it in, and checks others


def test_a_model_may_be_text_or_a_specification():
    spec = ModelSpec("segfast", {"stem_width": 48})
    assert Settings().task(spec) == Settings().task("segfast,stem_width=48")


def test_class_counts_that_agree_are_no_contradiction():
    assert Settings.of(classes=5).task("segfast,classes=5").network.options == {"classes": 5}


def test_class_counts_that_contradict_each_other_are_refused():
    with pytest.raises(UsageError) as caught:
        Settings.of(classes=4).task("segfast,classes=3")
    assert str(caught.value) == (
        "model 'segfast,classes=3' has 3 classes and --classes says 4; give only one of them"
    )


def test_an_unknown_model_is_refused_with_its_nearest_name():
    with pytest.raises(UnknownModelError, match=r"^unknown model 'segfas'; did you mean 'segfast'"):
        Settings().task("segfas")


def test_no_model_at_all_is_refused():
    with pytest.raises(UsageError) as caught:
        Settings().tasks([])
    assert str(caught.value) == "no model was named; name some, or give --all"


def test_a_model_that_is_named_twice_is_refused():
    with pytest.raises(UsageError) as caught:
        Settings().tasks(["segfast", "segnet", "segfast"])
    assert str(caught.value) == "model 'segfast' is named twice; name it once"


def test_one_model_with_two_sets_of_options_is_two_models():
    tasks = Settings().tasks(["segfast", "segfast,stem_width=48"])
    assert [task.network.options for task in tasks] == [{}, {"stem_width": 48}]


def test_an_input_is_noise_or_a_picture_with_its_checksum(tmp_path):
    assert Settings().describe_input() == "noise"
    picture = tmp_path / "street.png"
    Image.new("RGB", (2, 2)).save(picture)
    checksum = hashlib.sha256(picture.read_bytes()).hexdigest()
    assert Settings.of(input=picture).describe_input() == f"street.png sha256:{checksum}"


def test_a_picture_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        Settings.of(input=tmp_path / "none.png").describe_input()
    path = str(tmp_path / "none.png")
    assert str(caught.value) == f"cannot read picture {path!r}: no such file or directory"
    with pytest.raises(UsageError) as caught:
        Settings.of(input=tmp_path).describe_input()
    assert str(caught.value) == f"cannot read picture {str(tmp_path)!r}: is a directory"


def test_a_worker_is_given_the_whole_path_of_a_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.of(input="street.png").task("segfast").picture == str(tmp_path / "street.png")


@pytest.mark.parametrize(
    ("cpus", "counts"), [(1, (1,)), (2, (1, 2)), (4, (1, 2, 4)), (6, (1, 2, 4, 6))]
)
def test_all_thread_counts_are_powers_of_two_and_the_effective_cpus(monkeypatch, cpus, counts):
    monkeypatch.setattr(settings, "effective_cpus", lambda: cpus)
    assert thread_counts("all") == counts


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("profile", "--threads", "1,2"), ("threads must be one whole number here, got 1,2; only "
         "compare takes several")),
        (("profile", "--threads", "all"), ("threads must be one whole number here, got all; only "
         "compare takes several")),
        (("compare", "--threads", "1,1"), "threads 1,1 name a number twice; name each once"),
        (("compare", "--threads", "1,0"), "threads must be a positive whole number, got 0"),
        (("compare", "--threads", "1,"), ("Invalid value for '--threads': '1,' is no whole number, "
         "and no list of them such as 1,2; see --help")),
    ],
)  # fmt: skip
def test_thread_counts_that_make_no_sense_are_one_line(here, arguments, text):
    command, *options = arguments
    assert here(command, "segfast", *options) == (2, "", f"segbench: {text}\n")


def test_networks_are_compared_with_several_thread_counts():
    found = compare(
        ["nets_for_tests:Pointwise", "nets_for_tests:Prints@eager,threads=1"],
        threads=(1, 2), size=(16, 16), repeats=1, training=False,
    )  # fmt: skip
    counts = {profile.label: profile.workload.threads for profile in found.profiles}
    assert {label: (each.requested, each.intra_op) for label, each in counts.items()} == {
        "nets_for_tests:Pointwise@eager,threads=1": (1, 1),
        "nets_for_tests:Pointwise@eager,threads=2": (2, 2),
        "nets_for_tests:Prints@eager,threads=1": (1, 1),
    }
