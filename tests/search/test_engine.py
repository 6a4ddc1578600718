"""The order of a search, what it refuses, and that a kill costs it nothing."""

# ruff: noqa: S311 - orders and choices are no secrets

import itertools
import random
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from made_up_searches import FIRST, SPACE, MadeUp, latency_of, miou_of, timed

from segbench.errors import UsageError
from segbench.results.pareto import dominates
from segbench.search.engine import Effort, Search
from segbench.search.front_sampler import FrontSampler
from segbench.search.proposals import OPTUNA, OptunaSampler, Proposal, RandomSampler
from segbench.search.rungs import rungs_of
from segbench.search.space import Kind, Study
from segbench.search.spaces import separable
from segbench.search.trial import TrialRecord, points_at
from segbench.search.trial_store import TrialStore, sqlite

REFERENCE_S = timed(FIRST).rival_s


def sampler_of(name):
    if name == "front":
        return FrontSampler(SPACE, latency_of, (0.2, 0.0))
    return RandomSampler(SPACE) if name == "random" else OptunaSampler(SPACE, OPTUNA[name])


def make_search(folder, *, sampler="random", evaluator=None, predict_latency=None, **effort):
    effort = Effort(**{"trials": 20, "epochs": 9, **effort})
    store = TrialStore(sqlite(folder / "study.db"), "made-up", SPACE, {"seed": effort.seed})
    return Search(
        SPACE,
        effort,
        store,
        evaluator or MadeUp(),
        sampler_of(sampler),
        reference_s=REFERENCE_S,
        predict_latency=predict_latency,
    )


def table(ended):
    """Return what trials were and came to, in a form that can be compared."""
    return [
        (each.number, sorted(each.values.items()), each.state, each.latency_s,
         dict(each.rungs), each.reason)
        for each in ended
    ]  # fmt: skip


@pytest.mark.parametrize("sampler", ["random", "front", "tpe", "tpe-multivariate", "nsga2"])
def test_as_many_trials_end_as_were_asked_for_and_none_is_a_duplicate(tmp_path, sampler):
    search = make_search(tmp_path, sampler=sampler)
    ended = finish(search)
    assert [each.number for each in ended] == list(range(20))
    assert len({each.model for each in ended}) == 20
    assert [each.values for each in ended[:3]] == [dict(values) for values in SPACE.first]


def test_the_order_in_which_a_choice_is_written_changes_nothing(tmp_path):
    tables = []
    for way in (iter, reversed):
        folder = tmp_path / way.__name__
        folder.mkdir()
        search = make_search(folder, sampler="front")
        first = tuple(dict(way(values.items())) for values in SPACE.first)
        search.study = replace(SPACE, first=first)
        tables.append(table(finish(search)))
    assert tables[0] == tables[1]


def test_latencies_are_ratios_to_the_reference_model_as_it_was_when_the_search_began(tmp_path):
    class Drifting(MadeUp):
        def time(self, values):
            found = super().time(values)
            return timed(values, reference_s=found.rival_s * len(self.asked))

    for each in make_search(tmp_path, evaluator=Drifting(), trials=6).run():
        ratio = latency_of(each.values) / latency_of(FIRST)
        assert each.latency_s == pytest.approx(ratio * REFERENCE_S)


def test_what_is_over_the_budget_is_measured_and_never_trained(tmp_path):
    evaluator = MadeUp()
    budget_s = 1.1 * REFERENCE_S
    ended = finish(make_search(tmp_path, evaluator=evaluator, budget_s=budget_s))
    trained = {line[1] for line in evaluator.asked if line[0] == "train"}
    states = Counter(each.state for each in ended)
    assert states["refused"] > 0
    assert states["trained"] > 0
    for each in ended:
        assert (each.state == "refused") == (each.latency_s > budget_s)
        assert (each.number in trained) == (each.state != "refused")


def test_the_reference_model_is_trained_whatever_the_budget_and_not_measured_twice(tmp_path):
    evaluator, known = MadeUp(), timed(FIRST)
    search = make_search(tmp_path, evaluator=evaluator, budget_s=0.5 * REFERENCE_S)
    search.reference_latency = known
    first = next(search.run())
    assert (first.state, first.latency_s) == ("trained", REFERENCE_S)
    assert first.timed == known
    assert {line[0] for line in evaluator.asked} == {"train"}


def test_what_is_surely_too_slow_is_not_even_measured(tmp_path):
    evaluator = MadeUp()
    budget_s = 0.8 * REFERENCE_S
    scale = REFERENCE_S / latency_of(FIRST)
    search = make_search(
        tmp_path,
        evaluator=evaluator,
        budget_s=budget_s,
        predict_latency=lambda values: scale * latency_of(values),
    )
    list(search.run())
    measured = [line[1] for line in evaluator.asked if line[0] == "time"][len(SPACE.first) :]
    assert max(scale * latency_of(values) for values in measured) <= 1.15 * budget_s


def finish(search):
    """Search to the end, and return what all came to."""
    list(search.run())
    return search.store.trials()


def test_training_goes_in_rungs_and_the_front_of_each_rung_goes_all_the_way(tmp_path):
    evaluator = MadeUp()
    ended = finish(make_search(tmp_path, evaluator=evaluator, trials=40))
    asked = {}
    for line in evaluator.asked:
        if line[0] == "train":
            asked.setdefault(line[1], []).append(line[2])
    for position, each in enumerate(ended):
        rungs = sorted(each.rungs)
        assert asked[position] == rungs == list(rungs_of(9))[: len(rungs)]
        assert each.state == ("trained" if len(rungs) == 3 else "stopped")
        if each.state == "stopped":
            assert each.reason == f"behind the front after {rungs[-1]} epochs"
            mine = each.latency_s, each.rungs[rungs[-1]]
            came = points_at(ended, rungs[-1])
            assert any(dominates(other, mine) for other in came)
    assert Counter(each.state for each in ended)["stopped"] > 10
    assert ended[0].state == "trained"  # the reference model


def test_a_network_that_waited_is_trained_on_after_others_were_tried(tmp_path):
    search = make_search(tmp_path, trials=40)
    told = list(search.run())
    came_back = [
        one.number
        for before, one in itertools.pairwise(told)
        if one.number < before.number and len(one.rungs) > 1
    ]
    assert came_back
    assert {each.state for each in told} == {"waiting", "trained"}


def test_the_epochs_spent_by_the_time_of_each_rung_are_kept(tmp_path):
    search, spent, before = make_search(tmp_path, trials=20), 0, Counter()
    for each in search.run():
        epochs = max(each.rungs)
        spent += epochs - before[each.number]
        before[each.number] = epochs
        assert each.spent == spent


def test_without_stopping_all_go_all_the_way(tmp_path):
    ended = list(make_search(tmp_path, stops=False).run())
    assert [each.number for each in ended] == list(range(20))
    assert {each.state for each in ended} == {"trained"}
    for each in ended:
        assert each.miou == pytest.approx(miou_of(each.values, 9))


@pytest.mark.parametrize("where", ["time", "train"])
def test_a_network_that_fails_is_named_failed_and_the_search_goes_on(tmp_path, where):
    ended = finish(make_search(tmp_path, evaluator=MadeUp(fails=(where,))))
    assert len(ended) == 20
    for each in ended:
        assert (each.state == "failed") == (each.values["k3"] == "b")
        assert ("SIGKILL" in each.reason or "nan" in each.reason) == (each.state == "failed")


def test_a_full_disk_ends_the_search_with_one_line_and_the_same_command_goes_on(tmp_path):
    search = make_search(tmp_path, evaluator=MadeUp(fails=("disk",)), trials=8)
    with pytest.raises(UsageError, match=r"^cannot write .*: no space left on device$"):
        list(search.run())
    assert len(search.store.trials()) == 4
    again = make_search(tmp_path, trials=8)
    list(again.run())
    other = tmp_path / "other"
    other.mkdir()
    list((undisturbed := make_search(other, trials=8)).run())
    assert table(again.store.trials()) == table(undisturbed.store.trials())


def test_a_finished_search_does_nothing_and_a_longer_one_goes_on(tmp_path):
    list(make_search(tmp_path, trials=8).run())
    evaluator = MadeUp()
    assert list(make_search(tmp_path, trials=8, evaluator=evaluator).run()) == []
    assert evaluator.asked == []
    longer = make_search(tmp_path, trials=10, evaluator=evaluator)
    before = table(longer.store.trials())
    ended = finish(longer)
    assert [each.number for each in ended] == list(range(10))
    assert table(ended)[:8] == before  # what was stopped at its end stays so
    assert {line[1] for line in evaluator.asked if line[0] == "train"} == {8, 9}


def test_a_search_goes_on_only_as_it_was_begun(tmp_path):
    make_search(tmp_path, seed=1)
    with pytest.raises(UsageError, match=r"^cannot go on with this search: seed differs \(1, now"):
        make_search(tmp_path, seed=2)


def test_a_search_of_a_version_that_kept_less_about_it_goes_on(tmp_path):
    url = sqlite(tmp_path / "study.db")
    TrialStore(url, "older", SPACE, {"seed": 1})
    TrialStore(url, "older", SPACE, {"seed": 1, "recipe": {"rate": 0.001}})
    with pytest.raises(UsageError, match=r": seed differs \(1, now 2\); give"):
        TrialStore(url, "older", SPACE, {"seed": 2, "recipe": {"rate": 0.001}})


def test_of_what_is_kept_in_parts_only_the_parts_that_differ_are_named(tmp_path):
    url = sqlite(tmp_path / "study.db")
    TrialStore(url, "ours", SPACE, {"job": {"size": [112, 112], "seed": 1}})
    with pytest.raises(
        UsageError, match=r"search: job\.size differs \(\[112, 112\], now \[80, 80\]\); give"
    ):
        TrialStore(url, "ours", SPACE, {"job": {"size": (80, 80), "seed": 1}})


def test_a_space_that_is_exhausted_is_said_so(tmp_path):
    study = Study(
        "tiny", "", (Kind("branch_1", ("separable", "standard")),),
        lambda values: separable.build({**separable.STUDY.first[0], **values}),
        lambda _values, **_options: [], ({"branch_1": "separable"},),
    )  # fmt: skip
    store = TrialStore(sqlite(tmp_path / "study.db"), "tiny", study, {})

    class Alike:
        time = staticmethod(lambda _values: timed(FIRST))
        train = staticmethod(lambda _number, _values, until: 0.5 / until)

    effort = Effort(trials=5, epochs=1)
    search = Search(study, effort, store, Alike(), RandomSampler(study), reference_s=REFERENCE_S)
    with pytest.raises(UsageError, match="the space may be exhausted"):
        list(search.run())
    assert len(store.trials()) == 2


HERE = str(Path(__file__).parent)
PROGRAM = f"""
import sys
sys.path.append({HERE!r})
from pathlib import Path
from made_up_searches import MadeUp
from test_engine import make_search

class Slow(MadeUp):
    def time(self, values):
        print("time", flush=True)
        return super().time(values)

    def train(self, number, values, *, until):
        print("train", flush=True)
        found = super().train(number, values, until=until)
        print("trained", number, until, flush=True)
        return found

for _ in make_search(
    Path(sys.argv[1]), sampler=sys.argv[2], evaluator=Slow(), trials=14
).run():
    print("ended", flush=True)
"""


def test_a_search_that_is_killed_many_times_ends_as_one_that_was_not(tmp_path, fork):
    """Killed after so many lines of what it does, wherever that is, until it is done."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    whole.mkdir()
    rng = random.Random(4)
    kills, trained = 0, Counter()
    for _ in range(60):
        process = fork(PROGRAM, str(killed), "nsga2", folder=tmp_path)
        for _ in range(rng.randint(1, 9)):
            line = process.stdout.readline()
            if line.startswith("trained"):
                trained[line] += 1
        process.kill()
        code = process.wait()
        rest = process.stdout.read()
        trained.update(line + "\n" for line in rest.splitlines() if line.startswith("trained"))
        kills += code == -signal.SIGKILL
        if code == 0:
            break
    search = make_search(killed, sampler="nsga2", trials=14)
    assert list(search.run()) == []
    list((undisturbed := make_search(whole, sampler="nsga2", trials=14)).run())
    assert table(search.store.trials()) == table(undisturbed.store.trials())
    assert kills >= 5
    assert search.store.unfinished() == []  # no trial that runs for ever
    # A rung that was told is never trained again, but where the kill fell before it was kept.
    assert sum(trained.values()) <= len(trained) + kills


@pytest.fixture
def begun(tmp_path):
    """Return a store with a trial that has come to its first rung."""
    store = TrialStore(sqlite(tmp_path / "study.db"), "begun", SPACE, {})
    trial = store.add(Proposal(FIRST, {"generation": 3}))
    store.update(
        replace(trial, timed=timed(FIRST), latency_s=REFERENCE_S, rungs={1: 0.25}, spent=1)
    )
    return store


def test_a_record_comes_back_from_the_storage_as_it_was_written(begun):
    assert begun.trials() == begun.unfinished() == [
        TrialRecord(
            number=0,
            values=FIRST,
            model=str(SPACE.network(FIRST)),
            state="waiting",
            latency_s=REFERENCE_S,
            rungs={1: 0.25},
            timed=timed(FIRST),
            spent=1,
            sampler_attrs={"generation": 3},
        )
    ]  # fmt: skip


def test_an_end_that_a_kill_cut_off_does_not_count(begun):
    (before,) = begun.trials()
    begun._set(before, "reason", "behind the front after 1 epochs")
    begun._set(before, "state", "stopped")  # Optuna is told after this
    assert begun.trials() == begun.unfinished() == [before]


def test_a_trial_that_optunas_dashboard_has_ended_is_failed(begun):
    begun.study.tell(0, state=optuna.trial.TrialState.FAIL)
    assert begun.unfinished() == []
    assert [each.state for each in begun.trials()] == ["failed"]
