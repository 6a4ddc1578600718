"""Search space `separable`: separable or standard convolutions in SegFast.

Choices: separable or standard at each of the fourteen places that have the choice, with SegFast's
widths. The space holds everything between SegFast and SegFast-Basic.
Source: section 3.1 of Pal et al., SegFast (ICVGIP 2018).
Cost and result: none yet; no search of its 16,384 networks has been finished.

    segbench search --study separable --dataset camvid
"""

from __future__ import annotations

from segbench.search.layer_costs import Layer
from segbench.search.space import Kind, Study, Values
from segbench.search.spaces import spark
from zoo.spec import ModelSpec

DIMENSIONS = tuple(each for each in spark.DIMENSIONS if isinstance(each, Kind))


def build(values: Values) -> ModelSpec:
    """Return the network of a choice."""
    return spark.build({**spark.PAPER, **values})


def layers(values: Values, *, size: tuple[int, int], classes: int) -> list[Layer]:
    """Return the operators of a choice's network."""
    return spark.layers({**spark.PAPER, **values}, size=size, classes=classes)


def kinds(*, branches: str, decoder: str) -> dict[str, int | str]:
    """Return a choice with one kind in all branches and one in the decoder."""
    chosen = spark.segfast(branches=branches, decoder=decoder)
    return {each.name: chosen[each.name] for each in DIMENSIONS}


STUDY = Study(
    name="separable",
    summary="separable or standard convolutions in SegFast",
    dimensions=DIMENSIONS,
    build=build,
    layers=layers,
    first=(
        kinds(branches="separable", decoder="separable"),
        kinds(branches="standard", decoder="standard"),
        kinds(branches="standard", decoder="separable"),
        kinds(branches="separable", decoder="standard"),
    ),
)
