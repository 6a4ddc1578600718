"""Fast-SCNN: detail and context from one shallow start, which learns to downsample."""

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.contextnet import Fusion, bottlenecks, classifier, conv_norm, separable_norm
from zoo.layers import check_image, crop_to, enlarge, initialise_for_relu, pad_to_least, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["FastSCNN", "PyramidPooling", "fastscnn"]

DOWNSAMPLE = (32, 48, 64)  # strides 2, 4 and 8
CONTEXT = (  # of bottlenecks: expansion, channels, how many, stride of the first
    (6, 64, 3, 2),
    (6, 96, 3, 2),
    (6, 128, 3, 1),
)
FUSED = 128
BINS = (1, 2, 3, 6)


def fastscnn(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    auxiliary: bool = False,
) -> "FastSCNN":
    """Build Fast-SCNN (Poudel, Liwicki and Cipolla, BMVC 2019, section 3.2).

    At 19 classes it has the 1,138,051 parameters of public implementations; the paper rounds its
    own to 1.11 M. Like them, and unlike the paper, its first convolution does not pad, so that of
    256 rows it makes 127 (in Table 1 128). Like the paper, and unlike them, it has no ReLU between
    depthwise and pointwise convolutions (section 3.2.1), and dilates the fusion's depthwise
    convolution by 4 (Table 3).

    Args:
        classes: channels of the logits.
        width: share of the paper's channels inside, to the nearest multiple of 8.
        auxiliary: have two more classifiers in training, as the paper has them behind its
            downsampling and behind its context; it weighs the loss of each 0.4 (section 4.1). What
            they are made of it leaves open; the first is that of public implementations.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> network = fastscnn(classes=19)
    >>> sum(parameter.numel() for parameter in network.parameters())
    1138051
    >>> import torch
    >>> [logits.shape for logits in fastscnn(auxiliary=True)(torch.zeros(2, 3, 45, 61))]
    [torch.Size([2, 22, 45, 61]), torch.Size([2, 22, 45, 61]), torch.Size([2, 22, 45, 61])]
    """
    check_options("fastscnn", fastscnn, locals())
    network = FastSCNN(classes=classes, width=width, auxiliary=auxiliary)
    initialise_for_relu(network)
    return network


class FastSCNN(nn.Module):
    """A skip at stride 8 past bottlenecks and pyramid pooling at stride 32.

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on: those too small for
    a convolution without padding are padded. Training needs two images, for the pyramid's batch
    norms meet one value per channel and image.
    """

    def __init__(self, *, classes: int, width: float, auxiliary: bool) -> None:
        super().__init__()
        first, second, detail = (scaled(channels, width) for channels in DOWNSAMPLE)
        context, fused = scaled(CONTEXT[-1][1], width), scaled(FUSED, width)
        self.downsample = nn.Sequential(
            conv_norm(3, first, 3, stride=2, padding=0),
            separable_norm(first, second, stride=2),
            separable_norm(second, detail, stride=2),
        )
        self.context = nn.Sequential(
            *bottlenecks(detail, CONTEXT, width),
            PyramidPooling(context, scaled(CONTEXT[-1][1] // len(BINS), width)),
        )
        self.fusion = Fusion(detail, context, fused, dilation=4)
        self.classifier = classifier(fused, classes)
        self.auxiliary = (
            nn.ModuleDict({"detail": _head(detail, classes), "context": _head(context, classes)})
            if auxiliary
            else None
        )

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the logits of `image`; in training, those of auxiliary classifiers besides."""
        check_image(self, image, norm_stride=32, pooled_norm=True)
        padded = pad_to_least(image, 3)
        detail = self.downsample(padded)
        context = self.context(detail)
        logits = crop_to(enlarge(self.classifier(self.fusion(detail, context)), padded), image)
        if self.auxiliary is None or not self.training:
            return logits
        of = {"detail": detail, "context": context}
        others = (enlarge(head(of[name]), padded) for name, head in self.auxiliary.items())
        return (logits, *(crop_to(other, image) for other in others))


class PyramidPooling(nn.Module):
    """Add what is in 1, 2x2, 3x3 and 6x6 parts of a map to each of its places (PSPNet's).

    (N, C, H, W) -> (N, C, H, W), with `narrow` channels for each of the four.
    """

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(conv_norm(channels, narrow) for _ in BINS)
        self.together = conv_norm(channels + len(BINS) * narrow, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map, with what is around each place."""
        pooled = (F.adaptive_avg_pool2d(x, bins) for bins in BINS)
        parts = (enlarge(part(its), x) for part, its in zip(self.parts, pooled, strict=True))
        together: Tensor = self.together(torch.cat((x, *parts), dim=1))
        return together


def _head(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        conv_norm(channels, channels, 3), nn.Dropout(0.1), nn.Conv2d(channels, classes, 1)
    )
