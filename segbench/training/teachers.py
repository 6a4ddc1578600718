"""Teachers: trained networks whose softened classes a network learns beside the labels."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from segbench.data.scenes import VOID
from segbench.errors import UsageError, os_reason
from segbench.runtimes.logits import Heads
from segbench.runtimes.model import network_failures
from segbench.training.run_folder import TeacherFile
from segbench.training.trained import load_network
from zoo.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from segbench.data.scenes import LabelClass
    from segbench.training.run_folder import WeightsMetadata


class Teachers:
    """One trained network or several, of whose softened classes the mean is learnt.

    Args:
        names: run folders, files of weights, or pretrained networks.
        classes: of the data, without void.
        outputs: channels of the logits of the network that learns.

    Attributes:
        files: what was read.

    Raises:
        UsageError: weights cannot be read, are of other classes, or know nothing of void where that
            is learnt.
        ZooError: a network cannot be built, or its code was not allowed to be imported.
    """

    def __init__(
        self, names: Sequence[str], *, classes: Sequence[LabelClass], outputs: int
    ) -> None:
        self._outputs = outputs
        self._networks: list[tuple[str, nn.Module, Heads]] = []
        files = []
        for name in names:
            path = find_weights(name)
            files.append(TeacherFile(name, _digest(path)))
            network, about = load_network(path)
            _check_classes(path, about, [each.name for each in classes], outputs)
            label = str(about.model.spec)
            self._networks.append(
                (label, network.requires_grad_(requires_grad=False), Heads(label))
            )
        self.files = tuple(files)

    def to(self, device: torch.device) -> None:
        """Move the networks to a device."""
        self._networks = [(name, net.to(device), heads) for name, net, heads in self._networks]

    def softened(self, images: Tensor, temperature: float) -> Tensor:
        """Return the mean of the teachers' probabilities of each class.

        Args:
            images: (batch, 3, height, width), normalised.
            temperature: by which logits are divided before their softmax.

        Returns:
            (batch, outputs, height, width). Of teachers that learnt void too and a network that
            does not, void is left out.
        """
        total = torch.zeros(())
        batch, channels, height, width = images.shape
        for name, network, heads in self._networks:
            shape = (batch, channels, height, width)
            with torch.no_grad(), network_failures(name, images.shape):
                logits = heads.logits(network(images), shape, training=False)
            softened = (logits[:, : self._outputs].float() / temperature).softmax(dim=1)
            total = total.to(softened.device) + softened
        return total / len(self._networks)


def divergence(logits: Tensor, softened: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the Kullback-Leibler divergence of teachers from a network, times T squared.

    It is the mean over the labelled pixels (Hinton et al., 2015, section 2; for segmentation Liu et
    al., CVPR 2019, pixel-wise). T squared keeps its gradient at the size that it has at T = 1.

    Args:
        logits: (batch, classes, height, width), of the network that learns.
        softened: likewise, what :meth:`Teachers.softened` returned.
        labels: (batch, height, width); pixels that are VOID count for nothing.
        temperature: T, as for the teachers.

    >>> logits = torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1)
    >>> same = (logits / 2).softmax(dim=1)
    >>> float(divergence(logits, same, torch.zeros(1, 1, 1), 2.0))
    0.0
    """
    own = (logits.float() / temperature).log_softmax(dim=1)
    by_pixel = functional.kl_div(own, softened, reduction="none").sum(dim=1)
    is_labelled = labels != VOID
    mean = (by_pixel * is_labelled).sum() / is_labelled.sum().clamp(min=1)
    return mean * temperature**2


def _check_classes(path: Path, about: WeightsMetadata, names: Sequence[str], outputs: int) -> None:
    theirs = [each.name for each in about.classes]
    if theirs != list(names):
        raise UsageError(
            f"the teacher {str(path)!r} tells apart {len(theirs)} classes "
            f"({', '.join(theirs[:3])}, ...), and the dataset has {len(names)} "
            f"({', '.join(names[:3])}, ...); name a teacher of the same classes"
        )
    if about.job.outputs_for(len(theirs)) < outputs:
        raise UsageError(
            f"the teacher {str(path)!r} was trained by {about.job.protocol}, which does not learn "
            "void; train by strict, or name a teacher that was trained by void-as-class"
        )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {os_reason(error)}") from error
