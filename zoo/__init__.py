"""Semantic segmentation networks by name: ``zoo.build("segfast,classes=12")``.

Every network maps images (batch, 3, height, width) to logits (batch, classes, height, width).
Importing this package imports no torch; building a network does.
"""

from zoo.building import accepts_option, build
from zoo.errors import (
    BuilderError,
    InputSizeError,
    OptionError,
    SpecError,
    UnknownModelError,
    ZooError,
)
from zoo.registry import (
    ModelEntry,
    Published,
    check_name,
    entry,
    find_builder,
    known,
    models,
    published_ratio,
)
from zoo.spec import ModelSpec

__all__ = [
    "BuilderError",
    "InputSizeError",
    "ModelEntry",
    "ModelSpec",
    "OptionError",
    "Published",
    "SpecError",
    "UnknownModelError",
    "ZooError",
    "accepts_option",
    "build",
    "check_name",
    "entry",
    "find_builder",
    "known",
    "models",
    "published_ratio",
]
