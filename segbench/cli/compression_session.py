"""Compression on a terminal: what it will take, the fine-tuning, and what each step gave."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from segbench.cli.training_session import TrainingProgress, watched
from segbench.compression.compress import compress
from segbench.results.store import save

if TYPE_CHECKING:
    from pathlib import Path

    from segbench.compression.compress import CompressionJob
    from segbench.results.compression import Compression

RESULT = "compression.json"


def compress_with_progress(job: CompressionJob, folder: Path, *, resume: bool) -> bool:
    """Compress and print what was found; return False if it was interrupted."""
    from segbench.cli.output import show

    def work(observer: TrainingProgress) -> Compression:
        return compress(
            job,
            folder,
            resume=resume,
            progress=observer.decode,
            on_batch=observer.batch,
            on_epoch=observer.epoch,
            on_begin=lambda cost: print(cost, file=sys.stderr, flush=True),
        )

    found = watched(work, f"what is done is in {folder}, go on with --resume")
    if found is None:
        return False
    save(found, folder / RESULT, force=True)
    show(found, "table")
    print(f"written to {folder / RESULT}", file=sys.stderr)
    return True
