"""The trials of a search in Optuna's storage, so that its dashboard and its plots can read them.

A trial is added when it begins; what it was found to have is written to it at once, and its end
last. A search that is killed finds the trials that were not over, with all it knew of them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.errors import UsageError
from segbench.search.proposing import Proposal, distributions_of
from segbench.search.seen import Seen, State
from segbench.search.space import Choice, Study
from segbench.search.timing import Timed

if TYPE_CHECKING:
    import optuna

TIMED, LATENCY, RUNGS, SPENT = "timed", "latency_s", "rungs", "spent"
STATE, REASON, MODEL = "state", "reason", "model"
SETTINGS = "segbench"
OBJECTIVES = ("latency, s", "validation mIoU")


@dataclass
class Entry:
    """A trial that has begun.

    Attributes:
        timed: None until it was measured; so is `latency_s`, which all trials are ranked by.
        rungs: best mIoU so far, by epochs.
        spent: epochs that the whole search had trained when this trial came to its last rung.
    """

    number: int
    values: Mapping[str, Choice]
    timed: Timed | None = None
    latency_s: float | None = None
    rungs: dict[int, float] = field(default_factory=dict)
    spent: int | None = None


@dataclass(frozen=True)
class Tried:
    """A trial that is over, or waits at a rung, with all that was found."""

    seen: Seen
    timed: Timed | None
    reason: str
    model: str
    spent: int | None = None


class Ledger:
    """The trials of one search.

    Args:
        url: of the storage, as Optuna writes it; None for one in memory, which ends with this.
        name: of the study in it.
        settings: what the search is; a search goes on only with the same.

    Raises:
        UsageError: the storage cannot be opened, or holds a search with other settings.
    """

    def __init__(
        self, url: str | None, name: str, study: Study, settings: Mapping[str, Any]
    ) -> None:
        self._space = study
        self._study = _open(url, name)
        self._check_settings(settings)

    def _check_settings(self, settings: Mapping[str, Any]) -> None:
        before = self._study.user_attrs.get(SETTINGS)
        if before is None:
            _name_objectives(self._study)
            self._study.set_user_attr(SETTINGS, dict(settings))
            return
        now = json.loads(json.dumps(settings))
        # What an older version left out is not known.
        kept = {key: now.get(key) for key in before}
        found = [
            f"{name} differs ({was}, now {value})"
            for name, was, value in _differences(before, kept)
        ]
        if found:
            raise UsageError(
                f"cannot go on with this search: {'; '.join(found)}; give the options that it was "
                "begun with, or another folder with --out"
            )

    @property
    def study(self) -> optuna.Study:
        """The study, for plots."""
        return self._study

    def note(self, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Keep something about the search as a whole."""
        self._study.set_user_attr(key, value)

    def noted(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """Return what was kept; None if nothing was."""
        return self._study.user_attrs.get(key)

    def tried(self) -> list[Tried]:
        """Return the trials that are over or wait at a rung, in their order."""
        return [
            _tried(trial) for trial in self._study.get_trials(deepcopy=False)
            if trial.state.is_finished() or trial.user_attrs.get(RUNGS)
        ]  # fmt: skip

    def open(self) -> list[Entry]:
        """Return the trials that have begun and are not over, in their order."""
        return [
            _entry(trial) for trial in self._study.get_trials(deepcopy=False)
            if not trial.state.is_finished()
        ]  # fmt: skip

    def begin(self, proposal: Proposal) -> Entry:
        """Add a trial."""
        from optuna.trial import TrialState, create_trial  # noqa: PLC0415 - it takes a second

        distributions = distributions_of(self._space)
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                # In the order of the space: how a choice was written must not tell what is drawn.
                params={name: proposal.values[name] for name in distributions},
                distributions=distributions,
                system_attrs=dict(proposal.about),
                user_attrs={MODEL: str(self._space.build(proposal.values))},
            )
        )
        return self.open()[-1]

    def keep(self, entry: Entry) -> None:
        """Write what is known of a trial by now."""
        if entry.timed is not None:
            self._set(entry, LATENCY, entry.latency_s)
            self._set(entry, TIMED, entry.timed.to_json())
        if entry.rungs:
            self._set(entry, SPENT, entry.spent)  # first, for a trial with rungs has come to one
            self._set(entry, RUNGS, {str(epochs): miou for epochs, miou in entry.rungs.items()})

    def end(self, entry: Entry, state: State, reason: str) -> None:
        """Finish a trial."""
        from optuna.trial import TrialState  # noqa: PLC0415 - it takes a second

        self._set(entry, REASON, reason)
        self._set(entry, STATE, state)
        if state == "trained":
            assert entry.latency_s is not None  # noqa: S101 - it was measured before
            self._study.tell(entry.number, [entry.latency_s, entry.rungs[max(entry.rungs)]])
        else:
            over = TrialState.FAIL if state == "failed" else TrialState.PRUNED
            self._study.tell(entry.number, state=over)

    def _set(self, entry: Entry, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        from optuna.trial import Trial  # noqa: PLC0415 - it takes a second

        identity = self._study.get_trials(deepcopy=False)[entry.number]._trial_id  # noqa: SLF001
        Trial(self._study, identity).set_user_attr(key, value)


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], within: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs, down to the innermost names: the path, what it was and what it is."""
    for key in sorted({*before, *now}):
        was, value, name = before.get(key), now.get(key), f"{within}{key}"
        if isinstance(was, dict) and isinstance(value, dict):
            yield from _differences(was, value, f"{name}.")
        elif was != value:
            yield name, was, value


def _open(url: str | None, name: str) -> optuna.Study:
    import optuna  # noqa: PLC0415 - it takes a second

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(
            storage=url,
            study_name=name,
            directions=["minimize", "maximize"],
            sampler=optuna.samplers.RandomSampler(seed=0),  # it is never asked
            load_if_exists=True,
        )
    except Exception as error:  # sqlalchemy and its drivers raise many kinds
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"cannot open the storage {url!r}: {words}") from error


def _name_objectives(study: optuna.Study) -> None:
    """Let the dashboard say what it shows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*set_metric_names is experimental")
        study.set_metric_names(list(OBJECTIVES))


def _rungs(attributes: Mapping[str, Any]) -> dict[int, float]:
    return {int(epochs): miou for epochs, miou in attributes.get(RUNGS, {}).items()}


def _entry(trial: optuna.trial.FrozenTrial) -> Entry:
    attributes = trial.user_attrs
    timed = attributes.get(TIMED)
    measured = None if timed is None else Timed.from_json(timed)
    latency_s = attributes.get(LATENCY)
    spent = attributes.get(SPENT)
    return Entry(trial.number, trial.params, measured, latency_s, _rungs(attributes), spent)


def _tried(trial: optuna.trial.FrozenTrial) -> Tried:
    attributes, entry = trial.user_attrs, _entry(trial)
    over = trial.state.is_finished()
    seen = Seen(
        number=trial.number,
        values=trial.params,
        state=attributes.get(STATE, "failed") if over else "waiting",
        latency_s=entry.latency_s,
        rungs=entry.rungs,
        about=trial.system_attrs,
    )
    reason = attributes.get(REASON, "") if over else ""
    return Tried(seen, entry.timed, reason, attributes.get(MODEL, ""), entry.spent)


def sqlite(path: Path) -> str:
    """Return the address of a storage in one file."""
    return f"sqlite:///{path.resolve()}"
