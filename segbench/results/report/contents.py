"""Contents of a report before anything is drawn: headings, tables of text, and remarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from segbench import units
from segbench.results.candidate import HEADS
from segbench.results.metrics import METRICS, is_lower_bound, phase_of
from segbench.results.profile import PHASES, Latency, Layer, Layers, Phase, Profile, Roof
from zoo.registry import known

PHASE_TITLES: dict[Phase, str] = {
    "forward": "forward",
    "forward_train": "forward, training",
    "backward": "backward",
    "optimizer": "optimizer step",
}


WITHHELD = {
    "training": "figures of a training step",
    "counts": "MACs and FLOPs",
    "layers": "table of layers",
    "saved_activations_bytes": "figure of saved activations",
}

UNKNOWN = "-"  # a figure that there is not
NOTICED_S = 1e-3  # shorter preparations are not worth a line

Tone = Literal["good", "bad", "unclear"]


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        names: how many columns, from the first, hold names and are left-aligned; figures, in the
            others, are right-aligned.
        tones: the tone of a cell of the last column by its text, where it has one.
        spare: columns that a narrow terminal may do without, the first to go first.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    names: int = 1
    tones: Mapping[str, Tone] = field(default_factory=dict)
    spare: tuple[str, ...] = ()

    def without(self, *columns: str) -> Table:
        """Return the table without some columns.

        >>> Table("", ("layer", "time"), (("conv", "1 s"),)).without("time").rows
        (('conv',),)
        """
        kept = [place for place, name in enumerate(self.columns) if name not in columns]
        return self._of(kept)

    def without_unknown(self) -> Table:
        """Return the table without the columns in which no row has a figure.

        >>> Table("", ("net", "time", "bytes"), (("a", "1 s", "-"),)).without_unknown().columns
        ('net', 'time')
        """
        known = [
            place
            for place, cells in enumerate(zip(*self.rows, strict=True))
            if set(cells) != {UNKNOWN}
        ]
        return self._of(known) if self.rows else self

    def _of(self, kept: list[int]) -> Table:
        rows = tuple(tuple(row[place] for place in kept) for row in self.rows)
        columns = tuple(self.columns[place] for place in kept)
        names = sum(place < self.names for place in kept)
        return replace(self, columns=columns, rows=rows, names=names)


@dataclass(frozen=True)
class Report:
    """Headings, tables, and remarks that a reader must not miss.

    Attributes:
        tone: of the first heading, where it has one.
    """

    headings: tuple[str, ...]
    tables: tuple[Table, ...]
    remarks: tuple[str, ...]
    tone: Tone | None = None


def describe_workload(profiles: Sequence[Profile]) -> str:
    """Return in one line the workload of profiles, and every runtime and thread count of them.

    Heads are named where they are not all the default.
    """
    workload = profiles[0].workload
    shape = "x".join(map(str, workload.shape))
    name = workload.input.partition(" sha256:")[0]
    runtimes = dict.fromkeys(map(_runtime_of, profiles))
    threads = dict.fromkeys(profile.workload.threads.requested for profile in profiles)
    return (
        f"{shape} {'of noise' if name == 'noise' else f'from {name}'}, {workload.classes} classes, "
        f"{workload.device}, {_listed(runtimes)}, "
        f"{_listed(map(str, sorted(threads)))} thread{'s' * (set(threads) != {1})}, "
        f"{_heads_of(profiles)}{workload.allocator} allocator"
    )


def _runtime_of(profile: Profile) -> str:
    if profile.candidate is None:
        return profile.workload.runtime
    return str(replace(profile.candidate.runtime, options={}))


def _heads_of(profiles: Sequence[Profile]) -> str:
    heads = dict.fromkeys(map(_head_of, profiles))
    return "" if set(heads) == {HEADS[0]} else f"head{'s' * (len(heads) > 1)} {_listed(heads)}, "


def _head_of(profile: Profile) -> str:
    candidate = profile.candidate
    if candidate is not None and candidate.is_graph:
        return profile.head or HEADS[0]
    return HEADS[0] if candidate is None else candidate.runtime.head


def _listed(names: Iterable[str]) -> str:
    """Write names as in a sentence.

    >>> _listed(["eager", "openvino", "onnxruntime"]), _listed(["eager"])
    ('eager, openvino and onnxruntime', 'eager')
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def describe_machine(profile: Profile) -> str:
    """Return machine and software in one line."""
    seen = profile.environment
    return (
        f"{seen.cpu_model or 'unknown CPU'}, {seen.effective_cpus} effective CPUs, "
        f"torch {seen.torch}, {profile.created}"
    )


def remarks_on(profile: Profile) -> tuple[str, ...]:
    """Return what a reader of the figures must know, one line each."""
    found = []
    threads = profile.workload.threads
    name = profile.label
    if threads.oversubscribed:
        found.append(
            f"oversubscribed: {threads.requested} threads on {threads.effective_cpus} effective "
            "CPUs; expect these latencies to be worse and less certain than with fewer threads"
        )
    if not profile.complete:
        found.append(f"{name}: interrupted; what is shown was measured, the rest is missing")
    if profile.uncounted_ops:
        named = ", ".join(f"{op} ({calls})" for op, calls in sorted(profile.uncounted_ops.items()))
        found.append(f"{name}: operators without a counting rule, not in MACs or FLOPs: {named}")
    found += [f"{name}: {remark}" for remark in profile.remarks]
    found += [
        f"{name}: no {WITHHELD.get(figure, figure)}: {why}"
        for figure, why in profile.withheld.items()
    ]
    if profile.lowering is not None:
        said = {"lowered": profile.lowering.applied, "left as it was": profile.lowering.left}
        found += [f"{name}: {how}: {'; '.join(words)}" for how, words in said.items() if words]
    if profile.calibration is not None:
        found.append(
            f"{name}: calibrated on {profile.calibration}: its latency counts, and its accuracy is "
            "not judged"
        )
    if profile.parity is not None and not profile.parity.is_right:
        found.append(f"{name}: wrong: {profile.parity.describe()}; its figures are of no use")
    found += [f"{name}: noisy: {why}" for why in profile.noise.reasons]
    small = profile.subnormals
    if small.weights or small.activations:
        found.append(
            f"{name}: {small.weights} weights and {small.activations or 0} activations are "
            "subnormal, "
            "which some CPUs compute many times more slowly"
        )
    return tuple(found)


def report_profile(profile: Profile) -> Report:
    """Say everything about one network."""
    tables = [_exact_table(profile)]
    if any(phase_of(profile.latency, phase) for phase in PHASES):
        tables.append(_latency_table(profile))
    if profile.layers is not None:
        tables.append(_layers_table(profile.layers))
    return Report(
        headings=(
            profile.label,
            describe_workload([profile]),
            describe_machine(profile),
        ),
        tables=tuple(tables),
        remarks=remarks_on(profile),
    )


def _exact_table(profile: Profile) -> Table:
    trainable = profile.params_trainable
    frozen = 0 if trainable is None else profile.params - trainable
    head = () if profile.head is None else (("head", profile.head),)
    rows = [
        ("parameters", f"{profile.params:,}" + (f" ({frozen:,} frozen)" if frozen else "")),
        ("weights", units.size(profile.weights_bytes)),
        *head,
        ("MACs, forward / backward", _pair(profile, "macs")),
        ("FLOPs, forward / backward", _pair(profile, "flops")),
        ("saved activations", units.size(profile.saved_activations_bytes)),
        *_preparation(profile),
        *_parity(profile),
        ("peak memory, inference", units.size(profile.memory.forward_peak_bytes)),
        ("peak memory, training step", units.size(profile.memory.train_peak_bytes)),
        ("peak of the timing process", units.size(profile.memory.process_peak_bytes)),
    ]
    return Table("size and work", ("figure", "value"), tuple(rows))


def _parity(profile: Profile) -> list[tuple[str, str]]:
    found = profile.parity
    if found is None:
        return []
    difference = "" if found.max_difference is None else f"{found.max_difference:.1g}, "
    return [("difference to eager", f"{difference}{100 * found.argmax_agreement:.2f} % same class")]


def _preparation(profile: Profile) -> list[tuple[str, str]]:
    found = profile.preparation
    if found is None or (found.time_s or 0.0) < NOTICED_S:
        return []
    return [
        ("preparation", units.seconds(found.time_s)),
        ("peak memory, preparation", units.size(found.peak_bytes)),
    ]


def count_of(profile: Profile, metric: str) -> str:
    """Write a count; one that leaves out operators is at least so much."""
    value = METRICS[metric].read(profile)
    at_least = "≥" if value is not None and is_lower_bound(metric, profile) else ""
    return at_least + units.count(value)


def _pair(profile: Profile, kind: str) -> str:
    return " / ".join(count_of(profile, f"{kind}.{way}") for way in ("forward", "backward"))


def _latency_table(profile: Profile) -> Table:
    entry = known(profile.label)
    published = entry.published if entry else None
    paper = {
        "forward": published.forward_s if published else None,
        "backward": published.backward_s if published else None,
    }
    rows = tuple(
        _latency_row(PHASE_TITLES[phase], latency, paper.get(phase))
        for phase in PHASES
        if (latency := phase_of(profile.latency, phase)) is not None
    )
    columns = (
        "phase",
        "median",
        "95 % interval",
        "p90",
        "first",
        "faults",
        "calls",
        *(("paper",) if published else ()),
    )
    caption = "first: the very first call, no sample. faults: minor page faults per call."
    if published:
        caption += " paper: Xeon E5-2623 v4, 16 threads."
    width = len(columns)
    return Table("latency", columns, tuple(row[:width] for row in rows), caption)


def _latency_row(title: str, latency: Latency, paper: float | None) -> tuple[str, ...]:
    return (
        title,
        units.seconds(latency.p50_s),
        "-" if latency.ci95_s is None else units.seconds_range(*latency.ci95_s),
        units.seconds(latency.p90_s),
        units.seconds(latency.first_call_s),
        f"{latency.minor_faults_per_call:.0f}",
        str(len(latency.samples_s)),
        units.seconds(paper),
    )


def _layers_table(layers: Layers) -> Table:
    of_engine = any(layer.node is not None for layer in layers.layers)
    columns = (
        "layer",
        *(("kind", "implementation") if of_engine else ()),
        *("time", "share", "MACs", "params", "output", "bytes", "FLOP/B", "roof"),
    )
    table = Table(
        "layers, most expensive first",
        columns,
        tuple(_layer_row(layer, of_engine=of_engine) for layer in layers.layers),
        _about_layers(layers.roof, of_engine=of_engine),
        names=3 if of_engine else 1,
    )
    if of_engine:
        return replace(table.without("params"), spare=("bytes", "FLOP/B", "output", "kind"))
    return replace(table, spare=("bytes", "params", "FLOP/B", "output"))


def _about_layers(roof: Roof, *, of_engine: bool) -> str:
    of_type = "" if roof.dtype == "float32" else f" of {roof.dtype}"
    caption = (
        "roof: speed as a share of what this machine reached in this run: "
        f"{units.count(roof.matmul_flops_per_s)}FLOP/s in a matrix product{of_type}, "
        f"{units.count(roof.convolution_flops_per_s)}FLOP/s in a 3x3 convolution{of_type}, "
        f"{units.size(roof.copy_bytes_per_s[max(roof.copy_bytes_per_s)])}/s in a large copy "
        "(small ones, from the caches, are held against copies of their size)."
    )
    if not of_engine:
        return caption
    return (
        "Times are of the engine's own profile, and MACs of the network's operations that are in a "
        f"layer. One without MACs is held against copies alone. {caption}"
    )


def _layer_row(layer: Layer, *, of_engine: bool) -> tuple[str, ...]:
    return (
        layer.name or "(the network)",
        *((layer.kind, layer.exec_type or UNKNOWN) if of_engine else ()),
        units.seconds(layer.time_s),
        units.percent(layer.share),
        units.count(layer.macs),
        units.count(layer.params),
        "x".join(map(str, layer.output_shape[1:])),
        units.size(layer.output_bytes),
        UNKNOWN if layer.intensity is None else units.significant(layer.intensity),
        UNKNOWN if layer.roof_share is None else f"{100 * layer.roof_share:.0f} %",
    )
