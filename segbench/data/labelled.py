"""Classes that labels have, and remarks where classes or labels are missing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import numpy as np

from segbench.data.errors import DataError
from segbench.data.scenes import VOID, Dataset
from segbench.errors import SegbenchWarning

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

MOST_NAMED = 5


def check_labelled(dataset: Dataset, split: str, labels: Pixels, *, is_learnt: bool) -> None:
    """Refuse labels that are void alone, and warn of classes that cannot be learnt from others.

    Args:
        labels: class ids, (scenes, height, width).
        is_learnt: whether the split is for training, which is to have every class.

    Raises:
        DataError: every pixel is void.
    """
    names = [each.name for each in dataset.classes]
    seen, has_void = classes_in(labels, len(names) if is_learnt else 1)
    if not seen:
        raise DataError(void_alone(dataset, split))
    if not is_learnt:
        return
    if is_mask_of_255(seen, len(names), has_void=has_void):
        _warn(mask_of_255(dataset))
    elif len(seen) < len(names):
        missing = [name for number, name in enumerate(names) if number not in seen]
        height, width = labels.shape[1:]
        _warn(
            f"no label of split {split!r} of dataset {dataset.name!r} has the class "
            f"{listed(missing)} at {height}x{width}, which cannot be learnt from it"
        )


def _warn(text: str) -> None:
    warnings.warn(text, SegbenchWarning, stacklevel=3)


def classes_in(labels: Pixels, enough: int) -> tuple[set[int], bool]:
    """Return the class ids that labels have, and whether void was seen before there were enough.

    >>> classes_in(np.array([[[0, 255]], [[2, 2]]], np.uint8), 3)
    ({0, 2}, True)
    """
    seen: set[int] = set()
    for label in labels:
        seen |= {int(number) for number in np.flatnonzero(np.bincount(label.ravel()))}
        if len(seen - {VOID}) >= enough:
            break
    return seen - {VOID}, VOID in seen


def void_alone(dataset: Dataset, split: str) -> str:
    """Say that a split has no labelled pixel."""
    return (
        f"split {split!r} of dataset {dataset.name!r} has no labelled pixel, all are void; label "
        "some, or see what its labels hold: segbench data show"
    )


def is_mask_of_255(seen: AbstractSet[int], classes: int, *, has_void: bool) -> bool:
    """Tell whether labels have their first class and void alone, as masks of 0 and 255 do.

    >>> is_mask_of_255({0}, 2, has_void=True), is_mask_of_255({0}, 1, has_void=True)
    (True, False)
    """
    return seen == {0} and has_void and classes > 1


def mask_of_255(dataset: Dataset) -> str:
    """Say that labels may be masks whose foreground is read as void."""
    return (
        f"the labels of dataset {dataset.name!r} have the class {dataset.classes[0].name!r} and "
        "void alone, as masks of 0 and 255 have, for 255 is void; if it is a class, give "
        "classes.csv a column 'value' with the number of each class"
    )


def listed(names: Sequence[str]) -> str:
    """Write names, the first of them.

    >>> listed(["car"]), listed(list("abcdefgh"))
    ("'car'", "'a', 'b', 'c', 'd', 'e' and 3 more")
    """
    more = len(names) - MOST_NAMED
    return ", ".join(map(repr, names[:MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
