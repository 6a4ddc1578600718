"""Compression of a trained network: each step, measured in turns with what it began with."""

from __future__ import annotations

import dataclasses
import json
import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.compression.narrowing import narrowed
from segbench.compression.prune import prune
from segbench.data.registry import open_dataset
from segbench.errors import MeasurementError, UsageError
from segbench.files import give_up, lock_folder, parse_fields, write_text
from segbench.measurement.profile import compare
from segbench.progress import Progress, ignore_progress, timestamp
from segbench.results.candidate import EAGER, Candidate, RuntimeSpec, is_graph_file
from segbench.results.compression import Compression, Stage
from segbench.runtimes.inputs import normalised
from segbench.runtimes.street_scenes import street_pixels
from segbench.training.config import Job
from segbench.training.evaluate import evaluate
from segbench.training.recipes import distilling
from segbench.training.run import train
from segbench.training.run_folder import (
    RunFolder,
    WeightsMetadata,
    read_checkpoint,
    write_checkpoint,
)
from segbench.training.summary import read_speeds
from segbench.training.teachers import Teachers
from segbench.training.trained import TrainedNetwork, load_network
from zoo.spec import ModelSpec
from zoo.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from segbench.results.profile import Comparison
    from segbench.training.loop import OnBatch
    from segbench.training.run import OnEpoch

SHARES = (0.875, 0.75, 0.625, 0.5, 0.375, 0.25)
"""Of the channels, which are tried for a latency that is asked for."""
FORWARD = "latency.forward.p50_s"
JOB = "job.json"
START = "start.safetensors"
RUN = "run"
_PERCENT = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,3})?)%", re.ASCII)
_FACTOR = re.compile(r"(0?\.[0-9]{1,4})x", re.ASCII)


@dataclass(frozen=True)
class PruneGoal:
    """How far a network is to be pruned: one of the two.

    Attributes:
        share: of the channels that stay.
        times: of its latency that it may take.
    """

    share: float | None = None
    times: float | None = None

    @classmethod
    def parse(cls, text: str) -> PruneGoal:
        """Read ``50%``, the channels that leave, or ``0.6x``, the latency that stays.

        Raises:
            UsageError: the text is neither.

        >>> PruneGoal.parse("40%"), PruneGoal.parse("0.6x")
        (PruneGoal(share=0.6, times=None), PruneGoal(share=None, times=0.6))
        """
        percent, factor = _PERCENT.fullmatch(text.strip()), _FACTOR.fullmatch(text.strip())
        if percent is not None and float(percent[1]) > 0:
            return cls(share=round(1 - float(percent[1]) / 100, 5))
        if factor is not None and float(factor[1]) > 0:
            return cls(times=float(factor[1]))
        raise UsageError(
            f"cannot prune by {text!r}; write the channels that leave, such as 50%, or the latency "
            "that stays, such as 0.6x"
        )


@dataclass(frozen=True, kw_only=True)
class CompressionJob:
    """What is to be compressed, and how.

    Attributes:
        run: a run folder, or a file of weights that says what it was trained on.
        prune: how far, see :meth:`PruneGoal.parse`.
        runtime: that the result is for.
        teachers: that it is fine-tuned by; the network itself if there are none.
        recipe: that of the run if None, with teachers. `epochs` likewise.
    """

    run: str
    prune: str
    runtime: RuntimeSpec
    dataset: str | None = None
    data_root: Path | None = None
    teachers: tuple[str, ...] = ()
    recipe: str | None = None
    epochs: int | None = None
    seed: int = 0
    threads: int | None = None
    max_time_s: float = 60.0

    def __post_init__(self) -> None:
        PruneGoal.parse(self.prune)

    @property
    def goal(self) -> PruneGoal:
        """How far the network is to be pruned."""
        return PruneGoal.parse(self.prune)

    def to_text(self) -> str:
        """Return it as JSON, to be held against another."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return json.dumps({name: _plain(value) for name, value in fields.items()}, indent=1) + "\n"


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else str(value) if value is not None else None


def compress(
    job: CompressionJob,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = ignore_progress,
    on_batch: OnBatch = lambda *_: None,
    on_epoch: OnEpoch = lambda *_: None,
    on_begin: Callable[[str], object] = lambda _: None,
) -> Compression:
    """Prune a trained network, fine-tune it, and measure both in turns.

    What is in the folder is the narrower network as it was cut, ``prune/start.safetensors``, and
    the run of its fine-tuning, ``prune/run``.

    Args:
        resume: go on with what is in the folder.
        on_begin: called with what it will cost, before the first step.

    Raises:
        UsageError: the network cannot be pruned so far, or a value cannot be used.
        MeasurementError: no share of its channels is as fast as was asked for.
    """
    parent = _Parent.read(job)
    if resume:
        _check_same(job, out)
    else:
        RunFolder(out).check_free()
    folder = out / "prune"
    start = folder / START
    tuning = _tuning(job, parent)
    lock = lock_folder(out)
    try:
        on_begin(_describe_cost(job, tuning))
        if not resume:
            write_text(out / JOB, job.to_text(), force=True)
        if not start.is_file():
            narrow = _narrow(job, parent, progress)
            cut = _cut(parent, narrow)
            folder.mkdir(exist_ok=True)
            about = {**parent.kept, "model": narrow.to_json(), "epoch": None}
            write_checkpoint(start, cut, about)
        tuned = _tune(tuning, start, folder / RUN, progress, on_batch, on_epoch)
        return _measure(job, parent, tuned, progress)
    except Exception:
        if not start.is_file():  # nothing came of it, and nothing will
            (out / JOB).unlink(missing_ok=True)
            give_up(lock)
        raise
    finally:
        lock.release()


def _describe_cost(job: CompressionJob, tuning: Job) -> str:
    """Say how long fine-tuning may take, as far as the run tells."""
    epochs = tuning.effective_recipe.epochs
    said = f"fine-tuning takes {epochs} epoch{'s' * (epochs != 1)} at most"
    speeds = read_speeds(Path(job.run) / "speed.csv")
    if not speeds:
        return said
    epoch_s = statistics.median(each.train_s + each.validation_s for each in speeds)
    about_min = epochs * epoch_s / 60
    return f"{said}; those of the run took {epoch_s:.0f} s, so about {about_min:.0f} min"


def _check_same(job: CompressionJob, out: Path) -> None:
    path = out / JOB
    if not path.is_file():
        raise UsageError(
            f"{str(out)!r} holds no compression to go on with; leave out --resume to begin one"
        )
    kept = parse_fields(path.read_text(encoding="utf-8"), source=f"{str(path)!r}")
    now = parse_fields(job.to_text(), source="the job")
    differ = [name for name in now if not isinstance(kept, dict) or kept.get(name) != now[name]]
    if differ:
        raise UsageError(
            f"cannot go on with {str(out)!r}: {', '.join(differ)} differ from what it was begun "
            "with; give the same options, or another folder with --out"
        )


@dataclass(frozen=True)
class _Parent:
    path: Path
    about: WeightsMetadata
    kept: dict[str, Any]

    @classmethod
    def read(cls, job: CompressionJob) -> _Parent:
        if is_graph_file(job.run):
            raise UsageError(f"{job.run!r} is a graph file; compress the run that it is of")
        # It refuses what could not be evaluated at the end, such as a head without classes.
        about = TrainedNetwork(Candidate.of_weights(job.run, runtime=job.runtime)).about
        path = find_weights(job.run)
        kept = {
            "classes": [dataclasses.asdict(each) for each in about.classes],
            "job": about.job.to_json(),
        }
        return cls(path, about, kept)

    @property
    def spec(self) -> ModelSpec:
        return self.about.model.spec

    @property
    def outputs(self) -> int:
        return self.about.job.outputs_for(len(self.about.classes))


def _narrow(job: CompressionJob, parent: _Parent, progress: Progress) -> ModelSpec:
    """Return the network that is as narrow as was asked for."""
    if job.goal.share is not None:
        return narrowed(parent.spec, job.goal.share)
    assert job.goal.times is not None  # noqa: S101 - the other
    specs = [narrowed(parent.spec, share) for share in SHARES]
    first, *others = [Candidate(each, runtime=job.runtime) for each in (parent.spec, *specs)]
    found = _in_turns(job, parent, [first, *others], progress)
    times = {ratio.model: ratio.ratio for ratio in found.ratios if ratio.metric == FORWARD}
    for spec, candidate in zip(specs, others, strict=True):
        if times.get(candidate.label, 1.0) <= job.goal.times:
            return spec
    least = min(times.values(), default=1.0)
    raise MeasurementError(
        f"with {SHARES[-1]:.0%} of its channels {str(parent.spec)!r} takes {least:.2f} times as "
        f"long in {job.runtime}, and {job.goal.times:g} was asked for; ask for more"
    )


def _in_turns(
    job: CompressionJob, parent: _Parent, candidates: list[Candidate], progress: Progress
) -> Comparison:
    return compare(
        candidates,
        baseline=candidates[0],
        threads=job.threads,
        size=parent.about.job.size,
        classes=None if candidates[0].weights else parent.outputs,
        training=False,
        max_time_s=job.max_time_s * (len(candidates) - 1),
        progress=progress,
    )


def _cut(parent: _Parent, narrow: ModelSpec) -> dict[str, torch.Tensor]:
    network, _ = load_network(parent.path)
    height, width = parent.about.job.size
    [pixels] = street_pixels((1, 3, height, width), 1)
    return prune(network, narrow, normalised(pixels)).state_dict()


def _tuning(job: CompressionJob, parent: _Parent) -> Job:
    """Return the job of fine-tuning, as far as it is known before anything is cut.

    Raises:
        UsageError: a value of it cannot be used, or the dataset has other classes than the run.
    """
    before = parent.about.job
    name, root = _data(job, before)
    dataset = open_dataset(name, root)
    if dataset.classes != parent.about.classes:
        raise UsageError(
            f"{job.run!r} was trained on other classes than those of {dataset.name!r}; give the "
            "dataset that it was trained on"
        )
    teachers = job.teachers or (str(parent.path),)
    Teachers(teachers, classes=dataset.classes, outputs=parent.outputs)  # which refuses others
    return Job(
        model=parent.spec.name,
        dataset=name,
        data_root=str(root) if root else None,
        size=before.size,
        protocol=before.protocol,
        recipe=distilling(job.recipe or before.recipe),
        epochs=before.epochs if job.epochs is None else job.epochs,
        batch=before.batch,
        seed=job.seed,
        teachers=teachers,
    )


def _data(job: CompressionJob, before: Job) -> tuple[str, Path | None]:
    root = job.data_root or (Path(before.data_root) if before.data_root else None)
    return job.dataset or before.dataset, root


def _tune(
    tuning: Job,
    start: Path,
    folder: Path,
    progress: Progress,
    on_batch: OnBatch,
    on_epoch: OnEpoch,
) -> Path:
    """Fine-tune what was cut, and return the weights of the best epoch."""
    _, about = read_checkpoint(start, WeightsMetadata)
    options = {name: value for name, value in about.model.spec.options.items() if name != "classes"}
    model = str(ModelSpec(about.model.spec.name, options))
    run = RunFolder(folder)
    train(
        dataclasses.replace(tuning, model=model, start=str(start)),
        folder,
        resume=run.is_begun,
        on_decode=progress,
        on_batch=on_batch,
        on_epoch=on_epoch,
    )
    return run.best


def _measure(job: CompressionJob, parent: _Parent, tuned: Path, progress: Progress) -> Compression:
    paths = (parent.path, tuned)
    candidates = [Candidate.of_weights(str(path), runtime=job.runtime) for path in paths]
    found = _in_turns(job, parent, candidates, progress)
    by_label = {profile.label: profile for profile in found.profiles}
    about = [read_checkpoint(path, WeightsMetadata)[1] for path in paths]
    stages = []
    for path, candidate, each in zip(paths, candidates, about, strict=True):
        profile = by_label[candidate.label]
        assert profile.latency.forward is not None  # noqa: S101 - it was timed
        ratio = next(
            (r for r in found.ratios if r.model == candidate.label and r.metric == FORWARD), None
        )
        is_first = path == parent.path
        ends = None if ratio is None else ratio.ci95
        stages.append(
            Stage(
                step=None if is_first else "prune",
                model=str(each.model.spec),
                weights=str(path),
                params=profile.params,
                size_bytes=path.stat().st_size,
                latency_s=profile.latency.forward.p50_s,
                miou=_accuracy(job, parent, candidate, progress),
                ratio=None if is_first or ratio is None else ratio.ratio,
                ci95=None if is_first else ends,
                pays=is_first or (ends is not None and ends[1] < 1),
            )
        )
    last = about[-1].job
    return Compression(
        run=job.run,
        dataset=last.dataset,
        runtime=str(job.runtime),
        size=last.size,
        threads=found.profiles[0].workload.threads.requested,
        protocol=last.protocol,
        recipe=last.recipe,
        epochs=last.effective_recipe.epochs,
        asked={"prune": job.prune},
        stages=tuple(stages),
        created=timestamp(),
    )


def _accuracy(
    job: CompressionJob, parent: _Parent, candidate: Candidate, progress: Progress
) -> dict[str, dict[Any, float | None]]:
    name, root = _data(job, parent.about.job)
    splits = [split for split in ("val", "test") if open_dataset(name, root).splits.get(split)]
    text = str(candidate.weights) + ("" if job.runtime == EAGER else f"@{job.runtime}")
    found = {}
    for split in splits:
        done = evaluate(text, dataset=name, split=split, data_root=root, progress=progress)
        found[split] = {protocol: each.miou for protocol, each in done.qualities.items()}
    return found
