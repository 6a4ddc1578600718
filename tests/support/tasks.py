"""Tasks for workers, written as shortly as tests need them."""

from dataclasses import replace

from segbench.measurement.workers.protocol import Task
from segbench.results.candidate import Candidate, RuntimeSpec
from segbench.results.workload import DEFAULT
from zoo.spec import ModelSpec

OF_TASK = ("threads", "picture", "roots", "instead_of", "revision", "allow")


def make_task(name, options=None, *, runtime="eager", **values):
    """Return a task of a network; other values are the workload's."""
    own = {key: values.pop(key) for key in OF_TASK if key in values}
    candidate = Candidate(ModelSpec(name, options or {}), runtime=RuntimeSpec.parse(runtime))
    return Task(candidate, replace(DEFAULT, **values), **own)
