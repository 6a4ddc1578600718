"""Semantic segmentation networks by name: ``zoo.build("segfast,classes=12")``.

Every network maps images (batch, 3, height, width) to logits (batch, classes, height, width).
Importing this package imports no torch; building a network does.
"""

from zoo.allowed import ForbiddenImportError, allow_import
from zoo.building import accepts_option, build
from zoo.errors import (
    BuilderError,
    InputSizeError,
    OptionError,
    SpecError,
    UnknownModelError,
    ZooError,
)
from zoo.published import Published
from zoo.registry import (
    ModelEntry,
    check_name,
    entry,
    find_builder,
    known,
    models,
    published_ratio,
    tags,
)
from zoo.spec import ModelSpec

__all__ = [
    "BuilderError",
    "ForbiddenImportError",
    "InputSizeError",
    "ModelEntry",
    "ModelSpec",
    "OptionError",
    "Published",
    "SpecError",
    "UnknownModelError",
    "ZooError",
    "accepts_option",
    "allow_import",
    "build",
    "check_name",
    "entry",
    "find_builder",
    "known",
    "models",
    "published_ratio",
    "tags",
]
