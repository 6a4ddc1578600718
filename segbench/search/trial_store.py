"""Trial store: the trials of one search in Optuna's storage.

Optuna's dashboard and plots can read it. A trial is added when it begins, each figure is written as
soon as it is known, and the end is written last. So a search that was killed finds its unfinished
trials with all that was known of them.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from segbench.errors import UsageError, one_line
from segbench.files import fields_as
from segbench.results.search import State
from segbench.search.importances import importances
from segbench.search.proposals import Proposal, distributions_of
from segbench.search.space import Study
from segbench.search.storage import (
    SearchFolder,
    open_study,
    opening,
    refuse_name,
    shown,
    sqlite,
    working,
)
from segbench.search.trial import TrialRecord

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["OBJECTIVES", "TrialStore", "sqlite"]

T = TypeVar("T")

# Attributes of a stored trial; each is a field of `TrialRecord`.
TIMED, LATENCY, RUNGS, SPENT = "timed", "latency_s", "rungs", "spent"
STATE, REASON, MODEL = "state", "reason", "model"
SETTINGS = "segbench"  # attribute of the study
OBJECTIVES = ("latency, s", "validation mIoU")
# Optuna's state of a trial that is over, by ours.
OPTUNA_STATES: Mapping[State, str] = {
    "trained": "COMPLETE",
    "stopped": "PRUNED",
    "refused": "PRUNED",
    "failed": "FAIL",
}
MAX_DIFFERENCES = 8  # named in one error
MAX_SHOWN = 60  # characters of a value that differs
REMEDY = "give the options that it was begun with, or another folder with --out"


class TrialStore:
    """Trials of one search.

    Args:
        url: address of the storage, as Optuna writes it; None for one in memory.
        name: of the study in the storage, where no folder names another.
        settings: identity of the search; it can be resumed only with the same.
        folder: folder of the search, by which its study is recognised; None for a search without
            one.

    Raises:
        UsageError: the storage cannot be opened, is damaged, or holds a search with other settings.
    """

    def __init__(
        self,
        url: str | None,
        name: str,
        study: Study,
        settings: Mapping[str, Any],
        *,
        folder: SearchFolder | None = None,
    ) -> None:
        self._space, self._url = study, url
        self._finished: dict[int, TrialRecord] = {}
        self._identities: dict[int, int] = {}  # of the storage, by the number of the trial
        with opening(url):
            self._study = open_study(url, name, folder)
            self._where = f"study {self._study.study_name!r} in the storage {shown(url)!r}"
            self._check_and_write({**study.identity, **settings})
            if folder is not None:
                folder.link(self._study)

    def _check_and_write(self, settings: Mapping[str, Any]) -> None:
        """Check that the study is one of this search, and write the settings that it lacks."""
        now: dict[str, Any] = json.loads(json.dumps(settings))
        with working(self._url):
            stored = self._study.user_attrs.get(SETTINGS)
        trials = self._optuna_trials()
        if stored is None and trials:
            refuse_name(
                self._study.study_name, self._url, "has trials, and no settings of a search"
            )
        if stored is None:
            _name_objectives(self._study)
        found = {} if stored is None else stored
        before = fields_as(found, dict[str, Any], source=f"what is kept of {self._where}")
        _check_settings(before, now)
        for at, trial in enumerate(trials):
            self._check_trial(at, trial)
        if now.keys() - before.keys():
            self._study.set_user_attr(SETTINGS, now | before)

    def _check_trial(self, at: int, trial: FrozenTrial) -> None:
        """Check that a trial is whole, and that its network is the same now."""
        if trial.number != at:
            raise UsageError(f"{self._where} is damaged: it has no trial {at}")
        try:
            self._space.check(trial.params)
        except UsageError as error:
            raise UsageError(
                f"cannot go on with this search: trial {at} is not of this space, for {error}; "
                f"{REMEDY}"
            ) from error
        record = self._record(trial)
        if record.model != str(self._space.network(record.values)):
            raise UsageError(
                f"cannot go on with this search: study {self._space.name!r} now builds another "
                f"network for trial {at}; {REMEDY}"
            )

    @property
    def study(self) -> optuna.Study:
        """Optuna's study, for plots."""
        return self._study

    def importances(self) -> Mapping[str, Mapping[str, float]]:
        """Return the importance of each choice, see :mod:`segbench.search.importances`."""
        with working(self._url):
            return importances(self._study)

    def write_attribute(self, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Keep an attribute of the search as a whole."""
        with working(self._url):
            self._study.set_user_attr(key, value)

    def read_attribute(self, key: str, kind: type[T]) -> T | None:
        """Return an attribute of the search, as an object of a type; None if there is none.

        Raises:
            UsageError: it is no such object.
        """
        with working(self._url):
            found = self._study.user_attrs.get(key)
        if found is None:
            return None
        return fields_as(found, kind, source=f"{key!r} of {self._where}")

    def trials(self) -> list[TrialRecord]:
        """Return the trials that are over or wait at a rung, by number."""
        found = []
        for trial in self._optuna_trials():
            if trial.number not in self._finished:
                record = self._record(trial)
                if not trial.state.is_finished():
                    if record.rungs:
                        found.append(record)
                    continue
                self._finished[trial.number] = record
            found.append(self._finished[trial.number])
        return found

    def unfinished(self) -> list[TrialRecord]:
        """Return the trials that are not over, by number."""
        trials = self._optuna_trials()
        return [self._record(trial) for trial in trials if not trial.state.is_finished()]

    def _optuna_trials(self) -> list[FrozenTrial]:
        with working(self._url):
            return self._study.get_trials(deepcopy=False)

    def add(self, proposal: Proposal) -> TrialRecord:
        """Begin a trial."""
        from optuna.trial import TrialState, create_trial

        distributions = distributions_of(self._space)
        trial = create_trial(
            state=TrialState.RUNNING,
            # In the order of the space: the order in which a choice was written must not change
            # what is drawn.
            params={name: proposal.values[name] for name in distributions},
            distributions=distributions,
            system_attrs=dict(proposal.sampler_attrs),
            user_attrs={MODEL: str(self._space.network(proposal.values))},
        )
        with working(self._url):
            self._study.add_trial(trial)
        return self.unfinished()[-1]

    def update(self, trial: TrialRecord) -> None:
        """Write the figures of an unfinished trial."""
        if trial.timed is not None:
            self._set(trial, LATENCY, trial.latency_s)
            self._set(trial, TIMED, trial.timed.to_json())
        if trial.rungs:
            self._set(trial, SPENT, trial.spent)  # first: a trial with rungs has reached one
            self._set(trial, RUNGS, {str(epochs): miou for epochs, miou in trial.rungs.items()})

    def finish(self, trial: TrialRecord, state: State, reason: str) -> None:
        """End a trial."""
        from optuna.trial import TrialState

        over = TrialState[OPTUNA_STATES[state]]
        self._set(trial, REASON, one_line(reason))
        self._set(trial, STATE, state)
        with working(self._url):
            if state == "trained":
                assert trial.latency_s is not None  # noqa: S101 - it was measured before
                self._study.tell(trial.number, [trial.latency_s, trial.rungs[trial.epochs]])
            else:
                self._study.tell(trial.number, state=over)

    def _set(self, trial: TrialRecord, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        from optuna.trial import Trial

        # All trials are read for one identity, which stays.
        if trial.number not in self._identities:
            found = self._optuna_trials()[trial.number]
            self._identities[trial.number] = found._trial_id  # noqa: SLF001
        with working(self._url):
            Trial(self._study, self._identities[trial.number]).set_user_attr(key, value)

    def _record(self, trial: FrozenTrial) -> TrialRecord:
        """Return a stored trial as a record.

        Raises:
            UsageError: it is damaged.
        """
        source = f"trial {trial.number} of {self._where}"
        state = trial.user_attrs.get(STATE)
        fields = {
            **trial.user_attrs,
            STATE: "waiting" if state is None else state,
            "number": trial.number,
            "values": {each.name: trial.params[each.name] for each in self._space.dimensions},
            "sampler_attrs": trial.system_attrs,
        }
        record = fields_as(fields, TrialRecord, source=source)
        if not trial.state.is_finished():  # an end that was written before a kill does not count
            return replace(record, state="waiting", reason="")
        end, figures = trial.state.name, trial.values or []
        ours = OPTUNA_STATES.get(record.state)
        if end == "FAIL":  # it needs no state of ours: Optuna's dashboard can end a trial too
            return record if ours is not None else replace(record, state="failed")
        if ours != end:
            raise UsageError(
                f"{source} is damaged: it is {end.lower()}, and its state is {state!r}"
            )
        complete = len(figures) == len(OBJECTIVES) and all(map(math.isfinite, figures))
        if end == "COMPLETE" and not complete:
            raise UsageError(f"{source} is damaged: it is complete, and its values are {figures}")
        return record


def _check_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to resume a search with other settings.

    Raises:
        UsageError: naming what differs.
    """
    # What an older version left out is not known.
    kept = {key: now.get(key) for key in before}
    found = [
        f"{name} differs ({_shown(was)}, now {_shown(value)})"
        for name, was, value in _differences(before, kept)
    ]
    if not found and list(before.get("space", ())) != list(kept.get("space") or ()):
        found = ["the order of the space differs"]
    if found:
        named = "; ".join(found[:MAX_DIFFERENCES])
        others = len(found) - MAX_DIFFERENCES
        more = f"; and {others} more" if others > 0 else ""
        raise UsageError(f"cannot go on with this search: {named}{more}; {REMEDY}")


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return the beginning of a value that differs."""
    text = "none" if value is None else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 4]} ..."


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], within: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the path, old value and new value of each difference, down to the innermost names."""
    for key in sorted({*before, *now}):
        was, value, name = before.get(key), now.get(key), f"{within}{key}"
        if isinstance(was, dict) and isinstance(value, dict):
            yield from _differences(was, value, f"{name}.")
        elif was != value:
            yield name, was, value


def _name_objectives(study: optuna.Study) -> None:
    """Name the objectives for Optuna's dashboard."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*set_metric_names is experimental")
        study.set_metric_names(list(OBJECTIVES))
