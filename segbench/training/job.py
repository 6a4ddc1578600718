"""A job: what is to be trained on what, and how; all that a run depends on but the machine."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any, Literal, get_args

from segbench.confusion import PROTOCOLS, Protocol
from segbench.errors import UsageError
from segbench.results import Device
from segbench.training.recipes import Recipe, find_recipe
from zoo.registry import check_name, find_builder, known
from zoo.spec import ModelSpec

Precision = Literal["float32", "bfloat16", "float16"]
VOID_IS_CLASS: tuple[Protocol, ...] = ("void-as-class", "add-one")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one run of training is.

    Attributes:
        model: a specification in its text form, without the number of classes.
        dataset: as for :func:`segbench.data.registry.open_dataset`.
        size: height and width that images are resized to.
        protocol: by which the best epoch is chosen; by some of them void is learnt as a class.
        epochs: at most; those of the recipe if None. So is `batch`.
        devices: how many share each batch.

    Raises:
        UsageError: a value is out of its range.
    """

    model: str
    dataset: str
    data_root: str | None = None
    size: tuple[int, int] = (224, 224)
    protocol: Protocol = "strict"
    recipe: str = "paper"
    epochs: int | None = None
    batch: int | None = None
    seed: int = 0
    device: Device = "cpu"
    devices: int = 1
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_name(self.spec.name)
        find_recipe(self.recipe)
        counts = {"epochs": self.epochs, "batch": self.batch, "devices": self.devices}
        for name, number in counts.items():
            if number is not None and number < 1:
                raise UsageError(f"{name} must be a positive whole number, got {number}")
        if self.seed < 0:
            raise UsageError(f"seed must be 0 or more, got {self.seed}")
        for name, value, allowed in (
            ("protocol", self.protocol, tuple(PROTOCOLS)),
            ("device", self.device, get_args(Device)),
            ("precision", self.precision, get_args(Precision)),
        ):
            if value not in allowed:
                raise UsageError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")

    @property
    def spec(self) -> ModelSpec:
        """The network, as it was asked for."""
        return ModelSpec.parse(self.model)

    @property
    def plan(self) -> Recipe:
        """The recipe, with the epochs and the batch that were asked for."""
        recipe = find_recipe(self.recipe)
        return dataclasses.replace(
            recipe, epochs=self.epochs or recipe.epochs, batch=self.batch or recipe.batch
        )

    def spec_for(self, classes: int) -> ModelSpec:
        """Return the network with the classes of the data, void where it is one, and its draw.

        Raises:
            UsageError: another number of classes was asked for.
        """
        outputs = classes + (self.protocol in VOID_IS_CLASS)
        asked = self.spec.options.get("classes", outputs)
        if asked != outputs:
            raise UsageError(
                f"model {self.model!r} has {asked} classes, and {self.dataset} by {self.protocol} "
                f"has {outputs}; leave out classes"
            )
        return drawn_by(self.plan, self.spec).with_options(classes=outputs)

    def differences(self, other: Job) -> tuple[str, ...]:
        """Say what differs from another job; empty where nothing does."""
        return tuple(
            f"{field.name} differs ({getattr(self, field.name)}, now {getattr(other, field.name)})"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the job as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Job:
        """Rebuild the job from its JSON object."""
        return cls(**{**fields, "size": tuple(fields["size"])})


def drawn_by(recipe: Recipe, spec: ModelSpec) -> ModelSpec:
    """Return a network with the draw of a recipe, where it is the zoo's and leaves that open.

    >>> str(drawn_by(find_recipe("modern+he"), ModelSpec("segfast")))
    'segfast,init=he'
    >>> str(drawn_by(find_recipe("modern+he"), ModelSpec("segnet")))
    'segnet'
    """
    if recipe.init is None or known(spec.name) is None or "init" in spec.options:
        return spec
    has_choice = "init" in inspect.signature(find_builder(spec.name)).parameters
    return spec.with_options(init=recipe.init) if has_choice else spec
