"""Accuracy of networks that segbench has trained: figures that come along as data.

They are in ``accuracy.json`` beside this file; `studies.accuracy` makes it from run folders. No
figure of another's is among them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.files import read_as
from segbench.quantities import Amount, Count, Number
from segbench.results.candidate import EAGER
from segbench.results.evaluation import Protocol, Quality

DATA = Path(__file__).with_name("accuracy.json")
SHOWN_DATASET, SHOWN_SPLIT = "camvid", "test"  # beside the networks
SHOWN_PROTOCOL: Protocol = "strict"


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How well a network does on a split after one training, and what that was.

    Attributes:
        network: its specification as text, without the number of classes.
        classes: of the data, by id, without void.
        size: height and width that images were resized to, in training and here.
        recipe: see :mod:`segbench.training.recipes`.
        tuned_on: the network that the recipe was made for.
        rate: learning rate of the recipe; the highest, with a schedule.
        pretrained: what the weights had been trained on before; None for weights that were drawn.
        auxiliary: whether auxiliary heads trained.
        chosen_by: protocol whose mIoU on validation chose the epoch; by some void is learnt too.
        epochs: trained.
        best_epoch: the one that was chosen.
        hours: that its epochs took, validation included.
        machine: that it was trained on; None where that is not known.
        runtime: what it was evaluated in, with the precision.
        date: of the evaluation.
        qualities: figures on the split, by protocol.
    """

    network: str
    dataset: str
    classes: tuple[str, ...]
    size: tuple[Number, Number]
    recipe: str
    tuned_on: str
    rate: Amount
    batch: Number
    seed: Count
    pretrained: str | None
    auxiliary: bool
    chosen_by: Protocol
    epochs: Number
    best_epoch: Number
    hours: Amount
    machine: str | None
    split: str
    runtime: str
    precision: str
    date: str
    qualities: dict[Protocol, Quality]

    @property
    def training(self) -> tuple[object, ...]:
        """What tells the training from another."""
        return (
            *(self.network, self.dataset, self.size, self.recipe, self.batch, self.seed),
            *(self.chosen_by, self.epochs),
        )

    @property
    def key(self) -> tuple[object, ...]:
        """What tells these figures from others."""
        return (*self.training, self.runtime, self.precision, self.split)


def read_accuracies(path: Path = DATA) -> tuple[Accuracy, ...]:
    """Return the figures of a file; those that come along, if none is named.

    Raises:
        UsageError: it cannot be read, or holds something else.

    >>> all(row.split in {"val", "test"} for row in read_accuracies())
    True
    """
    return read_as(path, tuple[Accuracy, ...], what="table of accuracies")


def to_text(rows: Iterable[Accuracy]) -> str:
    r"""Return figures as JSON, one object a line.

    >>> to_text([])
    '[]\n'
    """
    lines = ",\n".join(json.dumps(dataclasses.asdict(row), allow_nan=False) for row in rows)
    return f"[\n{lines}\n]\n" if lines else "[]\n"


def with_new(rows: Sequence[Accuracy], new: Iterable[Accuracy]) -> list[Accuracy]:
    """Return figures with new ones, in the place of those of the same training and split."""
    found = {row.key: row for row in (*rows, *new)}
    return sorted(
        found.values(), key=lambda row: (row.dataset, row.size, row.network, str(row.key))
    )


def shown(rows: Sequence[Accuracy]) -> Mapping[tuple[str, tuple[int, int]], Accuracy]:
    """Return what is shown of each network and size: CamVid's test split in eager.

    Of several trainings it is the one that is best on validation, by the protocol that chose its
    epoch.
    """
    plain = [
        row
        for row in rows
        if row.dataset == SHOWN_DATASET
        and (row.runtime, row.precision) == (EAGER.name, EAGER.precision)
    ]
    tested = {row.training: row for row in plain if row.split == SHOWN_SPLIT}
    validated = [row for row in plain if row.split == "val" and row.training in tested]
    best: dict[tuple[str, tuple[int, int]], Accuracy] = {}
    for row in sorted(validated, key=lambda row: row.qualities[row.chosen_by].miou or 0.0):
        best[row.network, row.size] = tested[row.training]
    return best
