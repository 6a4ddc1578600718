"""Do exported networks compute the same outside of segbench, in an engine that is by itself?

Question: does what `segbench export` writes need anything of segbench, and is it the network?
Source: every network of a tag, with weights as they are drawn and batch norms as training leaves
them; three drawn street scenes.
Cost: six minutes for the paper's, a quarter of an hour for the small ones, on 2 cores of an Intel
Xeon with AMX, beside other work (2026-12-01).
Result: largest difference of a logit, as a share of the largest, and pixels of the same class, in
ONNX Runtime and in OpenVINO: FCN-8s 9.7e-7, 100 % and 2.4e-6, 100 %; SegNet 0.048, 99.984 % and
0.065, 99.845 %; SegNet-Basic 0.024, 99.977 % and 0.056, 99.961 %; SegFast-Basic 4.6e-7, 100 % and
9.4e-7, 100 %; SegFast 4.8e-7, 100 % and 4.4e-7, 100 %. SegNet and SegNet-Basic put maxima back
where pooling found them, and rounding says where that is: eager itself moves by as much where its
images move by a millionth. The thirteen small networks: 4.4e-7 to 4.4e-5 (BiSeNetV2), and at least
99.998 % of the pixels.

    python -m studies.exported_zoo --tag paper
    python -m studies.exported_zoo --tag small

Each network is exported to ONNX and to OpenVINO's IR. A process that imports numpy and the engine
alone runs each file; what it returns is held against eager PyTorch.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from segbench.errors import UsageError
from segbench.measurement.export import export
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.parity import BATCHES
from segbench.measurement.workers.protocol import Task
from segbench.results.candidate import Candidate
from segbench.results.workload import DEFAULT
from segbench.runtimes.inputs import normalised
from segbench.runtimes.street_scenes import street_pixels
from zoo.registry import PAPER_TAG, models
from zoo.spec import ModelSpec

RUNS = {
    "onnx": """
import sys, numpy as np, onnxruntime as ort
file, images, found = sys.argv[1:]
session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
[port] = session.get_inputs()
given = np.load(images)
np.save(found, np.concatenate([session.run(None, {port.name: each[None]})[0] for each in given]))
assert not {"torch", "segbench", "zoo"} & set(sys.modules)
""",
    "openvino": """
import sys, numpy as np, openvino as ov
file, images, found = sys.argv[1:]
hints = {"INFERENCE_PRECISION_HINT": "f32"}
compiled = ov.Core().compile_model(file, "CPU", hints)
given = np.load(images)
np.save(found, np.concatenate([compiled(each[None])[0] for each in given]))
assert not {"torch", "segbench", "zoo"} & set(sys.modules)
""",
}
ENDINGS = {"onnx": ".onnx", "openvino": ".xml"}


def compare(name: str, folder: Path) -> None:
    """Export a network, run each file in a bare engine, and print how far it is from eager."""
    tested = ModelUnderTest(Task(Candidate(ModelSpec.parse(name)), DEFAULT))
    tested.check_module()
    images = torch.cat([normalised(pixels) for pixels in street_pixels(DEFAULT.shape, BATCHES)])
    expected = torch.cat([tested.logits_of(each[None]) for each in images]).numpy()
    np.save(folder / "images.npy", images.numpy())
    for to, ending in ENDINGS.items():
        file, found = folder / f"net{ending}", folder / "found.npy"
        try:
            export(name, file, to=to, force=True)
        except UsageError as error:
            print(f"{name:16} {to:9} not exported: {error}", flush=True)  # noqa: T201
            continue
        given = [str(file), str(folder / "images.npy"), str(found)]
        subprocess.run([sys.executable, "-I", "-c", RUNS[to], *given], check=True)
        logits = np.load(found)
        difference = np.abs(logits - expected).max() / np.abs(expected).max()
        same = (logits.argmax(1) == expected.argmax(1)).mean()
        said = f"{difference:.1e} of the largest logit, same class in {100 * same:.3f} %"
        print(f"{name:16} {to:9} {said}", flush=True)  # noqa: T201


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", default=PAPER_TAG)
    parser.add_argument("--model", action="append", help="this network in place of a tag's")
    given = parser.parse_args()
    for name in given.model or models(tag=given.tag):
        with tempfile.TemporaryDirectory() as folder:
            compare(name, Path(folder))


if __name__ == "__main__":
    main()
