"""Report of a search: its front as a table, and the states of the other trials."""

from __future__ import annotations

from collections import Counter

from segbench import units
from segbench.results.report.contents import Report, Table
from segbench.results.search import SearchResult, Trial, most_important

MOST_REASONS = 5
MOST_CHOICES = 6
OBJECTIVES = {"latency_s": "for latency", "miou": "for mIoU"}


def report_search(found: SearchResult) -> Report:
    """Say what a search found."""
    count = len(found.trials)
    states = Counter(trial.state for trial in found.trials)
    what = f"search {found.study} on {found.dataset}: {count} of {found.asked} trials"
    became = ", ".join(f"{states[state]} {state}" for state in states)
    budget = "" if found.budget_s is None else f", at most {units.seconds(found.budget_s)}"
    how = (
        f"timed at {_size(found.size)}, trained at {_size(found.train_size)}, "
        f"{found.epochs} epochs, recipe {found.recipe}, {found.protocol}, "
        f"sampler {found.sampler}, seed {found.seed}{budget}"
    )
    return Report(
        headings=(
            f"{what}, {became}" if became else what,
            how,
            f"{found.threads} threads, {found.runtime}, {found.machine}, {found.created}",
        ),
        tables=(_front_table(found), *_importance_table(found)),
        remarks=_remarks(found),
    )


def _size(size: tuple[int, int]) -> str:
    return "x".join(map(str, size))


def _front_table(found: SearchResult) -> Table:
    front = found.front
    off_front = [trial for trial in found.trials[:1] if trial.point and trial not in front]
    rows = tuple(_row(trial, on_front=trial in front) for trial in [*front, *off_front])
    return Table(
        "front",
        ("trial", "latency", f"times {found.rival}", "mIoU", "params", "MACs"),
        rows,
        f"the networks that no other beats, the fastest first; in brackets: not on the front. "
        f"hypervolume {1e3 * found.hypervolume:.3f} ms x mIoU, to "
        f"{units.seconds(found.reference[0])} and {found.reference[1]:g}.",
    )


def _row(trial: Trial, *, on_front: bool) -> tuple[str, ...]:
    ratio = "-"
    if trial.ratio is not None:
        ratio = f"{trial.ratio:.3f}"
        if trial.ratio_ci95 is not None:
            ratio += f" ({trial.ratio_ci95[0]:.2f}-{trial.ratio_ci95[1]:.2f})"
    return (
        str(trial.number) if on_front else f"({trial.number})",
        units.seconds(trial.latency_s),
        ratio,
        "-" if trial.miou is None else f"{trial.miou:.4f}",
        f"{trial.params:,}",
        units.count(trial.macs),
    )


def _importance_table(found: SearchResult) -> tuple[Table, ...]:
    """Return the choices that mattered most, for either objective."""
    if not found.importances:
        return ()
    rows = tuple(
        (choice, *(units.percent(shares.get(choice)) for shares in found.importances.values()))
        for choice in most_important(found, MOST_CHOICES)
    )
    return (
        Table(
            "which choices mattered",
            ("choice", *(OBJECTIVES.get(name, name) for name in found.importances)),
            rows,
            "shares in what made networks good, by PED-ANOVA over those trained to the end.",
        ),
    )


def _remarks(found: SearchResult) -> tuple[str, ...]:
    failed = [trial for trial in found.trials if trial.state == "failed"]
    shown = [f"trial {trial.number} failed: {trial.reason}" for trial in failed[:MOST_REASONS]]
    more = len(failed) - len(shown)
    unfinished = () if found.complete else ("interrupted; the same command goes on",)
    return (*unfinished, *shown, *((f"and {more} more that failed",) if more > 0 else ()))
