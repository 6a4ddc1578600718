"""Put together a profile from what the instruments reported."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from segbench.noise import judge_noise
from segbench.results import (
    Layer,
    Layers,
    Memory,
    Model,
    Pass,
    Profile,
    Roof,
    Subnormals,
    Threads,
    Workload,
)

if TYPE_CHECKING:
    from segbench.machine import Environment
    from segbench.protocol import Task
    from segbench.recording import Recording


def assemble_profile(
    *,
    task: Task,
    input_name: str,
    environment: Environment,
    inspection: dict[str, Any],
    memory: dict[str, Any],
    recording: Recording,
    supervisor_cpu_share: float | None,
    layers: dict[str, Any] | None,
    complete: bool,
    in_turns: bool = False,
) -> Profile:
    """Return the profile of one network."""
    state = recording.state or {}
    return Profile(
        model=Model(**inspection["model"]),
        workload=_workload(task, input_name, environment, inspection["classes"], state),
        environment=environment,
        params=inspection["params"],
        params_trainable=inspection["params_trainable"],
        weights_bytes=inspection["weights_bytes"],
        macs=Pass(**inspection["macs"]),
        flops=Pass(**inspection["flops"]),
        uncounted_ops=inspection["uncounted_ops"],
        saved_activations_bytes=inspection.get("saved_activations_bytes"),
        count_method=inspection["count_method"],
        subnormals=Subnormals(**inspection["subnormals"]),
        memory=Memory(**memory, process_peak_bytes=state.get("process_peak_bytes")),
        latency=recording.latencies(),
        noise=judge_noise(recording, task, in_turns=in_turns),
        supervisor_cpu_share=supervisor_cpu_share,
        layers=None if layers is None else _layers(layers),
        complete=complete,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _workload(
    task: Task, input_name: str, environment: Environment, classes: int, state: dict[str, Any]
) -> Workload:
    seen = state.get("threads", {})
    return Workload(
        batch=task.batch,
        channels=task.channels,
        height=task.height,
        width=task.width,
        classes=classes,
        dtype="float32",
        device=task.device,
        runtime=task.runtime,
        allocator=task.allocator,
        threads=Threads(
            requested=task.threads,
            effective_cpus=environment.effective_cpus,
            oversubscribed=task.threads > environment.effective_cpus,
            intra_op=seen.get("intra_op"),
            inter_op=seen.get("inter_op"),
            os_threads=seen.get("os_threads"),
        ),
        input=input_name,
        seed=task.seed,
    )


def _layers(reply: dict[str, Any]) -> Layers:
    rows = ({**row, "output_shape": tuple(row["output_shape"])} for row in reply["layers"])
    copies = reply["roof"]["copy_bytes_per_s"]  # JSON has made text of the sizes
    roof = {**reply["roof"], "copy_bytes_per_s": {int(size): copies[size] for size in copies}}
    return Layers(Roof(**roof), tuple(Layer(**row) for row in rows))
