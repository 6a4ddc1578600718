r"""Write the best weights of a run in half precision, as they come with segbench.

Question: none; this is how segbench/pretrained was made, after

    segbench train segfast,init=he --dataset streets --recipe paper+cosine+flip --epochs 30 \
        --out RUN
    python -m studies.pretrained RUN segbench/pretrained/segfast-streets.safetensors

Cost: seven minutes of training on 2 cores; this takes a second.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segbench.training.run_folder import RunFolder, read_checkpoint, write_checkpoint


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    tensors, about = read_checkpoint(RunFolder(given.run).best)
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    write_checkpoint(given.output, halves, about)
    print(f"{given.output}: {given.output.stat().st_size / 1e6:.2f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
