"""Which networks a limit needs, and who is timed with whom."""

from pathlib import Path

import pytest

from segbench.budgets.limits import Limit
from segbench.budgets.pairs import (
    REFERENCE_MODEL,
    CandidateSet,
    JudgedPair,
    ModelLimit,
    plan_for,
    reference_task,
)
from segbench.budgets.revisions import Tree, Trees
from segbench.errors import NotComparableError, UsageError
from segbench.measurement.settings import Settings
from segbench.results.check import Revision
from zoo.spec import ModelSpec

SETTINGS = Settings.of(size=(64, 64), threads=2)


def wanted(model, *limits):
    return [ModelLimit(ModelSpec.parse(model), Limit.parse(limit)) for limit in limits]


def hold(*limits, model="mypkg.nets:tiny", trees=None, normalised=False):
    candidate_set = CandidateSet(SETTINGS, trees=trees, normalised=normalised)
    return candidate_set, candidate_set.pair_all(wanted(model, *limits))


def names(candidate_set):
    return [task.network.name for task in candidate_set.tasks]


def hold_in(runtime, model, limit, trees=None):
    candidate_set = CandidateSet(SETTINGS.with_values(runtime=runtime), trees=trees)
    candidate_set.pair_all([ModelLimit(model, Limit.parse(limit), "b.toml:3")])
    return [task.candidate.label for task in candidate_set.tasks]


@pytest.fixture
def trees(tmp_path):
    """Two trees of a user's package, without a zoo."""
    made = [Tree(tmp_path / name, tmp_path / "repository") for name in ("working", "against")]
    for tree in made:
        (tree.folder / "mypkg").mkdir(parents=True)
    return Trees(*made, Revision("main", "0" * 40))


def test_a_figure_that_stands_by_itself_needs_its_network_alone():
    candidate_set, [held] = hold("latency.forward.p50_s <= 40 ms")
    assert (names(candidate_set), held, held.pair) == (
        ["mypkg.nets:tiny"],
        JudgedPair(0, None),
        (0,),
    )
    assert not candidate_set.needs_reference


def test_a_multiple_of_a_network_needs_both():
    candidate_set, [held] = hold("latency.forward.p50_s <= 2 * segnet")
    assert names(candidate_set) == ["mypkg.nets:tiny", "segnet"]
    assert (held, held.pair) == (JudgedPair(0, 1), (0, 1))


def test_each_network_is_there_once_however_many_limits_it_is_in():
    candidate_set = CandidateSet(SETTINGS)
    held = candidate_set.pair_all(
        [
            *wanted("segfast", "params <= 9", "latency.forward.p50_s <= 2 * segnet"),
            *wanted("segnet", "params <= 1 * segfast", "latency.backward.p50_s <= 9 * segfast"),
        ]
    )
    assert names(candidate_set) == ["segfast", "segnet"]
    assert held == [JudgedPair(0, None), JudgedPair(0, 1), JudgedPair(1, 0), JudgedPair(1, 0)]


def test_two_networks_are_one_pair_whichever_the_limit_is_on():
    assert JudgedPair(0, 1).pair == JudgedPair(1, 0).pair == (0, 1)


def test_networks_of_the_same_name_and_other_options_are_two():
    candidate_set, [held] = hold("params <= 1 * segfast,stem_width=48", model="segfast")
    assert [task.network.options for task in candidate_set.tasks] == [{}, {"stem_width": 48}]
    assert held == JudgedPair(0, 1)


def test_a_text_without_a_runtime_has_that_of_the_settings():
    limit = "latency.forward.p50_s <= 0.6 * segnet"
    assert hold_in("eager", "segfast", limit) == ["segfast", "segnet"]
    assert hold_in("eager:bf16", "segfast", limit) == ["segfast@eager:bf16", "segnet@eager:bf16"]
    assert hold_in("eager:bf16", "segfast", f"{limit}@eager") == ["segfast@eager:bf16", "segnet"]


def test_one_network_in_two_runtimes_is_a_pair():
    limit = "latency.forward.p50_s <= 0.6 * segfast@eager + 3 %"
    assert hold_in("eager:bf16", "segfast", limit) == ["segfast@eager:bf16", "segfast"]
    assert hold_in("eager", "segfast@eager,layout=nhwc", limit) == [
        "segfast@eager,layout=nhwc", "segfast",
    ]  # fmt: skip


@pytest.mark.parametrize("other", ["segfast", "segfast@eager:bf16"])
def test_a_candidate_is_not_held_against_itself_by_two_names(other):
    with pytest.raises(UsageError) as caught:
        hold_in("eager:bf16", "segfast", f"latency.forward.p50_s <= 1 * {other}")
    assert str(caught.value) == (
        f"b.toml:3: limit 'latency.forward.p50_s <= 1 * {other}' holds 'segfast@eager:bf16' "
        "against itself; name another model, or 'baseline' for another state of this one"
    )


def test_another_head_is_held_against_where_the_limit_names_it():
    limit = "latency.forward.p50_s <= 2 * segfast@eager"
    model = "segfast@eager,head=argmax"
    with pytest.raises(NotComparableError) as caught:
        hold_in("eager", model, limit)
    assert str(caught.value) == (
        "cannot compare segfast@eager,head=argmax with segfast: heads differ (argmax and logits); "
        "name the one that is meant in the limit: 'segfast@eager,head=argmax' or "
        "'segfast@eager,head=logits'"
    )
    assert hold_in("eager", model, f"{limit},head=logits") == [
        model, "segfast@eager,head=logits",
    ]  # fmt: skip
    assert hold_in("eager", model, "params <= 1 * segfast") == [model, "segfast"]


def test_both_revisions_run_in_the_runtime_that_is_named(trees):
    limit = "latency.forward.p50_s <= 1 * baseline"
    label = "mypkg.nets:tiny@eager,layout=nhwc"
    assert hold_in("eager", label, limit, trees) == [label] * 2


def test_the_reference_comes_after_every_network():
    candidate_set, held = hold(
        "latency.forward.p50_s <= 2 * reference",
        "latency.forward.p50_s <= 2 * segnet",
        "latency.backward.p50_s <= 3 * reference",
    )
    assert names(candidate_set) == ["mypkg.nets:tiny", "segnet"]  # the reference gets no profile
    assert held == [JudgedPair(0, 2), JudgedPair(0, 1), JudgedPair(0, 2)]
    assert candidate_set.needs_reference


def test_the_reference_has_the_process_of_the_networks_and_work_of_its_own():
    asked = Settings.of(
        threads=3, batch=8, size=(360, 480), classes=5, allocator="system", seed=4, strict=True
    )
    task = reference_task(asked)
    assert task.network.name == REFERENCE_MODEL
    workload = task.workload
    assert (workload.batch, workload.size, workload.classes, task.picture) == (
        1, (112, 112), None, None,
    )  # fmt: skip
    assert (task.threads, workload.allocator, workload.seed) == (3, "system", 4)


def test_the_reference_is_eager_whatever_the_networks_run_in():
    asked = Settings.of(runtime="eager:bf16,layout=nhwc", head="argmax")
    assert str(reference_task(asked).candidate) == REFERENCE_MODEL


def test_a_stored_baseline_needs_no_other_network():
    candidate_set, held = hold("latency.forward.p50_s <= 1 * baseline", "params <= 1 * baseline")
    assert names(candidate_set) == ["mypkg.nets:tiny"]
    assert held == [JudgedPair(0, None), JudgedPair(0, None)]


def test_a_stored_baseline_in_other_units_needs_the_reference_for_times_alone():
    candidate_set, held = hold(
        "params <= 1 * baseline", "latency.forward.p50_s <= 1 * baseline", normalised=True
    )
    assert held == [JudgedPair(0, None), JudgedPair(0, 1)]
    assert candidate_set.needs_reference
    candidate_set, _ = hold("params <= 1 * baseline", normalised=True)
    assert not candidate_set.needs_reference


def test_the_baseline_of_two_trees_is_the_network_of_the_other(trees):
    candidate_set, [held] = hold("latency.forward.p50_s <= 1 * baseline", trees=trees)
    assert held == JudgedPair(0, 1)
    assert names(candidate_set) == ["mypkg.nets:tiny"] * 2
    assert candidate_set.is_before == [False, True]
    roots = [[Path(root).name for root in task.roots] for task in candidate_set.tasks]
    assert roots == [["working"], ["against"]]


def test_a_network_of_the_zoo_is_segbenchs_own_beside_a_tree_without_one(trees):
    candidate_set, [held] = hold("latency.forward.p50_s <= 2 * segnet", trees=trees)
    assert held == JudgedPair(0, 1)
    assert [bool(task.roots) for task in candidate_set.tasks] == [True, False]
    assert candidate_set.is_before == [False, False]


def test_a_network_of_the_zoo_is_the_working_trees_where_it_has_one(trees):
    (trees.working.folder / "zoo").mkdir()
    (trees.working.folder / "zoo" / "registry.py").touch()
    candidate_set, _ = hold("latency.forward.p50_s <= 2 * segnet", model="segfast", trees=trees)
    assert [Path(task.roots[0]).name for task in candidate_set.tasks] == ["working", "working"]


def test_a_network_of_the_users_that_others_are_held_against_is_the_working_trees(trees):
    candidate_set, _ = hold("params <= 2 * mypkg.nets:wide", trees=trees)
    assert [Path(task.roots[0]).name for task in candidate_set.tasks] == ["working", "working"]


def test_a_class_count_that_contradicts_the_workload_is_refused():
    candidate_set = CandidateSet(Settings.of(classes=4))
    with pytest.raises(UsageError) as caught:
        candidate_set.pair_all(wanted("segfast,classes=3", "params <= 9"))
    assert str(caught.value) == (
        "model 'segfast,classes=3' has 3 classes and --classes says 4; give only one of them"
    )


def works(*limits):
    return [sampling.work for sampling in plan_for([Limit.parse(limit) for limit in limits])]


FORWARD = "latency.forward.p50_s <= 1 s"
BACKWARD = "latency.backward.p50_s <= 1 s"


def test_what_no_limit_is_about_is_not_timed():
    assert works("params <= 9") == []
    assert works(FORWARD) == ["inference"]
    assert works("latency.optimizer.p50_s <= 1 s", BACKWARD) == ["training"]
    assert works("latency.forward_train.p50_s <= 1 s") == ["training"]
    assert works(BACKWARD, FORWARD) == ["inference", "training"]
