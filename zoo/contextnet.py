"""ContextNet: a shallow branch sees the image, and a deep one sees a smaller copy of it."""

from typing import Literal

import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.layers import check_image, crop_to, enlarge, initialise_for_relu, pad_to_least, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = [
    "Bottleneck",
    "ContextNet",
    "Fusion",
    "bottlenecks",
    "classifier",
    "contextnet",
    "conv_norm",
    "separable_norm",
]

DETAIL = (32, 64, 128, 128)  # strides 2, 4, 8 and 8
CONTEXT = (  # of bottlenecks: expansion, channels, how many, stride of the first
    (1, 32, 1, 1),
    (6, 32, 1, 1),
    (6, 48, 3, 2),
    (6, 64, 3, 2),
    (6, 96, 2, 1),
    (6, 128, 2, 1),
)
FUSED = 128


def contextnet(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    context_stride: Literal[2, 4, 8] = 4,
) -> "ContextNet":
    """Build ContextNet (Poudel et al., BMVC 2018, section 3.2), cn14 of the paper by default.

    At 19 classes it has the 876,563 parameters of public implementations; the paper rounds its own
    to 0.85 M. Like them, and unlike the paper, it has no convolution behind the last bottleneck
    (Table 1), two separable convolutions before the classifier, and a first convolution in either
    branch that does not pad, so that of 256 rows it makes 127 (in Table 1 128). Like the paper, and
    unlike them, it has no ReLU between depthwise and pointwise convolutions, and dilates the
    fusion's depthwise convolution (Table 2).

    Args:
        classes: channels of the logits.
        width: share of the paper's channels inside, to the nearest multiple of 8.
        context_stride: how many times smaller, along a side, the image of the deep branch is; cn12,
            cn14 and cn18 of the paper have 2, 4 and 8. The fusion is dilated by as much.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> network = contextnet(classes=19)
    >>> sum(parameter.numel() for parameter in network.parameters())
    876563
    """
    check_options("contextnet", contextnet, locals())
    network = ContextNet(classes=classes, width=width, context_stride=context_stride)
    initialise_for_relu(network)
    return network


class ContextNet(nn.Module):
    """Detail at stride 8 and context at stride 8 times `context_stride`, added and classified.

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on: those too small for
    convolutions without padding are padded. Training on a single image needs H or W of more than 10
    times `context_stride`, for of ten rows the deep branch makes one.
    """

    def __init__(self, *, classes: int, width: float, context_stride: int) -> None:
        super().__init__()
        self.context_stride = context_stride
        first, second, third, detail = (scaled(channels, width) for channels in DETAIL)
        self.detail = nn.Sequential(
            conv_norm(3, first, 3, stride=2, padding=0),
            separable_norm(first, second, stride=2),
            separable_norm(second, third, stride=2),
            separable_norm(third, detail),
        )
        stem, fused = scaled(CONTEXT[0][1], width), scaled(FUSED, width)
        self.context = nn.Sequential(
            conv_norm(3, stem, 3, stride=2, padding=0), *bottlenecks(stem, CONTEXT, width)
        )
        context = scaled(CONTEXT[-1][1], width)
        self.fusion = Fusion(detail, context, fused, dilation=context_stride)
        self.classifier = classifier(fused, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        stride = self.context_stride
        check_image(self, image, norm_stride=10 * stride)
        padded = pad_to_least(image, 2 * stride + 1)  # three rows of the smaller image
        rows, columns = padded.shape[-2], padded.shape[-1]
        smaller = F.interpolate(
            padded, size=(-(-rows // stride), -(-columns // stride)), mode="bilinear"
        )
        x = self.fusion(self.detail(padded), self.context(smaller))
        return crop_to(enlarge(self.classifier(x), padded), image)


class Bottleneck(nn.Module):
    """Widen by 1x1, convolve each channel 3x3, narrow by 1x1 (MobileNetV2's; paper, Table 1).

    (N, C, H, W) -> (N, D, H / stride, W / stride), rounded up; where shapes agree the map is added.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: int, stride: int = 1
    ) -> None:
        super().__init__()
        wide = in_channels * expansion
        self.block = nn.Sequential(
            conv_norm(in_channels, wide),
            conv_norm(wide, wide, 3, stride=stride, groups=wide),
            conv_norm(wide, out_channels, relu=False),
        )
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the map, narrowed without ReLU."""
        narrow: Tensor = self.block(x)
        return x + narrow if self.adds else narrow


class Fusion(nn.Module):
    """Enlarge the context to the detail's size, and add both through 1x1 convolutions (Table 2).

    (N, C, H, W) and (N, D, h, w) -> (N, fused, H, W).
    """

    def __init__(self, detail: int, context: int, fused: int, *, dilation: int) -> None:
        super().__init__()
        self.detail = conv_norm(detail, fused, bias=True, relu=False)
        self.context = nn.Sequential(
            conv_norm(context, context, 3, dilation=dilation, groups=context),
            conv_norm(context, fused, bias=True, relu=False),
        )

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        """Return the sum, behind a ReLU."""
        return F.relu(self.detail(detail) + self.context(enlarge(context, detail)))


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    padding: int | None = None,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
    relu: bool = True,
) -> nn.Sequential:
    """Make a convolution, its batch norm, and a ReLU; without a `padding` it keeps the size.

    >>> import torch
    >>> conv_norm(3, 8, 3, dilation=4)(torch.zeros(1, 3, 5, 7)).shape
    torch.Size([1, 8, 5, 7])
    """
    conv = nn.Conv2d(
        in_channels,
        out_channels,
        kernel,
        stride,
        dilation * (kernel // 2) if padding is None else padding,
        dilation,
        groups,
        bias,
    )
    layers = [conv, nn.BatchNorm2d(out_channels)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


def separable_norm(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    """Make a depthwise 3x3 and a pointwise convolution, each with its norm, and a ReLU.

    >>> import torch
    >>> separable_norm(3, 8, stride=2)(torch.zeros(1, 3, 5, 7)).shape
    torch.Size([1, 8, 3, 4])
    """
    depthwise = conv_norm(
        in_channels, in_channels, 3, stride=stride, groups=in_channels, relu=False
    )
    return nn.Sequential(*depthwise, *conv_norm(in_channels, out_channels))


def bottlenecks(
    in_channels: int, rows: tuple[tuple[int, int, int, int], ...], width: float
) -> list[Bottleneck]:
    """Make the bottlenecks of a table: expansion, channels, how many, stride of the first."""
    made = []
    for expansion, channels, count, stride in rows:
        for number in range(count):
            out_channels = scaled(channels, width)
            its = 1 if number else stride
            made.append(Bottleneck(in_channels, out_channels, expansion=expansion, stride=its))
            in_channels = out_channels
    return made


def classifier(channels: int, classes: int) -> nn.Sequential:
    """Make two separable convolutions, dropout and a 1x1 convolution, which makes the logits."""
    return nn.Sequential(
        separable_norm(channels, channels),
        separable_norm(channels, channels),
        nn.Dropout(0.1),
        nn.Conv2d(channels, classes, 1),
    )
