"""A space with a law: what each network's latency and mIoU are, without measuring or training."""

# ruff: noqa: S311 - orders and choices are no secrets

import math
import random

from segbench.errors import MeasurementError, UsageError
from segbench.search.layer_costs import conv
from segbench.search.space import Kind, Study, Width
from segbench.search.trial import LatencyRatio, TrialRecord
from zoo.spec import ModelSpec

DIMENSIONS = (
    *(Width(f"w{at}", 8, 64) for at in range(1, 5)),
    *(Kind(f"k{at}", ("a", "b")) for at in range(1, 4)),
)
FIRST = {f"w{at}": 40 for at in range(1, 5)} | {f"k{at}": "a" for at in range(1, 4)}


def build(values):
    widths = tuple(values[f"w{at}"] for at in (1, 2, 3, 4))
    kinds = "".join(values[f"k{at}"] for at in (1, 2, 3))
    return ModelSpec("segfast", {"squeeze": widths * 2, "note": kinds})


def layers(values, *, size, classes):
    del classes
    return [conv(values[f"w{at}"], 32, size[0] * size[1]) for at in range(1, 5)]


SPACE = Study(
    name="made-up",
    summary="widths that cost time and bring accuracy, with diminishing returns",
    dimensions=DIMENSIONS,
    build=build,
    layers=layers,
    first=(FIRST, {**FIRST, "w1": 16}, {**FIRST, "k1": "b"}),
)


def latency_of(values):
    """Seconds: the widths count, and kind b costs a fifth more."""
    wide = sum(values[f"w{at}"] * at for at in range(1, 5))
    return 1e-4 * wide * 1.2 ** sum(values[f"k{at}"] == "b" for at in range(1, 4))


def miou_of(values, epochs=9):
    """Saturates with width; kind b helps at the first place only; more epochs help."""
    wide = sum(math.log(values[f"w{at}"]) for at in range(1, 5))
    gain = 0.03 * (values["k1"] == "b") - 0.02 * (values["k2"] == "b")
    return (0.1 + 0.025 * wide + gain) * (1 - 0.5 / math.sqrt(epochs + 1))


def timed(values, reference_s=0.04):
    ratio = latency_of(values) / latency_of(FIRST)
    return LatencyRatio(ratio, (0.99 * ratio, 1.01 * ratio), reference_s, 3)


def trials_of(count, *, seed, stopped=0):
    """Return trials of networks drawn at random, the first so many stopped after three epochs."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        values = SPACE.draw(rng)
        state, rungs = ("stopped", (1, 3)) if number < stopped else ("trained", (1, 3, 9))
        found.append(
            TrialRecord(
                number,
                values,
                str(build(values)),
                state,
                latency_of(values),
                {epochs: miou_of(values, epochs) for epochs in rungs},
            )
        )
    return found


class MadeUp:
    """An evaluator that follows the law, and says what it was asked for."""

    def __init__(self, *, fails=(), asked=None):
        self.fails = fails
        self.asked = [] if asked is None else asked

    def time(self, values):
        self.asked.append(("time", dict(values)))
        if "time" in self.fails and values["k3"] == "b":
            raise MeasurementError("the worker that measured 'segfast' was killed by SIGKILL")
        return timed(values)

    def train(self, number, values, *, until):
        self.asked.append(("train", number, until))
        if "train" in self.fails and values["k3"] == "b":
            raise MeasurementError("the loss became nan in epoch 1, batch 3 of 46")
        if "disk" in self.fails and number == 4:
            raise UsageError("cannot write 'last.safetensors': no space left on device")
        return miou_of(values, until)
