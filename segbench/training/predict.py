"""Prediction: classes of images of any size, and pictures of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from segbench.data.errors import DataError
from segbench.data.painting import caption, legend, mask, overlay
from segbench.data.pictures import load_picture, pictures_in
from segbench.data.registry import open_dataset
from segbench.data.scenes import VOID, LabelClass, read_scene
from segbench.errors import UsageError, WriteError, os_reason
from segbench.files import write_picture
from segbench.progress import Progress
from segbench.results.candidate import Candidate
from segbench.training.trained import classifier_of

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels, Scene

NEAREST = Image.Resampling.NEAREST
MAX_NAME_BYTES = 255  # of a file, on the file systems of Linux, macOS and Windows
MAX_RESIZED_VALUES = 1 << 27  # of logits at a time: half a gigabyte


@dataclass(frozen=True)
class InputImage:
    """Image to predict, with its label if there is one."""

    name: str
    image: Pixels
    label: Pixels | None = None


class Predictor:
    """A trained network for images of any size.

    Args:
        text: a checkpoint, or the folder of a run; a runtime may follow.

    Raises:
        UsageError: it cannot be read, or its weights do not fit its network.
    """

    def __init__(self, text: str | Path) -> None:
        candidate = Candidate.of_weights(str(text))
        path = Path(str(candidate.weights))
        self.name = path.stem if path.suffix == ".safetensors" else path.name
        if str(candidate) != candidate.weights:
            self.name += f"@{candidate.runtime}"
        self._trained = classifier_of(candidate)
        self.checkpoint = self._trained.path
        self.classes = self._trained.classes
        self.size = self._trained.size

    @torch.inference_mode()
    def predict(self, image: Pixels) -> Pixels:
        """Return the class ids of an image's pixels, VOID where void was learnt and predicted.

        The image is resized to the training size, and the logits bilinearly back to its own size.
        Classes, which a head may hand out instead, are repeated.

        Args:
            image: red, green and blue, (height, width, 3); the ids are (height, width).
        """
        height, width = self.size
        smaller = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        handed_out = self._trained.hand_out(np.array(smaller)[None])
        if self._trained.hands_out_classes:
            ids = Image.fromarray(handed_out[0].numpy())
            found = np.asarray(ids.resize((image.shape[1], image.shape[0]), NEAREST))
        else:
            found = best_class(self._trained.channels_first(handed_out), image.shape[:2]).numpy()
        return np.where(found == len(self.classes), VOID, found).astype(np.uint8)


def best_class(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the class with the highest logit at each pixel of an image, (height, width).

    Logits (1, classes, h, w) are resized bilinearly, some classes at a time: those of all classes
    would fill gigabytes for a photograph of 50 million pixels.

    >>> best_class(torch.tensor([[[[0.0, 3.0]], [[1.0, 1.0]]]]), (1, 4)).tolist()
    [[1, 1, 0, 0]]
    """
    if tuple(logits.shape[2:]) == size:
        return logits[0].argmax(dim=0)
    at_a_time = max(1, MAX_RESIZED_VALUES // (size[0] * size[1]))
    highest: torch.Tensor | None = None
    found = torch.zeros(size, dtype=torch.int64)
    for first in range(0, logits.shape[1], at_a_time):
        part = logits[:, first : first + at_a_time]
        resized = functional.interpolate(part, size=size, mode="bilinear")[0]
        values, classes = resized.max(dim=0)
        if highest is None:
            highest, found = values, classes
            continue
        higher = values > highest
        found[higher] = classes[higher] + first
        highest = torch.maximum(highest, values)
    return found


def pictures(path: Path) -> list[Path]:
    """Return the picture at a path, or all pictures of a folder.

    Raises:
        DataError: there are none.
    """
    if not path.is_dir():
        return [path]
    found = pictures_in(path)
    if not found:
        raise DataError(f"no pictures in {str(path)!r}; name a picture, or a folder of some")
    return found


def read_pictures(paths: Iterable[Path]) -> Iterator[InputImage]:
    """Yield the pictures at paths.

    Raises:
        DataError: one cannot be read.
    """
    for path in paths:
        yield InputImage(path.stem, np.asarray(load_picture(path, what="image", mode="RGB")))


def read_scenes(dataset: str, split: str, root: Path | None) -> tuple[int, Iterator[InputImage]]:
    """Return the number of scenes of a split, and its scenes with labels.

    Raises:
        DataError: there is no such dataset or split.
    """
    scenes = open_dataset(dataset, root).split(split)
    return len(scenes), read_each(scenes)


def read_each(scenes: Iterable[Scene]) -> Iterator[InputImage]:
    """Return scenes with their labels, read one at a time."""
    return (InputImage(scene.name, *read_scene(scene)) for scene in scenes)


def files_of(scene: Scene) -> list[Path]:
    """Return the files of a scene; none for a drawn scene."""
    paths = (getattr(scene, name, None) for name in ("image_path", "label_path"))
    return [path for path in paths if isinstance(path, Path)]


def results_for(name: str) -> tuple[str, str]:
    """Return the file names of an image's results.

    >>> results_for("0001")
    ('0001.png', '0001_mask.png')
    """
    return f"{name}.png", f"{name}_mask.png"


def check_results(
    results: Sequence[tuple[str, str]], inputs: Iterable[Path], out: Path, *, force: bool
) -> None:
    """Refuse results that would replace an input, each other or an existing file, before any work.

    Args:
        results: name of each file in the folder `out`, and the name of its input.
        inputs: all files that are read; none is ever replaced.
        force: replace other existing files.

    Raises:
        UsageError: a result would replace one, or its name is not possible.
    """
    read = {os.path.realpath(path) for path in inputs}
    written: dict[str, str] = {}
    for result, source in results:
        target = out / result
        if Path(result).name != result or "\0" in result:
            raise UsageError(f"{source!r} is no name that results can have; rename it")
        if len(os.fsencode(result)) > MAX_NAME_BYTES:
            raise UsageError(
                f"the name of {source!r} is too long for its results; they would have names of "
                f"over {MAX_NAME_BYTES} bytes"
            )
        other = written.setdefault(result, source)
        if other != source:
            raise UsageError(
                f"the results of {other!r} and {source!r} would both be {str(target)!r}; rename "
                "one, or predict them into folders of their own"
            )
        if os.path.realpath(target) in read:
            raise UsageError(
                f"the result of {source!r} would replace {str(target)!r}, which is to be read; "
                "name another folder with --out"
            )
        if target.is_symlink() and not target.exists():
            raise UsageError(f"{str(target)!r} is a link to nothing; remove it")
        if target.exists() and not force:
            raise UsageError(
                f"{str(target)!r} exists already; name another folder with --out, or add --force"
            )


def make_results_folder(out: Path) -> Path:
    """Return the folder of the results, made if it is missing.

    Raises:
        WriteError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = os_reason(error) if isinstance(error, OSError) else str(error)
        raise WriteError(f"cannot write into {str(out)!r}: {reason}") from error
    return out


def load_predictors(texts: Iterable[str | Path]) -> list[Predictor]:
    """Load networks that know the same classes.

    Raises:
        UsageError: one cannot be read, or knows other classes.
    """
    first, *others = predictors = [Predictor(text) for text in texts]
    for other in others:
        if other.classes != first.classes:
            raise UsageError(
                f"{other.name!r} knows other classes than {first.name!r}; "
                "show networks beside each other that were trained on one dataset"
            )
    return predictors


def predict_all(
    predictors: Sequence[Predictor],
    images: Iterable[InputImage],
    out: Path,
    *,
    count: int,
    progress: Progress,
) -> None:
    """Write the mask of each image, and a picture of it beside its predictions.

    ``X_mask.png`` has class ids as pixels and the classes' colours as palette; it is the prediction
    of the first network. ``X.png`` shows the image, its label if there is one, and the prediction
    of each network, over a legend.

    Raises:
        DataError: an image cannot be read.
        WriteError: a picture cannot be written.
    """
    classes = predictors[0].classes
    for done, each in enumerate(images, 1):
        found = [predictor.predict(each.image) for predictor in predictors]
        names = [predictor.name for predictor in predictors]
        make_results_folder(out)  # only now: the first image may be unreadable
        shown, ids = results_for(each.name)
        write_picture(out / ids, mask(found[0], classes), force=True)
        picture = beside(each, list(zip(names, found, strict=True)), classes)
        write_picture(out / shown, picture, force=True)
        progress("predicting", done, count)


def beside(
    source: InputImage, found: Sequence[tuple[str, Pixels]], classes: tuple[LabelClass, ...]
) -> Image.Image:
    """Return a picture of an image, its label and predictions by name, over a legend."""
    labels = [("labels", source.label)] if source.label is not None else []
    panels = [("image", source.image)]
    panels += [(name, overlay(source.image, label, classes)) for name, label in [*labels, *found]]
    height, width = source.image.shape[:2]
    key = legend(classes, width * len(panels))
    top = caption("", width).height
    picture = Image.new("RGB", (width * len(panels), top + height + key.height))
    for position, (name, pixels) in enumerate(panels):
        picture.paste(caption(name, width), (position * width, 0))
        picture.paste(Image.fromarray(pixels), (position * width, top))
    picture.paste(key, (0, top + height))
    return picture
