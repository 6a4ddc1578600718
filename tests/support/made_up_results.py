"""Results that no machine measured, with figures that can be worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace

from segbench.measurement.recording import PhaseRecord
from segbench.results.accuracy import Accuracy
from segbench.results.check import Check, Judgement, Look, Revision
from segbench.results.comparison import make_ratios
from segbench.results.compression import Compression, Stage
from segbench.results.environment import Disturbance, Environment
from segbench.results.evaluation import PROTOCOLS, Evaluation, Quality
from segbench.results.profile import (
    Block,
    Comparison,
    Latencies,
    Latency,
    Layer,
    Layers,
    Memory,
    Model,
    Noise,
    Pass,
    Preparation,
    Profile,
    Roof,
    Subnormals,
)
from segbench.results.reproduction import Reproduced, Reproduction
from segbench.results.retraining import Retrained, Retraining
from segbench.results.search import SearchResult, Trial
from segbench.results.workload import MeasuredWorkload, Threads
from segbench.training.confusion import ConfusionMatrix

QUIET = Disturbance(
    wall_s=0.4,
    cpu_s=0.8,
    cpu_wall_ratio=2.0,
    steal_s=0.0,
    steal_share=0.0,
    other_busy_cpus=0.01,
    psi_some_share=0.0,
    involuntary_switches=3,
    voluntary_switches=5,
    minor_faults=0,
    major_faults=0,
)

MACHINE = Environment(
    cpu_model="Made-Up 9000",
    architecture="x86_64",
    instruction_sets=("avx2", "fma"),
    logical_cpus=2,
    physical_cores=2,
    affinity_cpus=2,
    cgroup_quota_cpus=None,
    effective_cpus=2,
    governor=None,
    turbo=None,
    hypervisor="kvm",
    transparent_hugepages="madvise",
    memory_total_bytes=8 << 30,
    memory_limit_bytes=None,
    kernel="6.1.0",
    os="Debian GNU/Linux 12 (bookworm)",
    libc="glibc 2.36",
    python="3.12.4",
    torch="2.13.0",
    segbench="0.1.0",
)

THREADS = Threads(
    requested=2, effective_cpus=2, oversubscribed=False, intra_op=2, inter_op=1, os_threads=3
)

WORKLOAD = MeasuredWorkload(
    batch=1,
    channels=3,
    height=224,
    width=224,
    classes=22,
    dtype="float32",
    device="cpu",
    runtime="eager",
    allocator="steady",
    threads=THREADS,
)

ROUNDS_MS = ((40.0, 42.0), (44.0, 46.0))  # two rounds of two blocks; their median is 43 ms
PARAMS = {
    "segfast": 603_288,
    "segfast-basic": 2_965_976,
    "segnet": 29_455_702,
    "segnet-basic": 1_417_302,
    "fcn8s": 134_507_010,
}


def make_latency(
    rounds_ms: Sequence[Sequence[float]] = ROUNDS_MS,
    *,
    calls: int = 5,
    faults: int = 0,
    blocks_a_cycle: int = 1,
) -> Latency:
    """Return the latency of blocks that each hold so many equal samples."""
    record = PhaseRecord(first_calls_s=[0.2], warmup_calls=[8])
    for number, blocks in enumerate(rounds_ms):
        for position, block in enumerate(blocks):
            cycle = position // blocks_a_cycle
            record.samples_s += [block / 1000] * calls
            record.minor_faults += [faults] * calls
            record.blocks.append(Block(number, cycle, calls, QUIET))
    latency = record.latency()
    assert latency is not None
    return latency


def make_latencies(factor: float = 1.0) -> Latencies:
    """Return all phases: forward 43 ms, the others 2, 3 and 0.5 times that, times a factor."""

    def phase(times: float) -> Latency:
        return make_latency([[times * factor * block for block in row] for row in ROUNDS_MS])

    return Latencies(phase(1), phase(2), phase(3), phase(0.5))


def make_profile(name: str = "segfast", *, factor: float = 1.0, **changes: object) -> Profile:
    """Return a profile whose latencies are a factor over those of the baseline."""
    fields = {
        "model": Model(name, {"classes": 22}),
        "workload": WORKLOAD,
        "environment": MACHINE,
        "params": PARAMS.get(name, 1_000),
        "params_trainable": PARAMS.get(name, 1_000),
        "weights_bytes": 4 * PARAMS.get(name, 1_000),
        "macs": Pass(800, 1_600),
        "flops": Pass(1_700, 3_400),
        "uncounted_ops": {},
        "count_method": "traced",
        "subnormals": Subnormals(0, 0),
        "memory": Memory(10 << 20, 40 << 20, 300 << 20),
        "preparation": Preparation(0.001, 4096),
        "latency": make_latencies(factor),
        "noise": Noise(noisy=False, reasons=()),
        "supervisor_cpu_share": 0.001,
        "saved_activations_bytes": 20 << 20,
        "created": "2026-01-02T03:04:05Z",
    }
    return Profile(**(fields | changes))


def make_layers() -> Layers:
    """Return two layers, one of them without a known intensity."""
    costly = Layer(
        name="encoder.0.conv",
        kind="Conv2d",
        time_s=0.003,
        share=0.75,
        macs=9_000_000,
        flops=18_000_000,
        params=1_792,
        output_shape=(1, 64, 112, 112),
        output_bytes=3_211_264,
        intensity=4.5,
        roof_share=0.31,
    )
    cheap = Layer(
        "head", "Identity", 0.001, 0.25, 0, 0, 0, (1, 22, 224, 224), 4_415_488, None, None
    )
    roof = Roof(
        matmul_flops_per_s=1.2e11,
        convolution_flops_per_s=1.0e11,
        copy_bytes_per_s={1 << 20: 5.0e10, 256 << 20: 9.0e9},
    )
    return Layers(roof, (costly, cheap))


def make_engine_layers() -> Layers:
    """Return what an engine executed of a network: a convolution, and a reorder after it."""
    costly = Layer(
        name="block2.0.expand3.3",
        kind="GroupConvolutionBackpropData",
        time_s=0.003,
        share=0.75,
        macs=9_000_000,
        flops=18_000_000,
        params=None,
        output_shape=(1, 64, 112, 112),
        output_bytes=3_211_264,
        intensity=4.5,
        roof_share=0.31,
        node="Multiply_11919",
        exec_type="brgconv_avx512_1x1_bf16",
        dtype="bfloat16",
    )
    cheap = replace(
        costly,
        name="block2.0.expand3.3/Reorder",
        kind="Reorder",
        time_s=0.001,
        share=0.25,
        macs=None,
        flops=None,
        intensity=None,
        roof_share=None,
        node="Multiply_11919_acdb_abcd",
        exec_type=None,
        dtype=None,
    )
    return Layers(replace(make_layers().roof, dtype="bfloat16"), (costly, cheap))


def make_comparison(**changes: object) -> Comparison:
    """Return the zoo's five: fcn8s 8 times as slow as segfast, segnet 4, the others 2 times."""
    factors = {
        "fcn8s": 8.0, "segnet": 4.0, "segnet-basic": 2.0, "segfast-basic": 2.0, "segfast": 1.0
    }  # fmt: skip
    profiles = tuple(make_profile(name, factor=factor) for name, factor in factors.items())
    control = make_latencies(1.01)
    fields = {
        "baseline": "segfast",
        "profiles": profiles,
        "ratios": make_ratios(profiles, profiles[-1], control),
        "control": control,
        "created": "2026-01-02T03:04:05Z",
    }
    return Comparison(**(fields | changes))


def make_forward(milliseconds: float) -> Latencies:
    """Return four samples of inference in two blocks, 1 % about a median; none was resampled."""
    median = milliseconds / 1000
    samples = (0.99 * median, median, median, 1.01 * median)
    forward = Latency(
        p50_s=median,
        ci95_s=(0.99 * median, 1.01 * median),
        p90_s=None,
        p99_s=None,
        first_call_s=0.2,
        warmup_calls=(8,),
        minor_faults_per_call=0.0,
        samples_s=samples,
        minor_faults=(0, 0, 0, 0),
        outliers=(),
        blocks=(Block(0, 0, 2, QUIET), Block(0, 1, 2, QUIET)),
    )
    return Latencies(forward=forward)


TIMED = {"metric": "latency.forward.p50_s", "confidence": 0.975, "looks": 2}
JUDGEMENTS = (
    Judgement(
        "segfast", "params <= 603_288", "params", "exact", None,
        measured=603_288.0, value=603_288.0, bound=603_288.0,
        verdict="within", profile=0, place="ci/budgets.toml:6",
    ),
    Judgement(
        "segfast", "latency.forward.p50_s <= 0.3 * segnet", kind="relative", to="segnet",
        measured=0.04, value=0.25, bound=0.3, interval=(0.24, 0.26),
        verdict="within", profile=0, place="ci/budgets.toml:7", **TIMED,
    ),
    Judgement(
        "segfast", "latency.forward.p50_s <= 1.1 * baseline + 5 %", kind="relative", to="baseline",
        measured=0.04, value=1.25, bound=1.155, interval=(1.21, 1.29),
        verdict="over", profile=0, place="ci/budgets.toml:8", **TIMED,
    ),
    Judgement(
        "segfast", "latency.forward.p50_s <= 40.5 ms", kind="absolute", to=None,
        measured=0.04, value=0.04, bound=0.0405, interval=(0.0393, 0.0411),
        verdict="inconclusive", profile=0, place="ci/budgets.toml:9",
        reason="the interval holds the bound after 6 rounds", **TIMED,
    ),
    Judgement(
        "segfast", "latency.forward.p50_s <= 5 * reference", kind="absolute", to="reference",
        measured=0.04, value=4.0, bound=5.0, interval=(3.8, 4.2),
        verdict="within", profile=0, place="ci/budgets.toml:10", **TIMED,
    ),
    Judgement(
        "segnet", "weights_bytes <= 112 MiB", "weights_bytes", "exact", None,
        measured=117_822_808.0, value=117_822_808.0, bound=117_440_512.0,
        verdict="over", profile=1, place="ci/budgets.toml:15",
    ),
    Judgement(
        "segnet", "memory.train_peak_bytes <= 50 MiB + 2 %", "memory.train_peak_bytes", "exact",
        None, measured=41_943_040.0, value=41_943_040.0, bound=53_477_376.0,
        verdict="within", profile=1,
    ),
)  # fmt: skip
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def make_check(**changes: object) -> Check:
    """Return seven limits: four within, two over, one inconclusive; the seventh has no place.

    segfast takes 40 ms, segnet 160, segfast at the revision 32 and the reference 10.
    """
    fields = {
        "verdict": "over",
        "judgements": JUDGEMENTS,
        "profiles": (
            make_profile("segfast", latency=make_forward(40)),
            make_profile("segnet", latency=make_forward(160)),
        ),
        "baselines": (make_profile("segfast", latency=make_forward(32)),),
        "reference": make_forward(10),
        "looks": (Look(3, 18.0, 0.025), Look(6, 41.5, 0.025)),
        "noise": Noise(noisy=True, reasons=("1 of 12 blocks was disturbed: others took 0.6 CPUs",)),
        "budget": "ci/budgets.toml",
        "revision": Revision("main", COMMIT),
        "elapsed_s": 52.25,
        "created": "2026-01-02T03:04:05Z",
    }
    return Check(**(fields | changes))


def make_evaluation() -> Evaluation:
    """Return what an evaluation of two classes on 11 pixels found, 3 of them void."""
    matrix = ConfusionMatrix(2)
    matrix.counts[:] = [[3, 1, 0], [0, 2, 2], [1, 0, 2]]
    return Evaluation(
        model={"name": "segfast", "options": {"classes": 3}},
        checkpoint="runs/a/best.safetensors",
        dataset="rooms",
        split="val",
        scenes=2,
        size=(4, 6),
        protocol="strict",
        classes=("floor", "wall"),
        confusion=tuple(map(tuple, matrix.counts.tolist())),
        qualities={name: matrix.quality(name) for name in PROTOCOLS},
        created="2026-01-02T03:04:05Z",
    )


def make_accuracy(split="test", miou=0.5, **changes):
    """Return what one training of SegFast gave on a split."""
    qualities = {name: Quality(name, 0.9, miou, (miou, None), 1, 8) for name in PROTOCOLS}
    whole = Accuracy(
        network="segfast",
        dataset="camvid",
        classes=("road", "sky"),
        size=(224, 224),
        recipe="modern",
        tuned_on="segfast",
        rate=3e-3,
        batch=8,
        seed=0,
        pretrained=None,
        auxiliary=False,
        chosen_by="void-as-class",
        epochs=100,
        best_epoch=90,
        hours=0.5,
        machine="Made-Up 9000, 2 CPUs",
        split=split,
        runtime="eager",
        precision="fp32",
        date="2026-01-02",
        qualities=qualities,
    )
    return replace(whole, **changes)


def make_reproduction() -> Reproduction:
    """Return what two seeds of segfast gave, beside the paper's figures."""
    row = Reproduced(
        model="segfast",
        seeds=(0, 1),
        pixel_accuracy=(0.88, 0.90),
        miou=(0.52, 0.54),
        best_epochs=(40, 44),
        epochs=(70, 74),
        train_s=(1200.0, 1320.0),
        paper=(0.8508, 0.5),
    )
    return Reproduction(
        dataset="camvid",
        protocol="void-as-class",
        recipe="paper",
        size=(224, 224),
        most_epochs=200,
        rows=(row,),
        machine="Made-Up 9000, 2 CPUs, torch 2.13.0",
        created="2026-01-02T03:04:05Z",
    )


def make_trial(number, latency_s, miou, *, state="trained", epochs=9, ratio=None):
    """Return a trial; its network has 100 parameters and 1,000 MACs for each millisecond."""
    return Trial(
        number=number,
        model=f"segfast,stem_width={16 + 8 * number}",
        state=state,
        reason="" if state == "trained" else "behind the front after 3 epochs",
        latency_s=latency_s,
        ratio=ratio,
        ratio_ci95=None if ratio is None else (0.98 * ratio, 1.02 * ratio),
        epochs=epochs,
        miou=miou,
        params=round(1e5 * latency_s),
        macs=round(1e6 * latency_s),
    )


def make_search() -> SearchResult:
    """Return a search of five trials: the reference model, two of the front, two that stopped."""
    return SearchResult(
        study="spark",
        dataset="camvid",
        protocol="void-as-class",
        recipe="paper",
        size=(224, 224),
        train_size=(112, 112),
        threads=2,
        runtime="eager",
        sampler="front",
        seed=0,
        epochs=9,
        budget_s=0.05,
        rival="segfast",
        reference=(0.12, 0.0),
        asked=6,
        trials=(
            make_trial(0, 0.04, 0.5, ratio=1.0),
            make_trial(1, 0.02, 0.4, ratio=0.5),
            make_trial(2, 0.03, 0.55, ratio=0.75),
            make_trial(3, 0.035, 0.3, state="stopped", epochs=3, ratio=0.875),
            make_trial(4, 0.06, None, state="refused", epochs=0, ratio=1.5),
        ),
        machine="Made-Up 9000, 2 CPUs, torch 2.13.0",
        importances={
            "latency_s": {"stem": 0.7, "up_1": 0.2, "conv_1": 0.1},
            "miou": {"conv_1": 0.6, "stem": 0.25, "up_1": 0.15},
        },
        created="2026-01-02T03:04:05Z",
    )


def make_retraining() -> Retraining:
    """Return the reference model and two of the front, trained with two seeds each."""
    return Retraining(
        study="spark",
        dataset="camvid",
        protocol="void-as-class",
        recipe="paper",
        epochs=90,
        searched_epochs=9,
        seeds=(0, 1),
        rows=(
            Retrained(0, "segfast", 0.04, 0.50, (0.56, 0.58)),
            Retrained(1, "segfast,stem_width=24", 0.02, 0.40, (0.50, 0.51)),
            Retrained(2, "segfast,stem_width=32", 0.03, 0.55, (0.57, 0.57)),
        ),
        tau=0.333,
        created="2026-01-02T03:04:05Z",
    )


def make_compression() -> Compression:
    """Return a network whose half is faster."""

    def mious(strict: float) -> dict[str, dict[str, float | None]]:
        return {"val": {"strict": strict, "void-as-class": strict - 0.01}, "test": {"strict": None}}

    return Compression(
        run="runs/first",
        dataset="camvid",
        runtime="openvino:bf16",
        size=(224, 224),
        threads=2,
        protocol="strict",
        recipe="modern+distill",
        epochs=30,
        asked={"prune": "50%"},
        stages=(
            Stage(
                step=None,
                model="segfast,classes=11",
                weights="runs/first/best.safetensors",
                params=602_544,
                size_bytes=2_410_176,
                latency_s=0.012,
                miou=mious(0.5),
            ),
            Stage(
                step="prune",
                model="segfast,classes=11,squeeze=8",
                weights="runs/half/prune/run/best.safetensors",
                params=158_592,
                size_bytes=691_200,
                latency_s=0.006,
                miou=mious(0.49),
                ratio=0.5,
                ci95=(0.48, 0.52),
            ),
        ),
        created="2026-01-02T03:04:05Z",
    )
