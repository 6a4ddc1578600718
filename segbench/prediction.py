"""Predict classes for images of any size with a trained network, and draw them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from segbench.data.errors import DataError
from segbench.data.files import load_picture, pictures_in
from segbench.data.painting import caption, legend, mask, overlay
from segbench.data.registry import open_dataset
from segbench.data.scenes import VOID, LabelClass, read_scene
from segbench.errors import UsageError
from segbench.evaluation import find_checkpoint, load_network
from segbench.picture_files import write_picture
from segbench.pictures import normalised

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Seen:
    """An image to predict, and its label where there is one."""

    name: str
    image: Pixels
    label: Pixels | None = None


class Predictor:
    """A trained network that takes images as they are.

    Args:
        path: a checkpoint, or the folder of a run.

    Raises:
        UsageError: it cannot be read, or its weights do not fit its network.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem if path.suffix == ".safetensors" else path.name
        self.checkpoint = find_checkpoint(path)
        self._network, about = load_network(self.checkpoint)
        self.classes = tuple(
            LabelClass(each["name"], tuple(each["color"])) for each in about["classes"]
        )
        height, width = about["job"]["size"]
        self.size: tuple[int, int] = (height, width)

    @torch.inference_mode()
    def predict(self, image: Pixels) -> Pixels:
        """Return the class ids of an image's pixels, VOID where void was learnt and is found.

        The network sees the image at the size that it was trained with; its logits are resized
        bilinearly to the image's own.

        Args:
            image: red, green and blue, (height, width, 3); the ids are (height, width).
        """
        height, width = self.size
        smaller = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        logits = self._network(normalised(torch.from_numpy(np.array(smaller)[None])))
        if image.shape[:2] != self.size:
            logits = functional.interpolate(logits, size=image.shape[:2], mode="bilinear")
        found = logits[0].argmax(dim=0).numpy()
        return np.where(found == len(self.classes), VOID, found).astype(np.uint8)


def pictures(path: Path) -> list[Path]:
    """Return the picture at a path, or all in a folder.

    Raises:
        DataError: there are none.
    """
    if not path.is_dir():
        return [path]
    found = pictures_in(path)
    if not found:
        raise DataError(f"no pictures in {str(path)!r}; name a picture, or a folder of some")
    return found


def see_pictures(paths: Iterable[Path]) -> Iterator[Seen]:
    """Read pictures one after the other.

    Raises:
        DataError: one cannot be read.
    """
    for path in paths:
        yield Seen(path.stem, np.asarray(load_picture(path, what="image").convert("RGB")))


def see_scenes(dataset: str, split: str, root: Path | None) -> tuple[int, Iterator[Seen]]:
    """Return the number of scenes of a split, and the scenes with their labels.

    Raises:
        DataError: there is no such dataset or split.
    """
    scenes = open_dataset(dataset, root).split(split)
    return len(scenes), (Seen(scene.name, *read_scene(scene)) for scene in scenes)


def load_predictors(paths: Iterable[Path]) -> list[Predictor]:
    """Load networks whose predictions can be shown beside each other.

    Raises:
        UsageError: one cannot be read, or they know different classes.
    """
    first, *others = predictors = [Predictor(path) for path in paths]
    for other in others:
        if other.classes != first.classes:
            raise UsageError(
                f"{other.name!r} knows other classes than {first.name!r}; "
                "show networks beside each other that were trained on one dataset"
            )
    return predictors


def predict_all(
    predictors: Sequence[Predictor],
    seen: Iterable[Seen],
    out: Path,
    *,
    count: int,
    progress: Progress,
) -> None:
    """Write for each image its mask, and a picture of it beside what was found.

    ``X_mask.png`` has class ids as pixels and the classes' colours as palette; it is what the first
    network found. ``X.png`` shows the image, the label where there is one, and the prediction of
    each network, over a legend.

    Raises:
        DataError: an image cannot be read.
        UsageError: a picture cannot be written.
    """
    classes = predictors[0].classes
    out.mkdir(parents=True, exist_ok=True)
    for done, each in enumerate(seen, 1):
        found = [predictor.predict(each.image) for predictor in predictors]
        names = [predictor.name for predictor in predictors]
        write_picture(out / f"{each.name}_mask.png", mask(found[0], classes), force=True)
        picture = beside(each, list(zip(names, found, strict=True)), classes)
        write_picture(out / f"{each.name}.png", picture, force=True)
        progress("predicting", done, count)


def beside(
    seen: Seen, found: Sequence[tuple[str, Pixels]], classes: tuple[LabelClass, ...]
) -> Image.Image:
    """Return an image, its label where there is one, and predictions by name, over a legend."""
    labels = [("labels", seen.label)] if seen.label is not None else []
    panels = [("image", seen.image)]
    panels += [(name, overlay(seen.image, label, classes)) for name, label in [*labels, *found]]
    height, width = seen.image.shape[:2]
    key = legend(classes, width * len(panels))
    top = caption("", width).height
    picture = Image.new("RGB", (width * len(panels), top + height + key.height))
    for position, (name, pixels) in enumerate(panels):
        picture.paste(caption(name, width), (position * width, 0))
        picture.paste(Image.fromarray(pixels), (position * width, top))
    picture.paste(key, (0, top + height))
    return picture
