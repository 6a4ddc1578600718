"""Predict the frames of a video, and say what its time went into: decoding, network or drawing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from segbench.data.errors import DataError
from segbench.data.painting import legend, overlay
from segbench.store import whole_file

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels
    from segbench.prediction import Predictor, Progress

ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
CODEC = "mpeg4"  # which every build of the library has


@dataclass(frozen=True)
class VideoSpeed:
    """Seconds that the frames of a video took, by what was done with them."""

    frames: int
    decode_s: float
    network_s: float
    draw_s: float

    @property
    def words(self) -> str:
        """Frames a second of everything together, and of each part by itself.

        >>> VideoSpeed(30, 0.1, 1.0, 0.4).words
        '20.0 frames/s: decode 300, network 30, draw 75'
        """
        total_s = self.decode_s + self.network_s + self.draw_s
        parts = {"decode": self.decode_s, "network": self.network_s, "draw": self.draw_s}
        each = ", ".join(f"{name} {self.frames / max(s, 1e-9):.0f}" for name, s in parts.items())
        return f"{self.frames / max(total_s, 1e-9):.1f} frames/s: {each}"


def is_video(path: Path) -> bool:
    """Tell by a path's ending whether it is a video.

    >>> is_video(Path("drive.MP4")), is_video(Path("street.png"))
    (True, False)
    """
    return path.suffix.lower() in ENDINGS


def predict_video(predictor: Predictor, path: Path, out: Path, *, progress: Progress) -> VideoSpeed:
    """Write a video of the same size and rate with the predicted classes over it, and a legend.

    Raises:
        DataError: the video cannot be read, has no frames, or PyAV is not installed.
        UsageError: the result cannot be written.
    """
    av = _import_av()
    out.mkdir(parents=True, exist_ok=True)
    spent = {"decode": 0.0, "network": 0.0, "draw": 0.0}
    frames = 0
    try:
        with (
            av.open(str(path)) as source,
            whole_file(out / f"{path.stem}.mp4", force=True) as partial,
            av.open(str(partial), "w", format="mp4") as target,
        ):
            stream = source.streams.video[0]
            written: Any = None
            moment = time.perf_counter()
            for frame in source.decode(stream):
                pixels: Pixels = frame.to_ndarray(format="rgb24")
                moment = _spend(spent, "decode", moment)
                found = predictor.predict(pixels)
                moment = _spend(spent, "network", moment)
                drawn = _draw(pixels, found, predictor)
                if written is None:
                    written = target.add_stream(CODEC, rate=stream.average_rate or 25)
                    written.height, written.width = drawn.shape[:2]
                    written.bit_rate = 8_000_000
                target.mux(written.encode(av.VideoFrame.from_ndarray(drawn, format="rgb24")))
                moment = _spend(spent, "draw", moment)
                frames += 1
                progress("predicting", frames, max(stream.frames, frames))
            if written is None:
                raise DataError(f"video {str(path)!r} has no frames")
            target.mux(written.encode())
    except (av.FFmpegError, IndexError) as error:
        reason = getattr(error, "strerror", None) or "it has no pictures"
        raise DataError(f"cannot read video {str(path)!r}: {str(reason).lower()}") from error
    return VideoSpeed(frames, spent["decode"], spent["network"], spent["draw"])


def _draw(pixels: Pixels, found: Pixels, predictor: Predictor) -> Pixels:
    """Return a frame over a legend, with an even number of rows and columns as codecs want."""
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
    """Add the seconds since a moment, and return the moment now."""
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
