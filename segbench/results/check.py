"""Result of a check of budgets: one judgement for each limit, and all that was measured for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segbench.errors import ExitCode, UsageError
from segbench.quantities import Amount, Count, End, Seconds, Share
from segbench.results.profile import Latencies, Noise, Profile

CHECK_SCHEMA = "segbench/check/1"

Verdict = Literal["within", "over", "inconclusive"]
Kind = Literal["exact", "relative", "absolute"]


@dataclass(frozen=True)
class Judgement:
    """One limit, and whether it is kept.

    Attributes:
        model: label of the network that the limit is on.
        limit: its text, as it was written.
        place: ``file:line`` of the budget file; None for a limit that came otherwise.
        profile: position of its network among the profiles of the check.
        kind: ``exact`` has no noise; ``relative`` is a ratio of times; ``absolute`` is a time.
        to: what ``value`` is a ratio to: another model's label, ``baseline`` or ``reference``;
            None where it is the figure itself.
        measured: the network's own figure, in the metric's unit.
        value: what is held against the bound: a ratio, or ``measured`` again.
        bound: the most that ``value`` may be, tolerance included.
        interval: of ``value``, at ``confidence``; None where it is exact.
        looks: how often the samples were looked at before this verdict.
        verdict: None where the run was cut off: what is partial is never judged.
        reason: why a verdict is inconclusive or missing, in words; empty otherwise.
    """

    model: str
    limit: str
    metric: str
    kind: Kind
    to: str | None
    measured: Amount | None
    value: Amount | None
    bound: Amount
    interval: tuple[End, End] | None = None
    confidence: Share | None = None
    looks: Count = 0
    verdict: Verdict | None = None
    reason: str = ""
    place: str | None = None
    profile: Count | None = None


@dataclass(frozen=True)
class Look:
    """One look at the samples, after so many rounds.

    Attributes:
        error: the part of the error of 5 % that was spent on it.
    """

    rounds: Count
    elapsed_s: Seconds
    error: Share


@dataclass(frozen=True)
class Revision:
    """A state of the code under version control.

    Attributes:
        name: as it was asked for: ``main``, ``HEAD~2``.
        commit: its full hash.
    """

    name: str
    commit: str


@dataclass(frozen=True)
class Check:
    """A run of budgets.

    Attributes:
        verdict: the worst of the judgements; None if any of them is missing.
        profiles: the networks that limits are on or relative to, as they were measured now.
        baselines: the same networks at another revision, or as a file holds them.
        reference: the reference workload's latencies, where a limit is in multiples of it.
        noise: whether the machine was fit while timing; None where nothing was timed.
        budget: name of the budget file.
        revision: the other revision, if there is one.
    """

    verdict: Verdict | None
    judgements: tuple[Judgement, ...]
    profiles: tuple[Profile, ...]
    baselines: tuple[Profile, ...] = ()
    reference: Latencies | None = None
    looks: tuple[Look, ...] = ()
    noise: Noise | None = None
    budget: str | None = None
    revision: Revision | None = None
    elapsed_s: Seconds | None = None
    complete: bool = True
    created: str = ""
    schema: str = CHECK_SCHEMA

    def __post_init__(self) -> None:
        for judgement in self.judgements:
            if judgement.profile is not None and judgement.profile >= len(self.profiles):
                raise UsageError(f"limit {judgement.limit!r} is on a network that it does not have")


def worst(verdicts: tuple[Verdict | None, ...]) -> Verdict | None:
    """Return the verdict over several: one that is over outweighs all; a missing one the others.

    >>> worst(("within", "inconclusive", "over"))
    'over'
    >>> worst(("within", "inconclusive"))
    'inconclusive'
    >>> worst(("within", None)) is None
    True
    """
    if None in verdicts:
        return None
    order: tuple[Verdict, ...] = ("over", "inconclusive")
    return next((verdict for verdict in order if verdict in verdicts), "within")


def exit_code(check: Check, *, allow_inconclusive: bool = False) -> ExitCode:
    """Return the code that a command ends with."""
    match check.verdict:
        case "within":
            return ExitCode.OK
        case "over":
            return ExitCode.OVER_BUDGET
        case "inconclusive":
            return ExitCode.OK if allow_inconclusive else ExitCode.INCONCLUSIVE
        case _:
            return ExitCode.INTERRUPTED
