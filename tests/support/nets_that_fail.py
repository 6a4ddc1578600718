"""Networks that fail, each in another way, for workers to build by import string."""

import os
import signal
import time

import torch
from nets_for_tests import Pointwise
from torch import Tensor, nn

from segbench.errors import NotComparableError, WriteError


class NamelessError(Exception):
    def __str__(self) -> str:
        raise ValueError("an error that cannot say what it is")


class ForwardRaises(Pointwise):
    """Raises what it is told to, from a list of errors by their names."""

    def __init__(self, classes: int = 5, *, error: str = "text") -> None:
        super().__init__(classes)
        self.error = {
            "text": ValueError("\x1b[31mred\x07\nand more"),
            "long": ValueError("x" * 1_000_000),
            "nothing": ValueError(),
            "nameless": NamelessError(),
            "memory": MemoryError(),
            "exit": SystemExit(0),
            "stderr_tail": SystemExit("good bye"),
            "interrupt": KeyboardInterrupt(),
            "write": WriteError("cannot write 'a.bin': no space left on device"),
            "comparison": NotComparableError("the classes differ"),
        }[error]

    def forward(self, _images: Tensor) -> Tensor:
        raise self.error


class CallsItself(Pointwise):
    def forward(self, images: Tensor) -> Tensor:
        return self.forward(images)


class WantsTooMuch(Pointwise):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) + torch.empty(1 << 60)


class Ends(Pointwise):
    """Ends its process in one of several ways."""

    def __init__(self, classes: int = 5, *, how: str = "quietly") -> None:
        super().__init__(classes)
        self.how = how

    def forward(self, images: Tensor) -> Tensor:
        match self.how:
            case "quietly":
                os._exit(0)
            case "abort":
                os.abort()
            case "files":
                os.closerange(0, 256)
            case "files_and_waits":
                os.closerange(0, 256)
                time.sleep(600)
            case "real_time_signal":
                signal.signal(40, signal.SIG_DFL)
                os.kill(os.getpid(), 40)
        return super().forward(images)


class WritesEverywhere(Pointwise):
    """Writes into every file of its process, whoever opened it."""

    def __init__(self, classes: int = 5, *, text: str = "this is no reply") -> None:
        super().__init__(classes)
        self.line = f"{text}\n".encode("latin-1")

    def forward(self, images: Tensor) -> Tensor:
        for descriptor in range(64):
            try:
                os.write(descriptor, self.line)
            except OSError:
                continue
        return super().forward(images)


class Fragile:
    def __del__(self) -> None:
        raise ValueError("gone, and not in peace")


class RaisesWhenDeleted(Pointwise):
    def forward(self, images: Tensor) -> Tensor:
        Fragile()
        return super().forward(images)


class CannotBeTrained(nn.Module):
    """Normalises its batch where there is one number in each channel of it."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.classify = nn.Conv2d(3, classes, 1)
        self.normalise = nn.BatchNorm2d(classes)

    def forward(self, images: Tensor) -> Tensor:
        logits = self.normalise(self.classify(images.mean((2, 3), keepdim=True)))
        return logits.expand(-1, -1, *images.shape[2:])


class ChangesWhatItNeeds(Pointwise):
    """Fails in its backward pass alone."""

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images).exp()
        if self.training:
            logits.mul_(2)
        return logits


class FailsLate(Pointwise):
    """Fails after so many seconds."""

    def __init__(self, classes: int = 5, *, seconds: float = 0.0) -> None:
        super().__init__(classes)
        self.seconds = seconds

    def forward(self, _images: Tensor) -> Tensor:
        time.sleep(self.seconds)
        raise ValueError(f"failed after {self.seconds:g} s")
