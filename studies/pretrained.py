r"""Write the best weights of a run in half precision, as they come with segbench.

Question: none; this is how zoo/pretrained was made, on 2026-11-24, after

    segbench train segfast,init=he --dataset streets --recipe paper+cosine+flip --epochs 30 \
        --out RUN
    python -m studies.pretrained RUN zoo/pretrained/segfast-streets.safetensors

Cost: seven minutes of training on 2 cores of an AMD EPYC; this takes a second.
Result: `segbench evaluate segfast-streets` has 93.5 % and an mIoU of 0.650 on validation, 93.8 %
and 0.651 on the test split, by `strict`, in the half precision that the weights are kept in: IoU
0.97 for road, 0.92 for sky, 0.87 for cars, 0.85 for buildings, and 0.05 for people, who are 0.6 %
of the pixels.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from segbench.training.run_folder import (
    RunFolder,
    WeightsMetadata,
    read_checkpoint,
    write_checkpoint,
)


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    tensors, about = read_checkpoint(RunFolder(given.run).best, WeightsMetadata)
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    write_checkpoint(given.output, halves, dataclasses.asdict(about))
    print(f"{given.output}: {given.output.stat().st_size / 1e6:.2f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
