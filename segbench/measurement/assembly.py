"""Put together a profile from what the instruments reported."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING

from segbench.measurement.noise import judge_noise
from segbench.progress import timestamp
from segbench.results.candidate import LEAST_AGREEMENT, TOLERANCES, calibration_of, is_close
from segbench.results.profile import (
    Differences,
    Layer,
    Layers,
    Lowering,
    Memory,
    Model,
    Parity,
    Pass,
    Preparation,
    Profile,
    Roof,
    Subnormals,
    Uncounted,
)
from segbench.results.workload import MeasuredWorkload, Threads
from segbench.runtimes import runtime_version

if TYPE_CHECKING:
    from segbench.measurement.recording import Recording
    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import (
        InspectionReply,
        LayersReply,
        MemoryReply,
        ParityReply,
        StateReply,
    )
    from segbench.results.candidate import RuntimeSpec
    from segbench.results.environment import Environment


def assemble_profile(
    *,
    task: Task,
    input_name: str,
    environment: Environment,
    inspection: InspectionReply,
    memory: MemoryReply,
    parity: ParityReply | None,
    recording: Recording,
    supervisor_cpu_share: float | None,
    layers: LayersReply | str | None,
    complete: bool,
    in_turns: bool = False,
) -> Profile:
    """Return the profile of one network.

    Args:
        layers: what the instrument replied, or why there is nothing.
    """
    state = recording.state
    uncounted = Uncounted(**inspection["uncounted"])
    withheld = {**memory.get("withheld", {}), **inspection["withheld"]}
    if isinstance(layers, str):
        withheld["layers"] = layers
    return Profile(
        model=Model(**inspection["model"]),
        workload=_workload(task, input_name, environment, inspection, state),
        environment=environment,
        params=inspection["params"],
        params_trainable=inspection["params_trainable"],
        weights_bytes=inspection["weights_bytes"],
        macs=Pass(**inspection["macs"]),
        flops=Pass(**inspection["flops"]),
        uncounted_ops=_together(uncounted),
        uncounted=uncounted,
        head=inspection["head"],
        remarks=(
            *inspection["remarks"],
            *_about_threads(task, state),
            *(layers["remarks"] if isinstance(layers, dict) else ()),
        ),
        withheld=withheld,
        saved_activations_bytes=inspection.get("saved_activations_bytes"),
        count_method=inspection["count_method"],
        subnormals=Subnormals(**inspection["subnormals"]),
        memory=Memory(
            forward_peak_bytes=memory["forward_peak_bytes"],
            train_peak_bytes=memory["train_peak_bytes"],
            process_peak_bytes=None if state is None else state["process_peak_bytes"],
        ),
        preparation=Preparation(
            # The first process of a candidate converts; those that are timed find it stored.
            recording.preparation_s if task.store is None else memory["prepare_s"],
            memory["preparation_peak_bytes"],
        ),
        parity=(
            None
            if parity is None
            else judge_parity(parity, task.candidate.runtime, images=parity["images"])
        ),
        filled_norms=inspection["filled"],
        lowering=_lowering(memory.get("lowering")),
        calibration=calibration_of(task.candidate),
        candidate=task.candidate,
        latency=recording.latencies(),
        noise=judge_noise(recording, task, in_turns=in_turns),
        supervisor_cpu_share=supervisor_cpu_share,
        layers=_layers(layers) if isinstance(layers, dict) else None,
        complete=complete,
        created=timestamp(),
    )


def _lowering(reply: dict[str, list[str]] | None) -> Lowering | None:
    if reply is None:
        return None
    return Lowering(applied=tuple(reply["applied"]), left=tuple(reply["left"]))


def _together(uncounted: Uncounted) -> dict[str, int]:
    calls: Counter[str] = Counter()
    for operators in (uncounted.forward, uncounted.backward):
        calls.update(operators)
    return dict(calls)


def _about_threads(task: Task, state: StateReply | None) -> list[str]:
    if state is None:
        return []
    asked = f"{task.threads} {'was' if task.threads == 1 else 'were'} asked for"
    found, computing = state["threads"]["intra_op"], state["threads"].get("computing")
    remarks = []
    if found != task.threads:
        remarks.append(f"it sets torch to {found} thread{'s' * (found != 1)}, and {asked}")
    if computing is not None and computing > task.threads:
        remarks.append(f"it computes with {computing} threads, and {asked}")
    return remarks


def _workload(
    task: Task,
    input_name: str,
    environment: Environment,
    inspection: InspectionReply,
    state: StateReply | None,
) -> MeasuredWorkload:
    asked = {field.name: getattr(task.workload, field.name) for field in fields(task.workload)}
    seen = None if state is None else state["threads"]
    own = {
        "classes": inspection["classes"],
        "input": input_name,
        "dtype": inspection["dtype"] if state is None else state["dtype"],
        "runtime": task.candidate.runtime.name,
        "runtime_version": runtime_version(task.candidate.runtime.name),
        "threads": Threads(
            requested=task.threads,
            effective_cpus=environment.effective_cpus,
            oversubscribed=task.threads > environment.effective_cpus,
            intra_op=None if seen is None else seen["intra_op"],
            inter_op=None if seen is None else seen["inter_op"],
            os_threads=None if seen is None else seen["os_threads"],
            computing=None if seen is None else seen.get("computing"),
        ),
    }
    return MeasuredWorkload(**{**asked, **own})


def judge_parity(reply: Differences, runtime: RuntimeSpec, *, images: str) -> Parity:
    """Judge an agreement by what the precision may differ by.

    Args:
        images: the dataset that was drawn from, or ``noise``.
    """
    difference, agreement = reply["max_difference"], reply["argmax_agreement"]
    beyond, moved = reply["beyond"], reply.get("moved")
    own = None if moved is None else (moved[0], moved[1] or 0.0)
    return Parity(
        images=images,
        max_difference=difference,
        mean_difference=reply["mean_difference"],
        argmax_agreement=agreement,
        beyond=beyond,
        tolerance=None if difference is None else TOLERANCES[runtime.precision],
        least_agreement=LEAST_AGREEMENT[runtime.precision],
        is_right=is_close(beyond, agreement, runtime.precision, moved=own),
        moved_beyond=None if own is None else own[0],
        moved_agreement=None if own is None else own[1],
    )


def _layers(reply: LayersReply) -> Layers:
    rows = ({**row, "output_shape": tuple(row["output_shape"])} for row in reply["layers"])
    copies = reply["roof"]["copy_bytes_per_s"]  # JSON has made text of the sizes
    roof = {**reply["roof"], "copy_bytes_per_s": {int(size): copies[size] for size in copies}}
    return Layers(Roof(**roof), tuple(Layer(**row) for row in rows))
