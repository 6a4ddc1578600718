"""Training runs that take no time: jobs on `rooms`, and their folders."""

from segbench.training.config import Job
from segbench.training.run import train


def make_job(rooms, **changes):
    """Return a job of two epochs of a small network."""
    fields = {
        "model": "nets_to_train:Small",
        "dataset": str(rooms),
        "size": (24, 32),
        "epochs": 2,
        "batch": 4,
    }
    return Job(**(fields | changes))


def run(job, folder, **options):
    """Train, and return the folder; images are decoded beside it."""
    return train(job, folder, cache=folder.parent / "cache", **options).path
