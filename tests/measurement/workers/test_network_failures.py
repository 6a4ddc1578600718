"""Networks that fail in any way: one line that says which failed and how, and the right kind."""

import os
import re
from contextlib import contextmanager

import pytest
from commands import segbench_here
from processes_for_tests import SMALL, SUPPORT

from segbench.errors import MeasurementError, NotComparableError, WriteError
from segbench.measurement.workers.pool import start_pools
from segbench.measurement.workers.supervisor import Question, Worker, ask_each

pytestmark = pytest.mark.measures

WORKER = "the worker that measured 'nets_that_fail:"


def task_of(text):
    return SMALL.task(f"nets_that_fail:{text}")


@contextmanager
def same_environment():
    """Hide what pytest tells processes of the test: a pool has those of one environment alone."""
    named = os.environ.pop("PYTEST_CURRENT_TEST")
    try:
        yield
    finally:
        os.environ["PYTEST_CURRENT_TEST"] = named


@pytest.fixture(scope="module")
def pool():
    """Start what all workers of these tests are forked from: torch is imported once."""
    with same_environment():
        (started,) = start_pools([task_of("Ends")], 1, training=True)
    yield started
    started.close()


@pytest.fixture
def opened(pool):
    """Return a function that opens a worker; it is closed at the end."""

    def open_one(text):
        with same_environment():
            (worker,) = pool.open([task_of(text)])
        return worker

    yield open_one
    pool.dismiss()


def failure(kind, worker, work="inference"):
    with pytest.raises(kind) as caught:
        worker.ask("warm_up", work=work)
    assert type(caught.value) is kind
    return caught.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("text", r"failed on an input of 1x3x64x64: ValueError: \x1b[31mred\x07"),
        ("nothing", "failed on an input of 1x3x64x64: ValueError"),
        ("nameless", "failed on an input of 1x3x64x64: NamelessError"),
        ("exit", "failed on an input of 1x3x64x64: SystemExit: 0"),
        ("stderr_tail", "failed on an input of 1x3x64x64: SystemExit: good bye"),
        ("memory", "ran out of memory on an input of 1x3x64x64; try a smaller --size or --batch"),
    ],
)
def test_whatever_a_network_raises_is_one_line_on_that_network(opened, error, said):
    found = failure(MeasurementError, opened(f"ForwardRaises,error={error}"))
    assert str(found) == (f"network 'nets_that_fail:ForwardRaises,classes=22,error={error}' {said}")


def test_an_interrupt_that_a_network_raises_itself_is_no_ctrl_c(opened):
    found = failure(MeasurementError, opened("ForwardRaises,error=interrupt"))
    assert str(found) == (
        "network 'nets_that_fail:ForwardRaises,error=interrupt' failed on an input of 1x3x64x64: "
        "KeyboardInterrupt"
    )


def test_a_line_is_cut_where_a_network_has_a_million_characters_to_say(opened):
    found = failure(MeasurementError, opened("ForwardRaises,error=long"))
    begun = (
        "network 'nets_that_fail:ForwardRaises,classes=22,error=long' failed on an input of "
        "1x3x64x64: ValueError: xxx"
    )
    assert str(found).startswith(begun)
    assert len(str(found)) < 1_200
    assert len("".join(found.__notes__)) < 100_000


def test_a_traceback_gives_no_orders_to_a_terminal(opened):
    found = failure(MeasurementError, opened("ForwardRaises,error=text"))
    (trace,) = found.__notes__
    assert "nets_that_fail.py" in trace
    assert r"ValueError: \x1b[31mred" in trace
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", trace)


def test_calls_that_get_too_deep_are_the_networks_fault(opened):
    found = failure(MeasurementError, opened("CallsItself"))
    assert str(found) == (
        "network 'nets_that_fail:CallsItself,classes=22' failed on an input of 1x3x64x64: "
        "RecursionError: maximum recursion depth exceeded"
    )


def test_memory_that_there_is_not_is_told_with_what_to_do(opened):
    found = failure(MeasurementError, opened("WantsTooMuch"))
    assert str(found) == (
        "network 'nets_that_fail:WantsTooMuch,classes=22' ran out of memory on an input of "
        "1x3x64x64; try a smaller --size or --batch"
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("quietly", "ended by itself with code 0; see --debug for its last words"),
        ("abort", "was killed by SIGABRT; see --debug for its last words"),
        ("real_time_signal", "was killed by signal 40; see --debug for its last words"),
        ("files", "ended by itself with code 1; see --debug for its last words"),
    ],
)
def test_a_network_that_ends_its_process_is_told_by_how_it_ended(opened, how, said):
    found = failure(MeasurementError, opened(f"Ends,how={how}"))
    assert str(found) == f"{WORKER}Ends,how={how}' {said}"


def test_a_worker_that_closed_its_files_is_not_waited_for(opened):
    name = "Ends,how=files_and_waits"
    assert "was killed by SIGKILL" in str(failure(MeasurementError, opened(name)))
    with Worker(task_of(name), "timing") as alone:
        alone.receive()
        assert "was killed by SIGKILL" in str(failure(MeasurementError, alone))


@pytest.mark.parametrize("text", ["this is no reply", "[1]", '"\xff\xfe"', "{" * 20])
def test_what_a_network_writes_into_the_files_of_its_worker_is_no_reply(opened, text):
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    network = f"WritesEverywhere,text={quoted}"
    found = failure(MeasurementError, opened(network))
    assert str(found) == (
        f"the worker that measured {task_of(network).label!r} sent what is no reply; a network "
        "must not write to files that it did not open"
    )


def test_an_error_in_a_finalizer_of_a_network_stops_nothing(opened):
    assert opened("RaisesWhenDeleted").ask("warm_up", work="inference")["calls"] > 1


def test_a_batch_that_cannot_be_normalised_is_told_in_the_words_of_torch(opened):
    worker = opened("CannotBeTrained")
    worker.ask("warm_up", work="inference")
    assert str(failure(MeasurementError, worker, "training")) == (
        "network 'nets_that_fail:CannotBeTrained,classes=22' failed on an input of 1x3x64x64: "
        "ValueError: Expected more than 1 value per channel when training, got input size "
        "torch.Size([1, 22, 1, 1])"
    )


def test_a_backward_pass_that_fails_is_the_networks_too(opened):
    worker = opened("ChangesWhatItNeeds")
    worker.ask("warm_up", work="inference")
    assert str(failure(MeasurementError, worker, "training")).startswith(
        "network 'nets_that_fail:ChangesWhatItNeeds,classes=22' failed on an input of 1x3x64x64: "
        "RuntimeError: one of the variables needed for gradient computation has been modified"
    )


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        ("write", WriteError, "cannot write 'a.bin': no space left on device"),
        ("comparison", NotComparableError, "the classes differ"),
    ],
)
def test_an_error_of_segbench_is_of_its_own_kind_on_this_side_too(opened, error, kind, text):
    assert str(failure(kind, opened(f"ForwardRaises,error={error}"))) == text


def test_a_fault_of_segbench_is_not_put_on_the_network(opened):
    worker = opened("RaisesWhenDeleted")
    with pytest.raises(MeasurementError) as caught:
        worker.ask(
            "block", work="inference", seconds=0.1, discard_first=False
        )  # before any warm-up
    assert re.fullmatch(
        r"KeyError: 'inference' \(at timing\.py:\d+\); this is a fault of segbench, please report "
        r"it with what --debug shows",
        str(caught.value),
    )


@pytest.mark.usefixtures("forked")
def test_of_several_that_fail_the_first_is_told_and_not_the_quickest():
    questions = [
        Question(task_of(f"FailsLate,seconds={late}"), "timing", "warm_up", {"work": "inference"})
        for late in (1.0, 0.3, 0.0)
    ]
    with pytest.raises(MeasurementError, match=r"ValueError: failed after 1 s$"):
        ask_each(questions, at_a_time=3, progress=lambda _: None)


@pytest.mark.parametrize("model", ["ForwardRaises,error=exit", "ForwardRaises,error=long"])
@pytest.mark.usefixtures("forked")
def test_a_command_says_so_in_one_line_and_ends_with_5(model):
    named = f"nets_that_fail:{model}"
    done = segbench_here("profile", named, "--size", "64x64", folder=SUPPORT)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("segbench: network 'nets_that_fail:ForwardRaises,classes=22,")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 1_200
