"""What a worker tells of its stages: engines that are prepared and called, nothing in eager."""

import pytest
from breaking_runtimes import ROWS
from tasks import make_task

from segbench.measurement.instruments.inspection import InspectionInstrument
from segbench.measurement.instruments.parity import ParityInstrument
from segbench.measurement.instruments.peak_memory import MemoryInstrument
from segbench.measurement.instruments.timing import TimingInstrument
from segbench.measurement.workers.stages import SLOWER, TELLER, Teller
from segbench.runtimes import RUNTIMES


@pytest.fixture
def told(monkeypatch):
    """Return the stages that are told in this process, in order."""
    monkeypatch.setitem(RUNTIMES, "sound", ROWS["sound"])
    found = []
    monkeypatch.setattr(TELLER, "_send", lambda message: found.append(message["stage"]))
    monkeypatch.setattr(TELLER, "_stage", None)
    return found


def task(runtime):
    return make_task("nets_for_tests:Pointwise", runtime=runtime, height=32, width=32)


PREPARED = ["preparing", "inference"]
ON_A_SMALL_NETWORK = [*PREPARED, None]  # so that the engine's own code is in memory


@pytest.mark.parametrize(
    ("instrument", "ask", "stages"),
    [
        (TimingInstrument, lambda it: it.warm_up("inference"), PREPARED),
        (ParityInstrument, lambda it: it.measure(), [*PREPARED, *["inference"] * 3]),
        (MemoryInstrument, lambda it: it.prepare(), [*ON_A_SMALL_NETWORK, *PREPARED]),
        (MemoryInstrument, lambda it: it.measure(training=False), [*ON_A_SMALL_NETWORK, *PREPARED]),
        (InspectionInstrument, lambda it: it.inspect(strict=False), []),
    ],
)
def test_what_calls_an_engine_is_told_before_and_eager_tells_nothing(instrument, ask, stages, told):
    ask(instrument(task("sound")))
    assert told == stages
    told.clear()
    ask(instrument(task("eager")))
    assert [each for each in told if each is not None] == []


def test_blocks_tell_nothing_for_they_are_timed(told):
    timing = TimingInstrument(task("sound"))
    timing.warm_up("inference")
    told.clear()
    timing.block("inference", 0.01, discard_first=True)
    assert told == []


def test_an_engine_may_take_ten_times_what_the_network_takes():
    sent = []
    teller = Teller()
    teller.begin("preparing")  # nobody hears it
    teller.tell_to(sent.append)
    teller.begin("inference", module_s=9.0)
    teller.begin(None)
    teller.begin(None)
    assert sent == [
        {"stage": "inference", "least_s": 9.0 * SLOWER},
        {"stage": None, "least_s": 0.0},
    ]
