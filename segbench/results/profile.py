"""The results of measuring: frozen, in seconds, bytes and counts, nothing rounded.

Unknown is ``None``. Field names are a contract: they are those of the JSON that ``segbench
profile --format json`` prints, and are only ever added to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict

from segbench.errors import UsageError
from segbench.quantities import Amount, Count, Duration, End, Number, Seconds, Share, Times
from segbench.results.candidate import Candidate
from segbench.results.environment import Disturbance, Environment
from segbench.results.workload import MeasuredWorkload
from zoo.spec import ModelSpec

PROFILE_SCHEMA = "segbench/profile/1"
COMPARISON_SCHEMA = "segbench/comparison/1"

Phase = Literal["forward", "forward_train", "backward", "optimizer"]
PHASES: tuple[Phase, ...] = ("forward", "forward_train", "backward", "optimizer")


@dataclass(frozen=True)
class Model:
    """Which network: a name and options that build it again."""

    name: str
    options: dict[str, Any]

    def __post_init__(self) -> None:
        _ = self.spec  # refuses what is none

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
class Block:
    """Consecutive samples of one process, and what disturbed them.

    Attributes:
        round: which set of fresh processes, from 0.
        cycle: which turn within the round; blocks of two models with equal (round, cycle) pair up.
        count: how many of the samples, in their order, are of this block.
    """

    round: Count
    cycle: Count
    count: Number
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

    p50_s: Duration
    ci95_s: tuple[End, End] | None
    p90_s: Duration | None
    p99_s: Duration | None
    first_call_s: Duration
    warmup_calls: tuple[Count, ...]
    minor_faults_per_call: Amount
    samples_s: tuple[Duration, ...]
    minor_faults: tuple[Count, ...]
    outliers: tuple[Count, ...]
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        counted = sum(block.count for block in self.blocks)
        if counted != len(self.samples_s):
            raise UsageError(f"its blocks have {counted} samples, and it has {len(self.samples_s)}")


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
    """A count for each direction; ``backward`` is of the network alone, without the loss.

    Attributes:
        backward: None where the network cannot be trained as it was given.
    """

    forward: Count | None
    backward: Count | None


@dataclass(frozen=True)
class Uncounted:
    """Operators without a counting rule, with their calls, for each direction."""

    forward: dict[str, Count]
    backward: dict[str, Count]


@dataclass(frozen=True)
class Memory:
    """Peak memory, each from a fresh process.

    Attributes:
        forward_peak_bytes: what building the network and one inference add to the process.
        train_peak_bytes: the same for a training step with Adam, its moments included.
        process_peak_bytes: most resident memory of a whole timing process, libraries included.
    """

    forward_peak_bytes: Count | None
    train_peak_bytes: Count | None
    process_peak_bytes: Count | None = None


class Differences(TypedDict):
    """How far two runs of a network are apart; see :class:`Parity`, which judges them."""

    max_difference: float | None
    mean_difference: float | None
    beyond: float | None
    argmax_agreement: float
    moved: NotRequired[list[float | None] | None]


@dataclass(frozen=True)
class Parity:
    """What a candidate hands out, compared with the network in eager and single precision.

    Attributes:
        images: the dataset that was drawn from, or ``noise``.
        max_difference: of a logit, as a share of the largest; None where classes are handed out.
        mean_difference: likewise, over all logits.
        argmax_agreement: share of pixels with the same class.
        beyond: share of logits that differ by more than ``tolerance``.
        tolerance: for the precision; None where classes are handed out.
        least_agreement: the least that ``argmax_agreement`` may be.
        is_right: whether next to no logits are beyond, and classes agree; or no more than for eager
            itself, where its images are moved by a millionth.
        moved_beyond: share of logits of eager itself that are beyond then; None where that was not
            looked at, because the candidate was closer than it may be.
        moved_agreement: likewise, share of pixels with the same class.
    """

    images: str
    max_difference: Amount | None
    mean_difference: Amount | None
    argmax_agreement: Share
    beyond: Share | None
    tolerance: Amount | None
    least_agreement: Share
    is_right: bool
    moved_beyond: Share | None = None
    moved_agreement: Share | None = None

    def describe(self) -> str:
        """Return how far what is handed out is from the network's, in words."""
        said = [f"{100 * self.argmax_agreement:.2f} % of the pixels have the class of eager"]
        if self.beyond is not None and self.tolerance is not None:
            said.append(
                f"{100 * self.beyond:.2g} % of the logits differ by more than "
                f"{self.tolerance:g} of the largest"
            )
        if self.moved_agreement is not None:
            beyond = self.moved_beyond
            logits = "" if beyond is None else f" and {100 * beyond:.2g} %"
            said.append(
                "eager itself, where images move by a millionth, "
                f"{100 * self.moved_agreement:.2f} %{logits}"
            )
        return ", ".join(said)


@dataclass(frozen=True)
class Preparation:
    """What a runtime did once, before the first call: it compiled or converted the network.

    Attributes:
        time_s: median over processes; None where nothing was timed.
        peak_bytes: what it added to the process at its peak, beside the network that was built;
            None where the kernel does not tell.
    """

    time_s: Seconds | None
    peak_bytes: Count | None


@dataclass(frozen=True)
class Lowering:
    """How a network was rewritten before its runtime got it; what it returns is the same.

    Attributes:
        applied: what was done.
        left: what was left as it was, with the reason.
    """

    applied: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True)
class Noise:
    """Whether the machine was fit while timing, and why not."""

    noisy: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Subnormals:
    """Numbers so small that a CPU may take a slow path for them.

    Attributes:
        activations: None where modules do not show what they return.
    """

    weights: Count | None
    activations: Count | None


@dataclass(frozen=True)
class Layer:
    """One leaf module in one forward pass, or what an engine executed of one or several.

    Attributes:
        name: the module's; of what an engine executed, that of the module whose products it
            computes, with its kind where it is not all of that module, or none of it.
        kind: the module's class, or the kind of operation, as the engine calls it.
        share: of the time of all layers.
        macs: of the network's operations; None where they cannot be known.
        flops: of what an engine executed 2 a MAC, 0 where it moves values alone; else None.
        params: None of what an engine executed, which folds weights into others.
        intensity: FLOPs per byte moved (input, weights and output, once each).
        roof_share: its speed as a share of what the machine reached for as many FLOPs per byte
            and as many bytes; it may exceed 1 where a library has a faster algorithm. Where the
            FLOPs are not known, of copies alone.
        node: the engine's own name of it; None of a module.
        exec_type: the engine's implementation (``brgconv_avx512_bf16``, ``ref_f32``); None where
            the engine does not tell, and of a module.
        dtype: what the engine computed it with; None where it does not tell, and of a module.
    """

    name: str
    kind: str
    time_s: Seconds
    share: Share
    macs: Count | None
    flops: Count | None
    params: Count | None
    output_shape: tuple[Count, ...]
    output_bytes: Count
    intensity: Amount | None
    roof_share: Amount | None
    node: str | None = None
    exec_type: str | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class Roof:
    """What this machine reached with these threads, measured beside the layers.

    Attributes:
        copy_bytes_per_s: bytes read and written per second by copies that move so many bytes; the
            small ones stay in a cache.
        dtype: of the matrix product and the convolution.
    """

    matmul_flops_per_s: Amount
    convolution_flops_per_s: Amount
    copy_bytes_per_s: dict[int, Amount]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if not self.copy_bytes_per_s:
            raise UsageError("it has no speed of copies")


@dataclass(frozen=True)
class Layers:
    """The leaf modules, or what an engine executed, most expensive first."""

    roof: Roof
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Profile:
    """Everything that is known of one network under one workload.

    Attributes:
        model: the network that was built, with its class count.
        params: trainable and frozen parameters together; of a graph file the elements of its
            weights, of which it does not say how many can be trained.
        uncounted_ops: operators without a counting rule, with their calls, of both directions.
        uncounted: the same by direction; None in results of before they were told apart.
        head: how the logits come out of what the network returns (``logits, stride 4, enlarged``);
            None where it returns logits of the input's size.
        remarks: what was seen that a reader of the figures must know.
        withheld: figures that could not be had, with the reason: ``training`` for all of a training
            step, ``counts``, ``layers``, ``saved_activations_bytes``.
        saved_activations_bytes: what autograd keeps of a forward pass in train mode until the
            backward pass, without weights, buffers and input; None in results of before it was
            counted, and where a tensor is kept that has no size in bytes.
        supervisor_cpu_share: CPU seconds of the supervising process per second of timing.
        candidate: the network, its weights and its runtime as they were asked for; None in results
            of before there were runtimes but eager.
        preparation: what its runtime did before the first call; None in results of before it was
            told from that.
        parity: None for eager in single precision, which others are compared with.
        filled_norms: batch norms that were given seeded statistics such as training leaves, because
            the network has no trained weights; None in results of before this was done.
        lowering: None where it was given to its runtime as it is.
        calibration: what its ranges in int8 were seen on; its latency counts, and nobody has judged
            its accuracy. None in another precision.
        complete: False where the run was interrupted; what is there was measured all the same.
    """

    model: Model
    workload: MeasuredWorkload
    environment: Environment
    params: Count
    params_trainable: Count | None
    weights_bytes: Count
    macs: Pass
    flops: Pass
    uncounted_ops: dict[str, Count]
    count_method: str
    subnormals: Subnormals
    memory: Memory
    latency: Latencies
    noise: Noise
    supervisor_cpu_share: Amount | None
    layers: Layers | None = None
    saved_activations_bytes: Count | None = None
    uncounted: Uncounted | None = None
    head: str | None = None
    remarks: tuple[str, ...] = ()
    withheld: dict[str, str] = field(default_factory=dict)
    candidate: Candidate | None = None
    preparation: Preparation | None = None
    parity: Parity | None = None
    filled_norms: Count | None = None
    lowering: Lowering | None = None
    calibration: str | None = None
    complete: bool = True
    created: str = ""
    schema: str = PROFILE_SCHEMA

    @property
    def label(self) -> str:
        """What it is called beside others: the network, and its runtime where that is another."""
        return self.model.label if self.candidate is None else self.candidate.label


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
    ratio: Times
    ci95: tuple[End, End] | None
    noise_floor: tuple[End, End] | None
    paper: Times | None


@dataclass(frozen=True)
class Failure:
    """A candidate that could not be measured.

    Attributes:
        kind: of the error: ``MeasurementError`` where it failed or died, ``UsageError`` where it is
            not possible.
        is_named: whether it was asked for by name, and not as one of all.
    """

    model: str
    kind: str
    reason: str
    is_named: bool = True


@dataclass(frozen=True)
class Comparison:
    """Several networks measured in turns in one run.

    Attributes:
        control: the baseline measured a second time, as if it were another model.
        failures: candidates that could not be measured in their runtime.
    """

    baseline: str
    profiles: tuple[Profile, ...]
    ratios: tuple[Ratio, ...]
    control: Latencies
    failures: tuple[Failure, ...] = ()
    complete: bool = True
    created: str = ""
    schema: str = COMPARISON_SCHEMA

    def __post_init__(self) -> None:
        if not any(profile.label == self.baseline for profile in self.profiles):
            raise UsageError(f"its baseline {self.baseline!r} is none of its networks")
