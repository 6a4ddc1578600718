"""Networks that cannot be trained as they come, or come as others than modules of floats."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


class Plain(nn.Module):
    """Two 3x3 convolutions and the logits, at full size."""

    def __init__(self, classes: int = 5, *, channels: int = 3) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.logits = nn.Conv2d(8, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(functional.relu(self.second(self.first(images))))


class Pooled(nn.Module):
    """A map of one value meets batch norm, as in every head with image pooling."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8))
        self.logits = nn.Conv2d(8, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        return self.logits(features + self.pool(features))


class Checkpointed(Plain):
    def forward(self, images: Tensor) -> Tensor:
        return self.logits(checkpoint(self.second, self.first(images), use_reentrant=True))


class Positions(Plain):
    """Makes its grid of positions when it first sees an image."""

    def forward(self, images: Tensor) -> Tensor:
        if not hasattr(self, "grid"):
            self.grid = torch.linspace(0, 1, images.shape[-1]).expand(images.shape[-2:]).clone()
        return self.logits(self.second(self.first(images)) * self.grid)


class Remembering(Plain):
    """Keeps something of every image for the next."""

    def forward(self, images: Tensor) -> Tensor:
        features = self.second(self.first(images))
        weight = self.memory[0] if hasattr(self, "memory") else 1.0
        self.memory = [features.detach().mean() * 0 + 1]
        return self.logits(features * weight)


class Lazy(nn.Module):
    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LazyConv2d(8, 3, padding=1), nn.LazyBatchNorm2d(), nn.LazyConv2d(classes, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class Silent(Plain):
    """Its ``train`` returns nothing."""

    def train(self, mode: bool = True) -> None:  # noqa: FBT001, FBT002 - torch's signature
        super().train(mode)


class Auxiliary(Plain):
    """In training it returns a list of maps, or a dict of them."""

    def __init__(self, classes: int = 5, *, keys: bool = False) -> None:
        super().__init__(classes)
        self.keys = keys

    def forward(self, images: Tensor) -> Tensor | list[Tensor] | dict[str, Tensor]:
        features = self.second(self.first(images))
        logits = self.logits(features)
        if not self.training:
            return logits
        second = self.logits(features * 2)
        return {"out": logits, "aux": second} if self.keys else [logits, second]


class HalfScripted(nn.Module):
    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.block = torch.jit.script(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()))
        self.logits = nn.Conv2d(8, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.block(images))


def scripted(classes: int = 5) -> nn.Module:
    return torch.jit.script(Plain(classes))


def exported(classes: int = 5) -> nn.Module:
    return torch.export.export(Plain(classes).eval(), (torch.zeros(1, 3, 16, 16),)).module()


def typed(classes: int = 5, *, dtype: str = "float16") -> nn.Module:
    return Plain(classes).to(getattr(torch, dtype))


def compiled(classes: int = 5) -> nn.Module:
    return torch.compile(Plain(classes), backend="eager")


def needs_configuring(_classes: int = 5) -> nn.Module:
    raise SystemExit("please set CONFIG")


class SetsThreads(Plain):
    def forward(self, images: Tensor) -> Tensor:
        torch.set_num_threads(3)
        return super().forward(images)


class Halves(Plain):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.mul_(0.5))


class Threaded(Plain):
    def forward(self, images: Tensor) -> Tensor:
        found: list[Tensor] = []
        thread = threading.Thread(target=lambda: found.append(self.first(images)))
        thread.start()
        thread.join()
        return self.logits(self.second(found[0]))


class Submitting(Plain):
    def __init__(self, classes: int = 5) -> None:
        super().__init__(classes)
        self.pool = ThreadPoolExecutor(1)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.second(self.pool.submit(self.first, images).result()))


class Summing(Plain):
    """Has an operator without a counting rule."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.cumsum(2))


@dataclass
class Output:
    logits: Tensor


class Returning(Plain):
    """Returns its logits in one of several ways, at a quarter of the size if that is asked for."""

    def __init__(self, classes: int = 5, *, way: str = "dict", stride: int = 1) -> None:
        super().__init__(classes)
        self.way, self.stride = way, stride

    def forward(self, images: Tensor) -> object:
        logits = super().forward(images)
        if self.stride > 1:
            logits = functional.avg_pool2d(logits, self.stride)
        return {
            "tensor": logits,
            "dict": {"aux": logits + 1, "out": logits},
            "logits": {"loss": None, "logits": logits},
            "object": Output(logits),
            "tuple": (logits.mean(), logits, "text"),
            "one key": {"masks": logits},
            "nested": [{"out": logits}, logits],
            "two keys": {"a": logits, "b": logits},
            "nothing": {"a": 1},
        }[self.way]


def of_any_options(**options: int) -> nn.Module:
    if "classes" in options:
        raise TypeError("no such option: classes")
    return Plain(options.get("outputs", 7))


class LowersMatmul(Plain):
    """Lets torch compute single precision with less, from its first forward pass on."""

    def forward(self, images: Tensor) -> Tensor:
        torch.set_float32_matmul_precision("medium")
        return super().forward(images)


class LowersConvolutionsLate(Plain):
    """Does so in its fourth pass."""

    passes = 0

    def forward(self, images: Tensor) -> Tensor:
        self.passes += 1
        if self.passes > 3:
            torch.backends.mkldnn.conv.fp32_precision = "bf16"
        return super().forward(images)
