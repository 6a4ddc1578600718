"""Predict with progress on a terminal, once it is sure that no result would replace an input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from segbench.cli.output import progress_bar
from segbench.data.registry import open_dataset
from segbench.errors import ExitCode, UsageError
from segbench.results.candidate import split_runtime
from segbench.training.predict import (
    InputImage,
    Predictor,
    check_results,
    files_of,
    load_predictors,
    pictures,
    predict_all,
    read_each,
    read_pictures,
    results_for,
)
from segbench.training.video import is_video, predict_video, result_for
from zoo.weights import find_weights


def predict_images(networks: Sequence[str], image: Path, out: Path, *, force: bool) -> ExitCode:
    """Predict a picture, all in a folder, or a video."""
    if is_video(image):
        if networks[1:]:
            raise UsageError("a video is shown for one network; leave out --beside")
        return _predict_video(networks[0], image, out, force=force)
    paths = pictures(image)
    results = [(name, str(path)) for path in paths for name in results_for(path.stem)]
    check_results(results, [*paths, *map(_file_of, networks)], out, force=force)
    return _predict_all(load_predictors(networks), read_pictures(paths), out, count=len(paths))


def predict_scenes(
    networks: Sequence[str],
    dataset: str,
    split: str,
    data_root: Path | None,
    out: Path,
    *,
    force: bool,
) -> ExitCode:
    """Predict the scenes of a dataset's split."""
    scenes = open_dataset(dataset, data_root).split(split)
    named = [f"scene {number}, {scene.name}" for number, scene in enumerate(scenes, 1)]
    results = [
        (name, source)
        for scene, source in zip(scenes, named, strict=True)
        for name in results_for(scene.name)
    ]
    inputs = [*map(_file_of, networks), *(path for scene in scenes for path in files_of(scene))]
    check_results(results, inputs, out, force=force)
    return _predict_all(load_predictors(networks), read_each(scenes), out, count=len(scenes))


def _predict_all(
    predictors: Sequence[Predictor], images: Iterable[InputImage], out: Path, *, count: int
) -> ExitCode:
    done = 0
    try:
        with progress_bar() as bar:

            def progress(doing: str, so_far: int, of_all: int) -> None:
                nonlocal done
                done = so_far
                bar(doing, so_far, of_all)

            predict_all(predictors, images, out, count=count, progress=progress)
    except KeyboardInterrupt:
        said = f"{done} of {count} images are predicted, in {out}"
        print(f"segbench: interrupted; {said}", file=sys.stderr)
        return ExitCode.INTERRUPTED
    print(f"{count} image{'s' * (count != 1)} predicted, in {out}")
    return ExitCode.OK


def _file_of(network: str) -> Path:
    """Return the file of a network's weights, or where it would be."""
    return find_weights(split_runtime(network)[0])


def _predict_video(network: str, video: Path, out: Path, *, force: bool) -> ExitCode:
    check_results([(result_for(video), str(video))], [video, _file_of(network)], out, force=force)
    [predictor] = load_predictors([network])
    try:
        with progress_bar() as bar:
            speed = predict_video(predictor, video, out, progress=bar)
    except KeyboardInterrupt:
        print("segbench: interrupted; no video was written", file=sys.stderr)
        return ExitCode.INTERRUPTED
    print(f"{speed.frames} frames predicted, in {out}; {speed.words}")
    return ExitCode.OK
