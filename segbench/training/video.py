"""Prediction of videos, with the seconds of decoding, network and drawing."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from segbench.data.dataset_files import check_kind
from segbench.data.errors import DataError
from segbench.data.painting import legend, overlay
from segbench.data.pictures import check_size
from segbench.errors import WriteError, one_line
from segbench.files import whole_file
from segbench.training.predict import make_results_folder

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels
    from segbench.progress import Progress
    from segbench.training.predict import Predictor

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
CONTAINERS = (
    "mov",
    "avi",
    "matroska",
    "mpegts",
    "mpeg",
    "m4v",
)  # as FFmpeg calls them; .mp4 is a mov
CODEC = "mpeg4"  # in every build of the library
MAX_RATE = 65_535  # frames a second, and numerator of their fraction, in MPEG-4


@dataclass(frozen=True)
class VideoSpeed:
    """Seconds of a video's frames, by step."""

    frames: int
    decode_s: float
    network_s: float
    draw_s: float

    @property
    def words(self) -> str:
        """Frames a second in all, and of each step by itself.

        >>> VideoSpeed(30, 0.1, 1.0, 0.4).words
        '20.0 frames/s: decode 300, network 30, draw 75'
        """
        total_s = self.decode_s + self.network_s + self.draw_s
        parts = {"decode": self.decode_s, "network": self.network_s, "draw": self.draw_s}
        each = ", ".join(f"{name} {self.frames / max(s, 1e-9):.0f}" for name, s in parts.items())
        return f"{self.frames / max(total_s, 1e-9):.1f} frames/s: {each}"


def is_video(path: Path) -> bool:
    """Tell by its suffix whether a path is a video.

    >>> is_video(Path("drive.MP4")), is_video(Path("street.png"))
    (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def result_for(path: Path) -> str:
    """Return the file name of a video's result.

    >>> result_for(Path("drives/monday.avi"))
    'monday.mp4'
    """
    return f"{path.stem}.mp4"


def predict_video(predictor: Predictor, path: Path, out: Path, *, progress: Progress) -> VideoSpeed:
    """Write a video of the same rate with the predicted classes as an overlay, over a legend.

    Raises:
        DataError: the video cannot be read, has no frames, or PyAV is not installed.
        WriteError: the result cannot be written.
    """
    av = _import_av()
    spent = {"decode": 0.0, "network": 0.0, "draw": 0.0}
    frames = 0
    try:
        with (
            _opened(av, path) as stream,
            whole_file(make_results_folder(out) / result_for(path), force=True) as partial,
            av.open(str(partial), "w", format="mp4") as target,
        ):
            written: Any = None
            moment = time.perf_counter()
            for pixels in _pictures(stream, path):
                moment = _spend(spent, "decode", moment)
                found = predictor.predict(pixels)
                moment = _spend(spent, "network", moment)
                drawn = _draw(pixels, found, predictor)
                if written is None:
                    written = target.add_stream(CODEC, rate=_rate_of(stream, path))
                    written.height, written.width = drawn.shape[:2]
                    written.bit_rate = 8_000_000
                target.mux(written.encode(av.VideoFrame.from_ndarray(drawn, format="rgb24")))
                moment = _spend(spent, "draw", moment)
                frames += 1
                progress("predicting", frames, max(stream.frames, frames))
            if written is None:
                raise DataError(f"video {str(path)!r} has no frames")
            target.mux(written.encode())
    except av.FFmpegError as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise WriteError(f"cannot write a video of {str(path)!r}: {reason.lower()}") from error
    return VideoSpeed(frames, spent["decode"], spent["network"], spent["draw"])


@contextlib.contextmanager
def _opened(av: Any, path: Path) -> Iterator[Any]:  # noqa: ANN401 - a module; a stream
    """Yield the first video stream of a file.

    Raises:
        DataError: there is none, or none that can be decoded.
    """
    check_kind(path, "video")
    with _as_data_error(path):
        # The name is never a URL, and containers that list other files are not read.
        options = {"format_whitelist": ",".join(CONTAINERS)}
        try:
            source = av.open(f"file:{path}", options=options, metadata_errors="replace")
        except av.ArgumentError as error:
            raise DataError(
                f"cannot read video {str(path)!r}: its format is none of {', '.join(CONTAINERS)}"
            ) from error
    with source:
        with _as_data_error(path):
            if not source.streams.video:
                raise DataError(f"cannot read video {str(path)!r}: it has no pictures")
            stream = source.streams.video[0]
            if stream.codec_context is None:
                raise DataError(f"cannot read video {str(path)!r}: its codec is not known")
            stated = stream.codec_context.width, stream.codec_context.height
            if all(stated):  # else it is in the frames
                check_size(stated, source=f"video {str(path)!r}")
        yield stream


def _pictures(stream: Any, path: Path) -> Iterator[Pixels]:  # noqa: ANN401
    """Yield the frames of a stream, (height, width, 3).

    Raises:
        DataError: one cannot be decoded, or is too large.
    """
    frames = stream.container.decode(stream)
    while True:
        with _as_data_error(path):
            frame = next(frames, None)
            if frame is None:
                return
            check_size((frame.width, frame.height), source=f"video {str(path)!r}")
            pixels: Pixels = frame.to_ndarray(format="rgb24")
        yield pixels


def _rate_of(stream: Any, path: Path) -> Fraction:  # noqa: ANN401
    """Return the frames a second of a stream, rounded to what MPEG-4 can state.

    Raises:
        DataError: the file states none, or an impossible one.
    """
    with _as_data_error(path):
        rate = Fraction(stream.average_rate or stream.guessed_rate or 0)
    if not 0 < rate <= MAX_RATE:
        raise DataError(f"cannot read video {str(path)!r}: it has {rate} frames a second")
    return rate.limit_denominator(MAX_RATE // math.ceil(rate))


@contextlib.contextmanager
def _as_data_error(path: Path) -> Iterator[None]:
    """Turn any error of a damaged video into a DataError."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # PyAV raises all kinds of errors on damaged files
        reason = getattr(error, "strerror", None) or one_line(str(error)) or type(error).__name__
        raise DataError(f"cannot read video {str(path)!r}: {reason.lower()}") from error


def _draw(pixels: Pixels, found: Pixels, predictor: Predictor) -> Pixels:
    """Return a frame over a legend, with even numbers of rows and columns as codecs require."""
    mixed = overlay(pixels, found, predictor.classes)
    key = np.asarray(legend(predictor.classes, mixed.shape[1]))
    both = np.concatenate([mixed, key])
    height, width = (side + side % 2 for side in both.shape[:2])
    if (height, width) == both.shape[:2]:
        return both
    padded = Image.new("RGB", (width, height))
    padded.paste(Image.fromarray(both), (0, 0))
    return np.asarray(padded)


def _spend(spent: dict[str, float], what: str, since: float) -> float:
    """Add the seconds since a time, and return the time now."""
    now = time.perf_counter()
    spent[what] += now - since
    return now


def _import_av() -> Any:  # noqa: ANN401 - a module
    try:
        import av  # noqa: PLC0415 - an extra that only videos need
    except ImportError as error:
        raise DataError(
            "videos need PyAV, which is not installed; pip install 'segbench[video]'"
        ) from error
    return av
