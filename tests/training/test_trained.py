"""Trained networks in runtimes: their figures, masks and refusals beside those of eager."""

import signal
from dataclasses import replace

import numpy as np
import psutil
import pytest
from PIL import Image

from segbench.errors import ExitCode, MeasurementError, UsageError
from segbench.results.candidate import HEADS, Candidate
from segbench.training.config import Job
from segbench.training.evaluate import evaluate
from segbench.training.predict import Predictor
from segbench.training.run import train
from segbench.training.trained import TrainedNetwork

SIZE = (64, 64)
STREETS = "segfast-streets"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def eager(cache):
    return evaluate(STREETS, size=SIZE, cache=cache, progress=lambda *_: None)


def pictures(count):
    return np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_split_is_evaluated_in_a_runtime_beside_eager(runtime, eager, cache):
    # 100 scenes are no multiple of 7: the last batch has too few
    found = evaluate(f"{STREETS}@{runtime}", size=SIZE, batch=7, cache=cache, progress=print)
    assert found.eager == eager.qualities
    assert found.parity.is_right
    assert found.parity.argmax_agreement > 0.9999
    assert found.qualities["strict"].miou == pytest.approx(eager.qualities["strict"].miou, abs=1e-4)
    assert found.dtype == "float32"
    assert found.runtime_version is not None
    assert eager.parity is None


@pytest.mark.parametrize("head", HEADS[1:3])
def test_a_head_that_hands_out_something_else_has_the_same_classes(head):
    plain = TrainedNetwork(Candidate.of_weights(f"{STREETS}@onnxruntime"))
    other = TrainedNetwork(Candidate.of_weights(f"{STREETS}@onnxruntime,head={head}"))
    images = pictures(2)
    classes = plain.in_classes(plain.hand_out(images, batch=2))
    assert classes.shape == (2, 64, 64)
    assert bool((classes == other.in_classes(other.hand_out(images, batch=2))).all())


def test_a_picture_is_predicted_in_a_runtime_as_in_eager():
    image = np.asarray(Image.fromarray(pictures(1)[0]).resize((90, 50)))
    eager, other = Predictor(STREETS), Predictor(f"{STREETS}@onnxruntime")
    assert other.name == "segfast-streets@onnxruntime"
    found = other.predict(image)
    assert found.shape == (50, 90)
    assert (found == eager.predict(image)).mean() > 0.999
    by_class = Predictor(f"{STREETS}@onnxruntime,head=argmax").predict(image)
    assert (found == by_class).mean() > 0.7  # whose classes are repeated, not blended


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("onnxruntime,head=argmax-strided", ("head 'argmax-strided' hands out classes at the "
         "network's own stride, and labels and pictures need one a pixel; take head=argmax")),
        ("onnxrutime", "unknown runtime 'onnxrutime'; did you mean 'onnxruntime'? (runtimes: "),
        ("onnxruntime:int8", "runtime 'onnxruntime' does not compute with int8 (precisions: "),
        ("openvino:int8", ("'segfast-streets@openvino:int8' would be calibrated on 64 drawn street "
         "scenes, which is enough to time it and not to judge it; evaluate fp32 or bf16")),
    ],
)  # fmt: skip
def test_a_runtime_that_is_not_possible_is_one_line(runtime, said):
    with pytest.raises(UsageError) as caught:
        TrainedNetwork(Candidate.of_weights(f"{STREETS}@{runtime}"))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(("is_right", "code"), [(True, ExitCode.OK), (False, ExitCode.FAILED)])
def test_a_runtime_that_is_wrong_fails(is_right, code, here, monkeypatch):
    from segbench.training import evaluate as evaluating

    judge = evaluating.judge_parity
    monkeypatch.setattr(
        evaluating,
        "judge_parity",
        lambda *given, **named: replace(judge(*given, **named), is_right=is_right),
    )
    ended, _, _ = here("evaluate", f"{STREETS}@onnxruntime", "--size", "32x32")
    assert ended == code


def test_an_engine_that_dies_is_one_line(rooms, tmp_path, cache):
    job = Job(model="nets_to_train:Small", dataset=str(rooms), size=(24, 32), epochs=1, batch=4)
    path = train(job, tmp_path / "run", cache=cache).path
    trained = TrainedNetwork(Candidate.of_weights(f"{path}@onnxruntime"))
    images = pictures(1)
    others = set(psutil.Process().children(recursive=True))
    trained.hand_out(images)
    [worker] = set(psutil.Process().children(recursive=True)) - others
    worker.send_signal(signal.SIGSEGV)
    with pytest.raises(MeasurementError) as caught:
        trained.hand_out(images)
    assert str(caught.value) == (
        f"the worker that measured '{path}@onnxruntime' was killed by SIGSEGV; see --debug for its "
        "last words"
    )
