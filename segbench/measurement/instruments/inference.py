"""Instrument for inference: what a candidate hands out for images that its supervisor gives it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from segbench.measurement.instruments.graph_under_test import network_under_test
from segbench.measurement.instruments.thread_pools import set_threads

if TYPE_CHECKING:
    from typing import Any

    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import InferenceReply

IMAGES, HANDED_OUT = "images.npy", "handed_out.npy"


class InferenceInstrument:
    """Runs one candidate in a process whose death is not its supervisor's.

    Images and what is handed out for them are in two files of one folder, which both processes map
    into memory.
    """

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._under_test = network_under_test(task)
        self._images: Any = None
        self._handed_out: Any = None

    def prepare(self, folder: str) -> InferenceReply:
        """Make the network ready, and the file of what it hands out.

        Args:
            folder: with the images of the next batch, (batch, channels, height, width).
        """
        self._under_test.find_logits()
        self._under_test.prepare()
        self._under_test.infer()
        self._images = np.load(Path(folder, IMAGES), mmap_mode="r")
        found = self._under_test.hand_out(self._input()).numpy()
        path = Path(folder, HANDED_OUT)
        self._handed_out = np.lib.format.open_memmap(path, "w+", found.dtype, found.shape)
        return {"classes": self._under_test.classes, "dtype": self._under_test.dtype}

    def run(self) -> dict[str, Any]:
        """Run the images that are in their file by now."""
        found = self._under_test.hand_out(self._input())
        self._handed_out[:] = found.numpy()
        return {}

    def _input(self) -> torch.Tensor:
        return self._under_test.cast(torch.from_numpy(np.array(self._images)))
