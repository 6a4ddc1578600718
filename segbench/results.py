"""The results of measuring: frozen, in seconds, bytes and counts, nothing rounded.

Unknown is ``None``. Field names are a contract: they are those of the JSON that ``segbench
profile --format json`` prints, and are only ever added to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from segbench.machine import Disturbance, Environment
from zoo.spec import ModelSpec

PROFILE_SCHEMA = "segbench/profile/1"
COMPARISON_SCHEMA = "segbench/comparison/1"

Allocator = Literal["steady", "system"]
Device = Literal["cpu", "cuda"]
Phase = Literal["forward", "forward_train", "backward", "optimizer"]
PHASES: tuple[Phase, ...] = ("forward", "forward_train", "backward", "optimizer")


@dataclass(frozen=True)
class Model:
    """Which network: a name and options that build it again."""

    name: str
    options: dict[str, Any]

    @property
    def spec(self) -> ModelSpec:
        """The specification that :func:`zoo.build` takes."""
        return ModelSpec.from_json({"name": self.name, "options": self.options})

    @property
    def label(self) -> str:
        """The text form without the class count, which belongs to the workload."""
        options = {key: value for key, value in self.options.items() if key != "classes"}
        return str(ModelSpec.from_json({"name": self.name, "options": options}))


@dataclass(frozen=True)
class Threads:
    """The threads asked for, and those that the worker was seen to have.

    Attributes:
        intra_op: threads of torch within an operator; None before a worker told.
        inter_op: threads of torch across operators.
        os_threads: threads of the worker process by the kernel's count, after warm-up.
    """

    requested: int
    effective_cpus: int
    oversubscribed: bool
    intra_op: int | None
    inter_op: int | None
    os_threads: int | None = None


@dataclass(frozen=True)
class Workload:
    """What a network was given to do, and in what kind of process.

    Attributes:
        input: ``noise``, or the name and SHA-256 of the picture that was read.
    """

    batch: int
    channels: int
    height: int
    width: int
    classes: int
    dtype: str
    device: Device
    runtime: str
    allocator: Allocator
    threads: Threads
    input: str = "noise"
    seed: int = 0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The input as (batch, channels, height, width)."""
        return self.batch, self.channels, self.height, self.width


@dataclass(frozen=True)
class Block:
    """Consecutive samples of one process, and what disturbed them.

    Attributes:
        round: which set of fresh processes, from 0.
        cycle: which turn within the round; blocks of two models with equal (round, cycle) pair up.
        count: how many of the samples, in their order, are of this block.
    """

    round: int
    cycle: int
    count: int
    disturbance: Disturbance


@dataclass(frozen=True)
class Latency:
    """How long one call of one phase takes.

    Attributes:
        p50_s: median of the medians of the blocks.
        ci95_s: bootstrap interval of it over rounds and blocks; None from fewer than two blocks.
        p90_s: None where the samples are too few to tell (64 are needed).
        p99_s: None where the samples are too few to tell (662 are needed).
        first_call_s: median over processes of the very first call; it is no sample.
        warmup_calls: the calls before the first sample, per process.
        minor_faults_per_call: median over the samples.
        minor_faults: page faults during each sample.
    """

    p50_s: float
    ci95_s: tuple[float, float] | None
    p90_s: float | None
    p99_s: float | None
    first_call_s: float
    warmup_calls: tuple[int, ...]
    minor_faults_per_call: float
    samples_s: tuple[float, ...]
    minor_faults: tuple[int, ...]
    outliers: tuple[int, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Latencies:
    """The phases that were measured: inference, and the three parts of a training step.

    ``forward_train`` includes the loss (log-softmax and NLL), ``backward`` its gradient, and
    ``optimizer`` is one step of Adam.
    """

    forward: Latency | None = None
    forward_train: Latency | None = None
    backward: Latency | None = None
    optimizer: Latency | None = None


@dataclass(frozen=True)
class Pass:
    """A count for each direction; ``backward`` is of the network alone, without the loss."""

    forward: int
    backward: int


@dataclass(frozen=True)
class Memory:
    """Peak memory, each from a fresh process.

    Attributes:
        forward_peak_bytes: what building the network and one inference add to the process.
        train_peak_bytes: the same for a training step with Adam, its moments included.
        process_peak_bytes: most resident memory of a whole timing process, libraries included.
    """

    forward_peak_bytes: int | None
    train_peak_bytes: int | None
    process_peak_bytes: int | None = None


@dataclass(frozen=True)
class Noise:
    """Whether the machine was fit while timing, and why not."""

    noisy: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Subnormals:
    """Numbers so small that a CPU may take a slow path for them."""

    weights: int
    activations: int


@dataclass(frozen=True)
class Layer:
    """One leaf module in one forward pass.

    Attributes:
        share: of the time of all layers.
        intensity: FLOPs per byte moved (input, weights and output, once each).
        roof_share: its speed as a share of what the machine reached for as many FLOPs per byte
            and as many bytes; it may exceed 1 where a library has a faster algorithm.
    """

    name: str
    kind: str
    time_s: float
    share: float
    macs: int
    flops: int
    params: int
    output_shape: tuple[int, ...]
    output_bytes: int
    intensity: float | None
    roof_share: float | None


@dataclass(frozen=True)
class Roof:
    """What this machine reached with these threads, measured beside the layers.

    Attributes:
        copy_bytes_per_s: bytes read and written per second by copies that move so many bytes; the
            small ones stay in a cache.
    """

    matmul_flops_per_s: float
    convolution_flops_per_s: float
    copy_bytes_per_s: dict[int, float]


@dataclass(frozen=True)
class Layers:
    """The leaf modules, most expensive first."""

    roof: Roof
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Profile:
    """Everything that is known of one network under one workload.

    Attributes:
        params: trainable and frozen parameters together.
        uncounted_ops: operators without a counting rule, with their calls.
        saved_activations_bytes: what autograd keeps of a forward pass in train mode until the
            backward pass, without weights, buffers and input; None in results of before it was
            counted, and where a tensor is kept that has no size in bytes.
        supervisor_cpu_share: CPU seconds of the supervising process per second of timing.
        complete: False where the run was interrupted; what is there was measured all the same.
    """

    model: Model
    workload: Workload
    environment: Environment
    params: int
    params_trainable: int
    weights_bytes: int
    macs: Pass
    flops: Pass
    uncounted_ops: dict[str, int]
    count_method: str
    subnormals: Subnormals
    memory: Memory
    latency: Latencies
    noise: Noise
    supervisor_cpu_share: float | None
    layers: Layers | None = None
    saved_activations_bytes: int | None = None
    complete: bool = True
    created: str = ""
    schema: str = PROFILE_SCHEMA


@dataclass(frozen=True)
class Ratio:
    """One model's figure over the baseline's.

    Attributes:
        ci95: None where the figure is exact.
        noise_floor: the interval of the same ratio between two processes of the baseline itself.
        paper: the ratio of the published figures, where there are any.
    """

    model: str
    metric: str
    ratio: float
    ci95: tuple[float, float] | None
    noise_floor: tuple[float, float] | None
    paper: float | None


@dataclass(frozen=True)
class Comparison:
    """Several networks measured in turns in one run.

    Attributes:
        control: the baseline measured a second time, as if it were another model.
    """

    baseline: str
    profiles: tuple[Profile, ...]
    ratios: tuple[Ratio, ...]
    control: Latencies
    complete: bool = True
    created: str = ""
    schema: str = COMPARISON_SCHEMA
