r"""Search space `spark`: widths and kinds of convolution of SegFast.

Choices: S, E1 and E3 of each spark module, separable or standard for every convolution that has
the choice, and the widths of stem and decoder, all at once.
Source: the spark module is section 3.1 of Pal et al., SegFast (ICVGIP 2018). A search begins with
SegFast, SegFast-Basic, narrower copies of both, and `LEAN`, which was narrowed by hand.
Cost: 12 trials of 9 epochs on `streets`, trained at 80x80, on 2 cores of an Intel Xeon when SegFast
took 31 to 44 ms beside the trials: 9:30, 9:34 and 9:40, which trained 84 to 86 epochs and stopped
three networks each; which ones depends on the measured latencies. 30 trials of 18 epochs on CamVid,
trained at 224x224, took 48 minutes on 2 cores of an AMD EPYC, when SegFast took 24 ms.
Result: on CamVid trial 13 of the thirty, which comes from `LEAN`, takes 0.539 times as long as
SegFast (0.527 to 0.551), and trained in full it is no worse: by `paper` 0.543 and 0.542 beside
0.525, two seeds and the mean of three, which were trained for fewer epochs; by `paper+he` 0.532 and
0.543 beside 0.496; by `modern+he` 0.571 beside 0.575, the means of three seeds and of six, which
differ by a standard deviation of 0.009 each (studies/spark_camvid). On `streets` the three
searches have on their front `LEAN`, at 0.50 to 0.60 times (0.45 to 0.66 at the widest) with 0.556,
three quarters of its widths, at 0.37 to 0.42 (0.30 to 0.51) with 0.546, and half of
SegFast-Basic's, at 0.60 to 0.64 (0.48 to 0.75) with 0.562, beside SegFast's 0.553, one seed. Of the
five that each proposed three, one and three are there as well: two of them at 0.80 times (0.69 to
0.91) with 0.580 and 0.578, and the fastest at 0.25 (0.16 to 0.38) with 0.500.

    segbench search --study spark --dataset streets --trials 12
    segbench search --study spark --dataset camvid --protocol void-as-class --epochs 18 \
        --train-size 224x224 --latency-budget 0.66x --trials 30
"""

from __future__ import annotations

from functools import lru_cache

from segbench.search.layer_costs import Layer, conv, elementwise, norm, up
from segbench.search.space import Choice, Dimension, Kind, Study, Values, Width, narrowed
from zoo.spec import ModelSpec

MODULES = range(1, 9)
STAGES = (3, 2, 1)  # of the decoder, the coarsest first
KINDS = ("separable", "standard")
STRIDES = (4, 4, 8, 8, 16, 16, 16, 16)  # of the modules
FIRST_OF_BLOCK = (1, 3, 5)
WIDTHS = {at: tuple(f"{part}_{at}" for part in ("squeeze", "expand1", "expand3")) for at in MODULES}
CACHED_PARTS = 1 << 14  # of modules

# Of SegFast; the space goes up to half as much again.
SQUEEZE = (16, 16, 32, 32, 48, 48, 64, 64)
EXPAND = (64, 64, 128, 128, 192, 192, 256, 256)
DECODER = (256, 128, 64)
STEM = 64
# Of SegFast-Basic, narrowed by hand where maps are large.
LEAN_EXPAND = (48, 48, 96, 96, 192, 192, 256, 256)
LEAN_DECODER = (64, 48, 0)
LEAN_STEM = 48

DIMENSIONS: tuple[Dimension, ...] = (
    Width("stem", 16, STEM),
    *(Width(f"squeeze_{at}", 8, wide * 3 // 2) for at, wide in zip(MODULES, SQUEEZE, strict=True)),
    *(Width(f"expand1_{at}", 8, wide * 3 // 2) for at, wide in zip(MODULES, EXPAND, strict=True)),
    *(Width(f"expand3_{at}", 8, wide * 3 // 2) for at, wide in zip(MODULES, EXPAND, strict=True)),
    *(Kind(f"branch_{at}", KINDS) for at in MODULES),
    *(Kind(f"up_{at}", KINDS) for at in STAGES),
    *(Kind(f"conv_{at}", KINDS) for at in STAGES),
    *(Width(f"decoder_{at}", 16 if at > 1 else 0, wide)
      for at, wide in zip(STAGES, DECODER, strict=True)),
)  # fmt: skip


def build(values: Values) -> ModelSpec:
    """Return the network of a choice."""
    stages = stages_of(values)
    return ModelSpec(
        "segfast",
        {
            "stem_width": values["stem"],
            "squeeze": tuple(values[f"squeeze_{at}"] for at in MODULES),
            "expand1": tuple(values[f"expand1_{at}"] for at in MODULES),
            "expand3": tuple(values[f"expand3_{at}"] for at in MODULES),
            "branch_conv": tuple(values[f"branch_{at}"] for at in MODULES),
            "up_conv": tuple(values[f"up_{at}"] for at in stages),
            "decoder_conv": tuple(values[f"conv_{at}"] for at in stages),
            "decoder_width": tuple(values[f"decoder_{at}"] for at in stages),
        },
    )


def stages_of(values: Values) -> tuple[int, ...]:
    """Return the decoder's stages, without the finest if it has no channels."""
    return STAGES if values["decoder_1"] else STAGES[:-1]


def segfast(*, branches: str, decoder: str) -> dict[str, Choice]:
    """Return a choice with SegFast's widths and these kinds of convolution."""
    widths: dict[str, Choice] = {"stem": STEM}
    for at, squeeze, expand in zip(MODULES, SQUEEZE, EXPAND, strict=True):
        widths |= {f"squeeze_{at}": squeeze, f"expand1_{at}": expand, f"expand3_{at}": expand}
    widths |= {f"decoder_{at}": wide for at, wide in zip(STAGES, DECODER, strict=True)}
    kinds: dict[str, Choice] = {f"branch_{at}": branches for at in MODULES}
    kinds |= {f"{part}_{at}": decoder for part in ("up", "conv") for at in STAGES}
    return widths | kinds


def layers(values: Values, *, size: tuple[int, int], classes: int) -> list[Layer]:
    """Return the operators of a choice's network."""
    pixels = _pixels(size)
    stem = int(values["stem"])
    found = [
        conv(3, stem, pixels[2], kernel=3, entering=size[0] * size[1], bias=True),
        elementwise(stem * pixels[2], stem * pixels[2]),
    ]
    channels, skips = stem, {2: stem}
    for at in MODULES:
        stride = STRIDES[at - 1]
        if at in FIRST_OF_BLOCK:
            found.append(elementwise(channels * pixels[stride // 2], channels * pixels[stride]))
        squeeze, one, three = (int(values[name]) for name in WIDTHS[at])
        found += _squeezed(channels, squeeze, pixels[stride])
        found += _expanded(squeeze, one, three, values[f"branch_{at}"], pixels[stride])
        channels = one + three
        skips[stride] = channels
    stages = stages_of(values)
    for at in stages:
        stride = 2**at
        width = int(values[f"decoder_{at}"])
        found += _stage(width, values[f"up_{at}"], values[f"conv_{at}"],
                        channels, skips[stride], pixels[2 * stride], pixels[stride])  # fmt: skip
        channels = width
    if stages == STAGES:
        enlarged = up(classes, classes, pixels[2], groups=classes)
    else:
        enlarged = up(classes, classes, pixels[4], kernel=8, times=4, groups=classes)
    return [*found, conv(channels, classes, pixels[2 ** stages[-1]]), enlarged]


def _pixels(size: tuple[int, int]) -> dict[int, int]:
    """Return the pixels of the maps by stride; an odd side is rounded up."""
    height, width = size
    found = {}
    for stride in (2, 4, 8, 16):
        height, width = (height + 1) // 2, (width + 1) // 2
        found[stride] = height * width
    return found


def _conv3x3(kind: Choice, channels: int, outputs: int, pixels: int) -> list[Layer]:
    if kind == "standard":
        return [conv(channels, outputs, pixels, kernel=3)]
    return [
        norm(channels, pixels),
        conv(channels, channels, pixels, kernel=3, groups=channels),
        norm(channels, pixels),
        conv(channels, outputs, pixels),
    ]


# A sampler evaluates hundreds of networks before each proposal, and they share most modules.
@lru_cache(CACHED_PARTS)
def _squeezed(channels: int, squeeze: int, pixels: int) -> tuple[Layer, ...]:
    return (
        norm(channels, pixels),
        conv(channels, squeeze, pixels),
        elementwise(squeeze * pixels, squeeze * pixels),
        norm(squeeze, pixels),
    )


@lru_cache(CACHED_PARTS)
def _expanded(squeeze: int, one: int, three: int, kind: Choice, pixels: int) -> tuple[Layer, ...]:
    both = 2 * (one + three) * pixels
    return (
        conv(squeeze, one, pixels),
        *_conv3x3(kind, squeeze, three, pixels),
        elementwise(both, both),  # ReLUs and concat
    )


@lru_cache(CACHED_PARTS)
def _stage(
    width: int, up_kind: Choice, kind: Choice, channels: int, skip: int, small: int, pixels: int
) -> tuple[Layer, ...]:
    if up_kind == "standard":
        doubled = [norm(channels, small), up(channels, width, small)]
    else:
        doubled = [
            norm(channels, small),
            up(channels, channels, small, groups=channels),
            norm(channels, 4 * small),
            conv(channels, width, 4 * small),
        ]
    both = width + skip
    return (
        *doubled,  # and then cropped, where a side of the skip is odd
        elementwise(width * 4 * small, width * 4 * small),
        elementwise(both * pixels, both * pixels),
        norm(both, pixels),
        *_conv3x3(kind, both, width, pixels),
        elementwise(width * pixels, width * pixels),
    )


def lean() -> dict[str, Choice]:
    """Return SegFast-Basic with fewer channels, without the finest stage of its decoder."""
    widths: dict[str, Choice] = {"stem": LEAN_STEM}
    for at, expand in zip(MODULES, LEAN_EXPAND, strict=True):
        widths |= {f"expand1_{at}": expand, f"expand3_{at}": expand}
    widths |= {f"decoder_{at}": wide for at, wide in zip(STAGES, LEAN_DECODER, strict=True)}
    return BASIC | widths


PAPER = segfast(branches="separable", decoder="separable")
BASIC = segfast(branches="standard", decoder="standard")
LEAN = lean()
STUDY = Study(
    name="spark",
    summary="widths and kinds of convolution of SegFast",
    dimensions=DIMENSIONS,
    build=build,
    layers=layers,
    first=(
        PAPER,
        BASIC,
        LEAN,
        narrowed(LEAN, DIMENSIONS, 0.75),
        narrowed(BASIC, DIMENSIONS, 0.5),
        narrowed(PAPER, DIMENSIONS, 0.75),
        narrowed(PAPER, DIMENSIONS, 0.5),
    ),
)
