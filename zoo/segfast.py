"""SegFast and SegFast-Basic: two settings of one builder, and every network between them."""

from functools import partial
from typing import Literal, TypeAlias, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.errors import OptionError
from zoo.layers import (
    ConvKind,
    begin_as_interpolation,
    check_image,
    conv3x3,
    crop_to,
    depthwise_up2x2,
    initialise_for_relu,
    smooth_up4x4,
    up2x2,
)
from zoo.options import PositiveInt, check_options

__all__ = ["SegFast", "SparkModule", "segfast", "segfast_basic"]

Init: TypeAlias = Literal["torch", "he"]

T = TypeVar("T")
P: TypeAlias = PositiveInt
K: TypeAlias = ConvKind
EightWidths: TypeAlias = P | tuple[P, P, P, P, P, P, P, P]
EightKinds: TypeAlias = K | tuple[K, K, K, K, K, K, K, K]
StageWidths: TypeAlias = P | tuple[P, P] | tuple[P, P, P]
StageKinds: TypeAlias = K | tuple[K, K] | tuple[K, K, K]

BLOCKS = (2, 2, 4)  # spark modules at strides 4, 8 and 16


def segfast(
    *,
    classes: PositiveInt = 22,
    stem_width: PositiveInt = 64,
    squeeze: EightWidths = (16, 16, 32, 32, 48, 48, 64, 64),
    expand1: EightWidths = (64, 64, 128, 128, 192, 192, 256, 256),
    expand3: EightWidths = (64, 64, 128, 128, 192, 192, 256, 256),
    branch_conv: EightKinds = "separable",
    up_conv: StageKinds = "separable",
    decoder_conv: StageKinds = "separable",
    decoder_width: StageWidths = (256, 128, 64),
    init: Init = "torch",
) -> "SegFast":
    """Build SegFast (Pal et al., ICVGIP 2018, section 3), or another point of its search space.

    This is a reconstruction: the paper's figures are not machine-readable, and the authors' later
    public revision differs (627,482 and 2,851,958 parameters at 22 classes). It follows the
    paper's text and has exactly the parameters that Table 5 prints for SegFast and SegFast-Basic,
    603,288 and 2,965,976 at 22 classes. Where text and counts leave a choice (which of two batch
    norms feeds a 3x3 branch), any placement with these counts is as good.

    An option of eight is by spark module from the image down, one of two or three by decoder stage
    from the coarsest up; a single value stands for all of them.

    Args:
        classes: channels of the logits.
        stem_width: channels of the first convolution.
        squeeze: channels of the 1x1 convolution that opens each spark module.
        expand1: channels of each spark module's 1x1 branch.
        expand3: channels of each spark module's 3x3 branch.
        branch_conv: kind of each 3x3 branch; ``separable`` makes a fire module a spark module.
        up_conv: kind of each up-convolution.
        decoder_conv: kind of each 3x3 convolution after a concatenation.
        decoder_width: channels of each decoder stage. The paper's decoder has three; one of two
            ends at stride 4, and its logits are enlarged four times instead of twice, bilinearly
            at first.
        init: how weights are drawn. ``torch``: as its layers do by themselves, uniform with
            variance 1 / (3 fan-in). ``he``: for ReLU networks (He et al., ICCV 2015), with six
            times that variance, and by the paper's recipe behind (docs/train.md). By either,
            convolutions that only enlarge maps begin as interpolation.

    Raises:
        OptionError: an option has the wrong type, length or value, or lists of the decoder are of
            different lengths.

    >>> segfast(classes=12)(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 12, 45, 61])
    >>> segfast(squeeze=8, branch_conv=("standard",) * 4 + ("separable",) * 4).training
    True
    """
    check_options("segfast", segfast, locals())
    sparks, width = [], stem_width
    kinds: tuple[ConvKind, ...] = _each(branch_conv, 8)
    widths = _each(squeeze, 8), _each(expand1, 8), _each(expand3, 8)
    for narrow, wide1, wide3, kind in zip(*widths, kinds, strict=True):
        sparks.append(SparkModule(width, narrow, wide1, wide3, kind=kind))
        width = wide1 + wide3
    stages = len(decoder_width) if isinstance(decoder_width, tuple | list) else 3
    _check_stages(stages, up_conv=up_conv, decoder_conv=decoder_conv)
    network = SegFast(
        classes=classes,
        stem_width=stem_width,
        sparks=sparks,
        ups=_each(up_conv, stages),
        convs=_each(decoder_conv, stages),
        widths=_each(decoder_width, stages),
    )
    if init == "he":
        initialise_for_relu(network)
    else:
        begin_as_interpolation(network)
    return network


segfast_basic = partial(
    segfast, branch_conv="standard", up_conv="standard", decoder_conv="standard"
)


def _check_stages(stages: int, **kinds: StageKinds) -> None:
    for option, given in kinds.items():
        if isinstance(given, tuple | list) and len(given) != stages:
            raise OptionError(
                f"option {option!r} of model 'segfast' is for {len(given)} decoder stages, and "
                f"'decoder_width' for {stages}; give as many values, or a single one"
            )


def _each(value: T | tuple[T, ...], count: int) -> tuple[T, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * count


class SparkModule(nn.Module):
    """Squeeze by 1x1, then expand by a 1x1 and a 3x3 branch side by side (section 3.1).

    (N, C, H, W) -> (N, E1 + E3, H, W). BN, 1x1 C -> S, ReLU, BN; each branch ends in ReLU. With a
    standard 3x3 branch it is SqueezeNet's fire module with batch norm.
    """

    def __init__(
        self, in_channels: int, squeeze: int, expand1: int, expand3: int, *, kind: ConvKind
    ) -> None:
        super().__init__()
        self.out_channels = expand1 + expand3
        self.squeeze = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, squeeze, 1, bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(squeeze),
        )
        self.expand1 = nn.Conv2d(squeeze, expand1, 1, bias=False)
        self.expand3 = conv3x3(kind, squeeze, expand3)

    def forward(self, x: Tensor) -> Tensor:
        """Return both branches of `x`, the 1x1 first."""
        x = self.squeeze(x)
        return torch.cat((F.relu(self.expand1(x)), F.relu(self.expand3(x))), dim=1)


class DecoderStage(nn.Module):
    """Double a map, concatenate the encoder's at that stride, and convolve 3x3.

    (N, C, h, w) and (N, D, H, W) -> (N, width, H, W), where 2h is H or H + 1: an odd H was pooled
    in ceil mode, and the doubled map is cropped.
    """

    def __init__(
        self, in_channels: int, skip_channels: int, width: int, *, up: ConvKind, conv: ConvKind
    ) -> None:
        super().__init__()
        both = width + skip_channels
        self.up = up2x2(up, in_channels, width)
        self.conv = nn.Sequential(nn.BatchNorm2d(both), conv3x3(conv, both, width), nn.ReLU())

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return the map at the size of `skip`."""
        fused: Tensor = self.conv(torch.cat((crop_to(self.up(x), skip), skip), dim=1))
        return fused


class SegFast(nn.Module):
    """Encoder of spark modules with average pooling, decoder with a skip a stage (section 3.2).

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on; training on a
    single image needs H or W of at least 17. `segfast` builds it from plain options.
    """

    def __init__(
        self,
        *,
        classes: int,
        stem_width: int,
        sparks: list[SparkModule],
        ups: tuple[ConvKind, ...],
        convs: tuple[ConvKind, ...],
        widths: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, stem_width, 3, stride=2, padding=1), nn.ReLU())
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        first, second, third = BLOCKS
        self.block2 = nn.Sequential(*sparks[:first])
        self.block3 = nn.Sequential(*sparks[first : first + second])
        self.block4 = nn.Sequential(*sparks[-third:])
        e2, e3, e4 = (sparks[i].out_channels for i in (1, 3, 7))
        self.up3 = DecoderStage(e4, e3, widths[0], up=ups[0], conv=convs[0])
        self.up2 = DecoderStage(widths[0], e2, widths[1], up=ups[1], conv=convs[1])
        self.up1 = (
            DecoderStage(widths[1], stem_width, widths[2], up=ups[2], conv=convs[2])
            if len(widths) > 2  # noqa: PLR2004, those before it
            else None
        )
        self.head = nn.Sequential(
            nn.Conv2d(widths[-1], classes, 1, bias=False),
            smooth_up4x4(classes) if self.up1 is None else depthwise_up2x2(classes),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=16)
        e1 = self.stem(image)
        e2 = self.block2(self.pool(e1))
        e3 = self.block3(self.pool(e2))
        e4 = self.block4(self.pool(e3))  # stride 16
        x = self.up2(self.up3(e4, e3), e2)
        if self.up1 is not None:
            x = self.up1(x, e1)
        return crop_to(self.head(x), image)
