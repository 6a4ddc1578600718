"""Videos: every frame predicted, at the same rate, and its time split."""

import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from segbench.data.errors import DataError
from segbench.training.config import Job
from segbench.training.predict import Predictor
from segbench.training.run import train
from segbench.training.video import predict_video

RATE = 10


@pytest.fixture
def predictor(rooms, tmp_path):
    job = Job(model="nets_to_train:Small", dataset=str(rooms), size=(24, 32), epochs=4, batch=4)
    return Predictor(train(job, tmp_path / "run", cache=tmp_path / "cache").path)


@pytest.fixture
def video(tmp_path):
    """Write twelve frames whose left half is dark and right half bright."""
    path = tmp_path / "drive.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height = 96, 64
        for _ in range(12):
            pixels = np.full((64, 96, 3), 60, np.uint8)
            pixels[:, 48:] = 180
            target.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        target.mux(stream.encode())
    return path


def test_every_frame_is_predicted_at_the_same_rate(predictor, video, tmp_path):
    seen = []
    speed = predict_video(
        predictor, video, tmp_path / "out", progress=lambda *step: seen.append(step)
    )
    assert speed.frames == 12
    assert seen[-1] == ("predicting", 12, 12)
    assert min(speed.decode_s, speed.network_s, speed.draw_s) > 0
    with av.open(str(tmp_path / "out" / "drive.mp4")) as written:
        stream = written.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in written.decode(stream)]
        assert stream.average_rate == Fraction(RATE)
    assert len(frames) == 12
    assert frames[0].shape[1] == 96
    assert frames[0].shape[0] > 64  # the legend
    left, right = (
        frames[0][10:50, side].mean(axis=(0, 1)) for side in (slice(5, 40), slice(56, 90))
    )
    assert np.abs(left - right).max() > 30  # two classes in two colours


def test_a_file_that_is_no_video_is_one_line_and_leaves_nothing(predictor, tmp_path):
    (tmp_path / "bad.mp4").write_text("not a video")
    with pytest.raises(DataError, match=r"^cannot read video .*: invalid data found"):
        predict_video(predictor, tmp_path / "bad.mp4", tmp_path / "out", progress=lambda *_: None)
    assert not (tmp_path / "out").exists()


def test_without_pyav_it_is_said_which_extra_is_missing(predictor, video, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError) as caught:
        predict_video(predictor, video, tmp_path / "out", progress=lambda *_: None)
    assert str(caught.value) == (
        "videos need PyAV, which is not installed; pip install 'segbench[video]'"
    )
