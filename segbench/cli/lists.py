"""The lists: networks that there are, and what this machine is."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segbench import units
from segbench.errors import UsageError, one_line
from segbench.results.accuracy import (
    SHOWN_DATASET,
    SHOWN_PROTOCOL,
    SHOWN_SPLIT,
    read_accuracies,
    shown,
)
from zoo.importing import entry_point_names
from zoo.published import PAPER
from zoo.registry import entry, models

if TYPE_CHECKING:
    from segbench.results.accuracy import Accuracy
    from segbench.results.candidate import RuntimeSpec
    from segbench.training.queue_folder import RunState

HARDWARE = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx512_bf16": "BF16",
    "amx_bf16": "AMX",
}
"""Instruction sets that decide how fast a precision is."""


def plain_console() -> Console:
    """Return a console that shows text as it is: 80 columns where standard output is a pipe."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 80
    return Console(
        width=width,
        highlight=False,
        markup=False,  # what a file says is text, whatever it looks like
        emoji=False,
        no_color=bool(os.environ.get("NO_COLOR")) or None,
        force_terminal=None if sys.stdout.isatty() else False,
    )


def print_models(tag: str | None = None) -> None:
    """Print a table of the zoo, with what the paper says of each network and what we found.

    Args:
        tag: of those that are listed; all if None.
    """
    names = models(tag=tag)
    accuracies = shown(read_accuracies())
    sizes = sorted({size for _, size in accuracies})
    has_published = any(entry(name).published for name in names)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="cyan")
    table.add_column("model", no_wrap=True)
    of_paper = ("forward", "backward", "memory") if has_published else ()
    of_ours = [f"mIoU\n{height}x{width}" for height, width in sizes] or ["mIoU"]
    for heading in ("params", *of_paper, *of_ours):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in names:
        row = entry(name)
        published = row.published
        figures: tuple[str, ...] = (
            (
                f"{published.forward_s} s",
                f"{published.backward_s} s",
                f"{published.memory_mib} MiB",
            )
            if published
            else ("-",) * len(of_paper)
        )
        figures += tuple(_miou(accuracies.get((name, size))) for size in sizes)
        table.add_row(name, f"{row.params_at_22:,}", *figures)
    console = plain_console()
    console.print(table)
    for name in entry_point_names() if tag is None else ():
        console.print(f"{name}  (from an installed package)")
    console.print()
    notes = Table.grid(padding=(0, 2))
    notes.add_column(no_wrap=True)
    for name in names:
        notes.add_row(name, entry(name).summary)
    console.print(notes)
    console.print(
        "\nparams: at 22 classes."
        + (
            " forward, backward and memory are the published ones, for 1x3x224x224 on a Xeon "
            f"E5-2623 v4 (16 threads) and a Quadro P5000. {PAPER}."
            if has_published
            else ""
        )
        + f" mIoU: of {SHOWN_DATASET}'s {SHOWN_SPLIT} split by {SHOWN_PROTOCOL}, at a size, of a "
        "network that segbench trained from drawn weights; empty where it has trained none.",
        style="dim",
    )


def _miou(found: Accuracy | None) -> str:
    """Return the mIoU of a network's cell, empty where there is none."""
    miou = None if found is None else found.qualities[SHOWN_PROTOCOL].miou
    return "" if miou is None else f"{miou:.3f}"


def print_runtimes() -> None:
    """Print a table of the runtimes, and the instruction sets that their precisions live on."""
    from segbench.measurement.host.reading import read_environment
    from segbench.runtimes import (
        RUNTIMES,
        missing_packages,
        precisions_here,
        runtime_version,
    )
    from segbench.runtimes.compilers import find_compiler

    seen = read_environment()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="cyan")
    for heading in ("runtime", "version", "precisions", "options", "trains"):
        table.add_column(heading, overflow="fold")
    for name, row in RUNTIMES.items():
        missing = missing_packages(row)
        version = seen.torch if not row.packages else None if missing else runtime_version(name)
        if row.compiles and find_compiler() is None:
            version = "no C++ compiler: install g++"
        options = (f"{option}={'|'.join(map(str, row.options[option]))}" for option in row.options)
        table.add_row(
            name,
            version or f"pip install 'segbench[{row.extra}]'",
            " ".join(precisions_here(row)),
            " ".join(options) or "-",
            "yes" if row.trains else "no",
        )
    console = plain_console()
    console.print(table)
    sets = seen.instruction_sets
    had = ", ".join(
        f"{title} {'unknown' if sets is None else _on(name in sets)}"
        for name, title in HARDWARE.items()
    )
    console.print(f"\n{seen.cpu_model or 'unknown CPU'}: {had}", style="dim")
    for name, row in RUNTIMES.items():
        for precision in sorted(set(row.precisions) - set(precisions_here(row))):
            how = f"pip install 'segbench[{precision}]'"
            console.print(f"{name}:{precision} is not installed: {how}", style="dim", markup=False)


def print_broken(broken: Mapping[RuntimeSpec, str], *, tried: int) -> None:
    """Print which runtimes of those that were tried are broken here, and how."""
    console = plain_console()
    if not broken:
        console.print(f"\nnothing is broken here, of {tried} that were tried")
    for runtime, why in broken.items():
        console.print(f"\nbroken here: {runtime}: {why}", markup=False)


def print_datasets(root: Path | None) -> None:
    """Print a table of the datasets, and where there is a copy below the data root."""
    from segbench.data.errors import DataError
    from segbench.data.places import data_root
    from segbench.data.registry import BUILT_IN, DATASETS, open_dataset

    folder = data_root(root)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="cyan")
    for heading in ("dataset", "classes", "train", "val", "test", "here"):
        table.add_column(
            heading, justify="left" if heading in {"dataset", "here"} else "right", no_wrap=True
        )
    notes = Table.grid(padding=(0, 2))
    notes.add_column(no_wrap=True)
    for row in DATASETS.values():
        try:
            layout = open_dataset(row.name, folder).layout.partition(", in ")[0]
            here = "built in" if row.name == BUILT_IN else layout
        except DataError:
            here = "-"
        counts = (
            f"{row.scenes[split]:,}" if split in row.scenes else "-"
            for split in ("train", "val", "test")
        )
        table.add_row(row.name, str(row.classes), *counts, here)
        notes.add_row(row.name, f"{row.summary}; {row.licence}")
    console = plain_console()
    console.print(table)
    console.print()
    console.print(notes)
    console.print(f"\nLooked in {folder}; --data-root or SEGBENCH_DATA name another.", style="dim")


def print_runs(folder: Path) -> None:
    """Print a table of the runs below a folder, the best first.

    Raises:
        UsageError: what is there is no folder.
    """
    from segbench.training.summary import find_runs

    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"cannot list runs below {str(folder)!r}: it is no folder")
    found = find_runs(folder)
    console = plain_console()
    if not found:
        console.print(f"No runs in {one_line(str(folder))}; train one with: segbench train segfast")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="cyan")
    for heading in ("run", "model", "dataset", "epochs", "best", "mIoU", "accuracy", "images/s"):
        if heading in {"run", "model", "dataset"}:
            table.add_column(heading, overflow="fold", ratio=1)
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    for run in found:
        best = run.best
        table.add_row(
            one_line(str(run.path.relative_to(folder))),
            run.model,
            f"{one_line(Path(run.dataset).name)}, {run.protocol}",
            f"{run.epochs} of {run.most}",
            str(best.epoch) if best else "-",
            f"{best.miou:.4f}" if best else "-",
            f"{best.pixel_accuracy:.4f}" if best else "-",
            "-" if run.images_per_s is None else f"{run.images_per_s:.1f}",
        )
    console.print(table)


def print_queue(states: Sequence[RunState], folder: Path) -> None:
    """Print a table of the runs of a queue, in its order, and what went wrong in any."""
    from segbench.training.queue_folder import in_all

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="cyan")
    table.add_column("run", overflow="fold", ratio=1)
    for heading in ("state", "best mIoU", "hours spent", "hours left"):
        table.add_column(heading, justify="right", no_wrap=True)
    for state in states:
        table.add_row(
            state.run.name,
            str(state),
            f"{state.best.miou:.4f}" if state.best else "-",
            _hours(state.spent_s),
            _hours(state.left_s),
        )
    console = plain_console()
    console.print(table)
    whole = in_all(states)
    more = f", and {whole.untimed} runs that are not timed yet" if whole.untimed else ""
    console.print(
        f"\n{_hours(whole.spent_s)} hours spent, {_hours(whole.left_s)} left{more}; in "
        f"{one_line(str(folder))}"
    )
    for state in states:
        if state.failure is not None:
            console.print(f"{state.run.name} failed: {one_line(state.failure)}")


def _hours(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds / 3600:.2f}"


def print_environment(threads: int | None) -> None:
    """Print the machine, torch's build and pools, and whether one may time here now."""
    from segbench.measurement.host.fitness import judge_fitness
    from segbench.measurement.host.reading import read_environment, read_load
    from segbench.measurement.settings import Settings
    from segbench.measurement.workers.protocol import NO_NETWORK, Task
    from segbench.measurement.workers.supervisor import Question, ask_once

    settings = Settings(threads=threads)
    environment = read_environment()
    findings = judge_fitness(environment, read_load())
    seen = ask_once(Question(Task(NO_NETWORK, threads=settings.thread_count), "threads", "read"))
    pools = ", ".join(f"{pool['library']} {pool['threads']}" for pool in seen["pools"])
    quota = environment.cgroup_quota_cpus
    rows = {
        "CPU": environment.cpu_model or "unknown",
        "instruction sets": " ".join(environment.instruction_sets or ()) or "unknown",
        "CPUs": f"{environment.effective_cpus} effective: {environment.logical_cpus} online, "
        f"{environment.physical_cores} cores, {environment.affinity_cpus} by affinity, "
        f"{'no quota' if quota is None else f'quota of {quota:g}'}",
        "memory": units.size(environment.memory_total_bytes),
        "system": f"{environment.os}, kernel {environment.kernel}, {environment.libc}",
        "python": environment.python,
        "torch": f"{seen['torch']}, {seen['capability']}, oneDNN {_on(seen['onednn'])}, "
        f"MKL {_on(seen['mkl'])}, CUDA {seen['cuda'] or 'no'}",
        "threads": f"{seen['threads']['intra_op']} intra-op, {seen['threads']['inter_op']} "
        f"inter-op; pools: {pools}; {seen['threads']['os_threads']} by the kernel's count",
    }
    console = plain_console()
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="cyan", no_wrap=True)
    for name, value in rows.items():
        facts.add_row(name, value)
    console.print(facts)
    console.print()
    verdicts = Table.grid(padding=(0, 2))
    for _ in range(3):
        verdicts.add_column()
    styles = {"ok": "green", "warn": "yellow", "bad": "red"}
    for finding in findings:
        advice = f"; {finding.advice}" if finding.advice else ""
        verdicts.add_row(
            Text(finding.level, style=styles[finding.level]),
            finding.subject,
            f"{finding.what}{advice}",
        )
    console.print(verdicts)
    worst = {finding.level for finding in findings}
    console.print()
    if "bad" in worst:
        console.print("Not fit for timing now: see what is marked bad.")
    elif "warn" in worst:
        console.print("Fit for timing, with the reservations above.")
    else:
        console.print("Fit for timing.")


def _on(value: bool) -> str:
    return "on" if value else "off"
