"""The nouns of data: classes, scenes with their labels, and datasets of named splits."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

from annotated_types import Interval

from segbench.data.errors import DataError
from segbench.errors import SegbenchWarning, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

VOID = 255
"""What pixels without a class are labelled with, in every dataset."""

_NOTES = "/"  # in what was told, which has names of splits besides
Level = Annotated[int, Interval(ge=0, le=255)]
Color = tuple[Level, Level, Level]


@dataclass(frozen=True)
class LabelClass:
    """One class of a dataset; its id is its place among them.

    Attributes:
        color: red, green and blue that it is drawn in, from 0 to 255.
    """

    name: str
    color: Color


@runtime_checkable
class Scene(Protocol):
    """One image and what is seen in it."""

    @property
    def name(self) -> str:
        """What it is called within its split."""
        ...

    @property
    def fingerprint(self) -> str:
        """What differs as soon as the image or the label does, found without decoding them."""
        ...

    def image(self) -> Pixels:
        """Return the image, (height, width, 3) in red, green and blue."""
        ...

    def label(self) -> Pixels:
        """Return the class ids of its pixels, (height, width), VOID where there is no class."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Scenes in splits, and the classes that their labels tell apart.

    Attributes:
        layout: what was found, and how it was split if it comes without splits.
        splits: the scenes by the name of the split: train, val, test.
        unpaired: images without a label, and labels without an image.
        reasons: for some of them, why, as the rest of a sentence.
        notes: returns what is to be said of the labels that were read so far.
    """

    name: str
    layout: str
    classes: tuple[LabelClass, ...]
    splits: Mapping[str, Sequence[Scene]]
    unpaired: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: Callable[[], tuple[str, ...]] = tuple
    _told: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def split(self, name: str) -> Sequence[Scene]:
        """Return the scenes of one split; warn once if the dataset has images or labels left over.

        Raises:
            DataError: there is no such split, or it is empty.
        """
        if name not in self.splits:
            names = ", ".join(self.splits)
            raise DataError(f"dataset {self.name!r} has no split {name!r} (splits: {names})")
        if not self.splits[name]:
            lonely = next(
                (
                    f"; {path} {self.reasons[path]}"
                    for path in self.unpaired
                    if path in self.reasons
                ),
                "",
            )
            raise DataError(
                one_line(
                    f"split {name!r} of dataset {self.name!r} is empty ({self.layout}){lonely}"
                )
            )
        if self.unpaired and not self._told - {_NOTES}:
            self._told.add(name)
            first, others = self.unpaired[0], len(self.unpaired) - 1
            warnings.warn(
                f"{first}{f' and {others} more' if others else ''} of dataset {self.name!r} left "
                "out, for want of the image or the label that belongs to it; see them with: "
                f"segbench data check {self.name}",
                SegbenchWarning,
                stacklevel=2,
            )
        return self.splits[name]

    def warn_of_notes(self) -> None:
        """Warn once of what is to be said of the labels that were read so far."""
        for note in self.notes():
            if _NOTES not in self._told:
                self._told.add(_NOTES)
                warnings.warn(f"dataset {self.name!r}: {note}", SegbenchWarning, stacklevel=2)


def read_scene(scene: Scene) -> tuple[Pixels, Pixels]:
    """Return a scene's image and label.

    Raises:
        DataError: one of them cannot be read, or they differ in size.
    """
    image, label = scene.image(), scene.label()
    if image.shape[:2] != label.shape:
        sizes = " and ".join("x".join(map(str, each.shape[:2])) for each in (image, label))
        raise DataError(
            f"image and label of {scene.name!r} differ in size ({sizes}); give the label the size "
            "of its image, or leave the scene out"
        )
    return image, label
