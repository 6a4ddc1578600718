"""Training job: everything that a run depends on, except the machine."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any, Literal, get_args

from segbench.bounds import check_count, check_input
from segbench.errors import UsageError
from segbench.results.candidate import without_runtime
from segbench.results.evaluation import PROTOCOLS, Protocol
from segbench.results.workload import Device
from segbench.training.recipes import Recipe, find_recipe
from zoo.building import names_option
from zoo.registry import check_name, find_builder, known
from zoo.spec import ModelSpec

Precision = Literal["float32", "bfloat16", "float16"]
AUXILIARY = "auxiliary"  # the option of networks that have auxiliary heads
VOID_IS_CLASS: tuple[Protocol, ...] = ("void-as-class", "add-one")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training run.

    Attributes:
        model: specification as text, without the number of classes.
        dataset: as for :func:`segbench.data.registry.open_dataset`.
        size: height and width that images are resized to.
        protocol: chooses the best epoch; some protocols make void a class.
        recipe: name of the recipe, see `effective_recipe`.
        epochs: maximum; None for that of the recipe. `batch` likewise.
        devices: number of devices that share each batch.
        start: weights that the network begins with as far as they fit, see
            :mod:`segbench.training.starting_weights`; None for weights that are drawn.
        teachers: weights of the networks that it learns from, where the recipe distils.

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
    start: str | None = None
    teachers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.spec.name)
        self._check_teachers()
        for name, number in {"epochs": self.epochs, "batch": self.batch}.items():
            if number is not None:
                check_count(name, number)
        check_count("devices", self.devices)
        check_count("seed", self.seed)
        check_input(batch=self.effective_recipe.batch, height=self.size[0], width=self.size[1])
        for name, value, allowed in (
            ("protocol", self.protocol, tuple(PROTOCOLS)),
            ("device", self.device, get_args(Device)),
            ("precision", self.precision, get_args(Precision)),
        ):
            if value not in allowed:
                raise UsageError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")

    def _check_teachers(self) -> None:
        distils = find_recipe(self.recipe).distill > 0
        if distils and not self.teachers:
            raise UsageError(
                f"recipe {self.recipe!r} learns from teachers, and none is named; name one with "
                "segbench train --distill RUN"
            )
        if self.teachers and not distils:
            raise UsageError(
                f"recipe {self.recipe!r} learns from no teacher; write {self.recipe}+distill"
            )
        if len(set(self.teachers)) < len(self.teachers):
            raise UsageError(f"a teacher is named twice ({', '.join(self.teachers)}); name it once")

    @property
    def spec(self) -> ModelSpec:
        """Specification of the network, as it was asked for."""
        model = without_runtime(self.model, what="train", why="training runs in eager PyTorch")
        return ModelSpec.parse(model)

    @property
    def effective_recipe(self) -> Recipe:
        """Recipe with the epochs and the batch of the job."""
        recipe = find_recipe(self.recipe)
        return dataclasses.replace(
            recipe, epochs=self.epochs or recipe.epochs, batch=self.batch or recipe.batch
        )

    def spec_for(self, classes: int) -> ModelSpec:
        """Return the specification with its number of classes and its initialisation.

        Raises:
            UsageError: another number of classes was asked for.
        """
        outputs = self.outputs_for(classes)
        asked = self.spec.options.get("classes", outputs)
        if asked != outputs:
            raise UsageError(
                f"model {self.model!r} has {asked} classes, and {self.dataset} by {self.protocol} "
                f"has {outputs}; leave out classes"
            )
        spec = initialised_by(self.effective_recipe, without_heads(self.spec))
        if "classes" in spec.options or not names_option(spec.name, "classes"):
            return spec  # another name of the option is among its options
        return spec.with_options(classes=outputs)

    def spec_to_train(self, classes: int) -> ModelSpec:
        """Return the specification of the network in training, with its auxiliary heads.

        It has them where there are any, unless the job's model says ``auxiliary=false``.
        """
        spec = self.spec_for(classes)
        if not has_heads(spec.name):
            return spec
        return spec.with_options(auxiliary=self.spec.options.get(AUXILIARY, True))

    def outputs_for(self, classes: int) -> int:
        """Return the channels of the logits: classes of the data, and void if it is a class."""
        return classes + (self.protocol in VOID_IS_CLASS)

    def differences(self, other: Job) -> tuple[str, ...]:
        """Return one line for each difference from another job."""
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
        pairs = {"size": tuple(fields["size"]), "teachers": tuple(fields.get("teachers", ()))}
        return cls(**{**fields, **pairs})


def initialised_by(recipe: Recipe, spec: ModelSpec) -> ModelSpec:
    """Return a network of the zoo with the recipe's initialisation, unless it names its own.

    >>> str(initialised_by(find_recipe("modern+he"), ModelSpec("segfast")))
    'segfast,init=he'
    >>> str(initialised_by(find_recipe("modern+he"), ModelSpec("segnet")))
    'segnet'
    """
    if recipe.init is None or known(spec.name) is None or "init" in spec.options:
        return spec
    has_choice = "init" in inspect.signature(find_builder(spec.name)).parameters
    return spec.with_options(init=recipe.init) if has_choice else spec


def has_heads(name: str) -> bool:
    """Tell whether a network may have auxiliary heads, see :mod:`segbench.training.auxiliary`.

    An option of this name that is not off by default means something else.

    >>> has_heads("segfast")
    False
    """
    if not names_option(name, AUXILIARY):
        return False
    return inspect.signature(find_builder(name)).parameters[AUXILIARY].default is False


def without_heads(spec: ModelSpec) -> ModelSpec:
    """Return a network as it is after training: whether auxiliary heads train is not kept."""
    if AUXILIARY not in spec.options or not has_heads(spec.name):
        return spec
    kept = {name: value for name, value in spec.options.items() if name != AUXILIARY}
    return ModelSpec(spec.name, kept)
