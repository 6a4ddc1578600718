"""What is decided, and when, from recordings that are made up."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_up_results import MACHINE, WORKLOAD, make_latencies, make_latency, make_profile
from made_up_runs import BUSY, BUSY_REASON, Script, make_baseline

from segbench.budgets.check import check
from segbench.budgets.limits import Limit
from segbench.budgets.pairs import ModelLimit
from segbench.budgets.revisions import Tree, Trees
from segbench.errors import ExitCode, MeasurementError, NotComparableError, UsageError
from segbench.measurement.settings import Settings
from segbench.progress import Interrupted
from segbench.results.check import Revision, exit_code
from segbench.results.profile import Latencies, Noise
from zoo.spec import ModelSpec

SETTINGS = Settings.of(threads=2)
LARGE = Settings.of(threads=2, size=(360, 480))
FORWARD = "latency.forward.p50_s"


@pytest.fixture
def both_trees(tmp_path):
    """Return two folders without anything in them; what is imported from there nobody asks."""
    for name in ("working", "before"):
        (tmp_path / name).mkdir()
    return Trees(
        Tree(tmp_path / "working", Path("/repository")),
        Tree(tmp_path / "before", Path("/repository")),
        Revision("main", "0" * 40),
    )


def wanted(model, *limits):
    return [ModelLimit(ModelSpec.parse(model), Limit.parse(limit)) for limit in limits]


def judge(_script, *limits, model="segfast", **options):
    """Return a check of a model's limits, and its judgements; a script is in play."""
    options = {"max_time_s": 195.0} | options  # 19 rounds
    found = check([(SETTINGS, wanted(model, *limits))], **options)
    return found, found.judgements


def around_two(_round, cycle):
    """Return 150 or 270 ms: of 100 ms, their logarithms are about that of 2."""
    return 150.0 if cycle % 2 else 270.0


def around_two_until(rounds, *, then):
    return lambda number, cycle: around_two(number, cycle) if number < rounds else then


@pytest.fixture
def play(monkeypatch):
    """Make scripts play."""
    return lambda **fields: Script(**fields).play(monkeypatch)


def test_a_ratio_that_is_far_from_its_bound_is_decided_at_the_first_look(play):
    script = play(times={"segfast": 30.0, "segnet": 100.0})
    found, [kept, broken] = judge(
        script, f"{FORWARD} <= 0.31 * segnet", f"{FORWARD} <= 0.29 * segnet"
    )
    assert (kept.verdict, broken.verdict, found.verdict) == ("within", "over", "over")
    assert (kept.value, kept.measured, kept.to) == (pytest.approx(0.3), 0.03, "segnet")
    assert kept.interval == pytest.approx((0.3, 0.3))
    assert (kept.confidence, kept.looks, kept.kind) == (0.995, 1, "relative")
    assert [(look.rounds, look.elapsed_s, look.error) for look in found.looks] == [(3, 30.0, 0.005)]
    assert script.asked == [[[(0, 1)]] * 3]
    assert script.works == [("inference",)]


@pytest.mark.parametrize(
    ("rounds", "then", "looks", "verdict"),
    [
        (3, 100.0, 2, "within"),
        (10, 100.0, 3, "within"),
        (3, 500.0, 2, "over"),
        (10, 500.0, 3, "over"),
        (200, 0.0, 3, "inconclusive"),
    ],
)
def test_what_the_first_look_leaves_open_later_ones_decide(play, rounds, then, looks, verdict):
    script = play(times={"segfast": around_two_until(rounds, then=then), "segnet": 100.0})
    found, [judgement] = judge(script, f"{FORWARD} <= 2 * segnet")
    assert (judgement.verdict, judgement.looks, found.verdict) == (verdict, looks, verdict)
    assert [look.rounds for look in found.looks] == [3, 10, 19][:looks]
    assert len(script.asked[0]) == [3, 10, 19][looks - 1]
    errors = [0.005, 0.015, 0.03]
    assert judgement.confidence == pytest.approx(1 - errors[looks - 1])


def test_the_last_look_says_how_long_was_looked(play):
    script = play(times={"segfast": around_two, "segnet": 100.0})
    _, [judgement] = judge(script, f"{FORWARD} <= 2 * segnet")
    assert judgement.reason == (
        "the interval holds the bound after 19 rounds; give more time with --max-time, or a "
        "quieter machine"
    )
    low, high = judgement.interval
    assert low < 2 < high


def test_a_pair_that_is_decided_is_not_timed_any_more(play):
    script = play(times={"segfast": 30.0, "segnet": 100.0, "fcn8s": lambda *_: 15.0})
    script.times["fcn8s"] = lambda number, cycle: 30.0 / (around_two(number, cycle) / 100)
    found, [first, second] = judge(script, f"{FORWARD} <= 1 * segnet", f"{FORWARD} <= 2 * fcn8s")
    assert (first.verdict, first.looks) == ("within", 1)
    assert (second.verdict, second.looks) == ("inconclusive", 3)
    assert script.asked[0] == [[(0, 1), (0, 2)]] * 3 + [[(0, 2)]] * 16
    assert found.verdict == "inconclusive"


def test_a_limit_that_was_decided_keeps_its_verdict_whatever_comes(play):
    script = play(
        times={"segfast": around_two_until(3, then=400.0), "segnet": 100.0},
    )
    # 3 times is kept at the first look; what comes later is four times.
    _, [early, late] = judge(script, f"{FORWARD} <= 9 * segnet", f"{FORWARD} <= 2 * segnet")
    assert (early.verdict, early.looks) == ("within", 1)
    assert (late.verdict, late.looks) == ("over", 2)


def test_a_run_of_as_many_rounds_as_there_may_be_still_gets_a_verdict(play):
    script = play(times={"segfast": around_two, "segnet": 100.0}, round_s=0.01)
    found, [judgement] = judge(script, f"{FORWARD} <= 2 * segnet", max_time_s=3600.0)
    assert len(script.asked[0]) == 200
    assert (judgement.verdict, judgement.looks) == ("inconclusive", 2)
    assert exit_code(found) is ExitCode.INCONCLUSIVE


def test_three_rounds_are_measured_where_there_is_no_time_for_one(play):
    script = play(times={"segfast": 30.0, "segnet": 100.0})
    found, [judgement] = judge(script, f"{FORWARD} <= 2 * segnet", max_time_s=0.5)
    assert len(script.asked[0]) == 3
    assert (judgement.verdict, judgement.confidence) == ("within", pytest.approx(0.95))
    assert found.looks[0].error == pytest.approx(0.05)


def test_counting_and_weighing_take_their_part_of_the_time(play):
    script = play(times={"segfast": around_two, "segnet": 100.0}, counting_s=100.0)
    judge(script, f"{FORWARD} <= 2 * segnet")
    assert len(script.asked[0]) == 9  # 95 s are left, for rounds of 10 s


def test_two_minutes_for_each_pair_where_no_time_is_given(play):
    script = play(times={"segfast": around_two, "segnet": 100.0, "fcn8s": 100.0})
    limits = f"{FORWARD} <= 2 * segnet", f"{FORWARD} <= 2 * fcn8s"
    judge(script, *limits, max_time_s=None)
    assert len(script.asked[0]) == 24
    judge(script, limits[0], max_time_s=None)
    assert len(script.asked[1]) == 12


def test_exact_limits_are_decided_without_timing(play):
    script = play(params={"segfast": 100, "segnet": 1000})
    found, judgements = judge(
        script,
        "params <= 100",
        "params <= 99",
        "params <= 0.1 * segnet",
        "weights_bytes <= 0.09 * segnet",
    )
    assert [judgement.verdict for judgement in judgements] == ["within", "over", "within", "over"]
    assert [judgement.value for judgement in judgements] == [100.0, 100.0, 0.1, 0.1]
    assert script.asked == []
    assert (found.looks, found.noise, found.verdict) == ((), None, "over")


def test_only_what_a_limit_is_about_is_weighed(play):
    script = play(memory={"segfast": 100, "segnet": 50})
    _, [alone, ratio] = judge(
        script, "memory.forward_peak_bytes <= 90 B", "memory.forward_peak_bytes <= 2 * segnet"
    )
    assert (alone.verdict, ratio.verdict, ratio.value) == ("over", "within", 2.0)
    judge(script, "params <= 9")
    assert script.weighed == [[0, 1], []]


def test_a_peak_that_is_not_known_is_inconclusive(play):
    script = play(memory={"segfast": None})
    found, [judgement] = judge(script, "memory.train_peak_bytes <= 1 GiB")
    assert judgement.reason == (
        "memory.train_peak_bytes of segfast is not known; run on Linux, or leave the limit out"
    )
    assert exit_code(found) is ExitCode.INCONCLUSIVE
    assert exit_code(found, allow_inconclusive=True) is ExitCode.OK


def test_a_time_by_itself_is_held_against_seconds(play):
    script = play(times={"segfast": 30.0})
    _, [kept, broken] = judge(script, f"{FORWARD} <= 31 ms", f"{FORWARD} <= 29 ms")
    assert (kept.verdict, broken.verdict) == ("within", "over")
    assert (kept.value, kept.to, kept.kind) == (0.03, None, "absolute")
    assert script.asked[0][0] == [(0,)]


def test_phases_of_a_training_step_can_be_held_against_the_reference(play):
    script = play(times={"segfast": 30.0, "reference": 10.0})
    found, [judgement] = judge(script, "latency.backward.p50_s <= 4 * reference")
    assert (judgement.verdict, judgement.to, judgement.kind) == ("within", "reference", "absolute")
    assert judgement.value == pytest.approx(3.0)
    assert script.works == [("training",)]
    assert script.asked[0][0] == [(0, 1)]
    assert found.reference.backward.p50_s == 0.01
    assert found.reference.forward is None
    assert [profile.model.label for profile in found.profiles] == ["segfast"]


def test_a_disturbed_machine_excuses_a_time_and_not_a_ratio(play):
    script = play(times={"segfast": 30.0, "segnet": 10.0}, disturbance=BUSY)
    found, [time, ratio] = judge(script, f"{FORWARD} <= 20 ms", f"{FORWARD} <= 2 * segnet")
    assert (time.verdict, ratio.verdict) == ("inconclusive", "over")
    assert time.reason == (f"it is over, but the machine was disturbed: {BUSY_REASON.format(19)}")
    assert found.noise.noisy
    assert found.noise.reasons[0] == f"segfast: {BUSY_REASON.format(19)}"


def test_a_machine_whose_own_speed_moved_excuses_a_time_even_beside_a_pair(play):
    # A quarter of the blocks take 30 ms, half 60 and a quarter 90: the quartiles are far apart.
    script = play(
        times={"segfast": lambda _, cycle: 30.0 * (1, 2, 2, 3)[cycle % 4], "segnet": 10.0}
    )
    _, [time, _] = judge(script, f"{FORWARD} <= 20 ms", f"{FORWARD} <= 99 * segnet")
    assert time.verdict == "inconclusive"
    assert time.reason.startswith(
        "it is over, but the machine was disturbed: the machine's own speed moved: only half of "
        "the blocks of forward lie within "
    )


def test_the_model_of_two_budgets_is_measured_once(play):
    script = play(times={"segfast": 30.0, "segnet": 100.0}, params={"segfast": 100})
    groups = [(SETTINGS, [*wanted("segfast", "params <= 99"), *wanted("segfast", "params <= 9")])]
    found = check(groups)
    assert [judgement.verdict for judgement in found.judgements] == ["over", "over"]
    assert len(found.profiles) == 1
    assert len(script.weighed) == 1


def test_a_judgement_knows_its_place_and_its_profile(play):
    play(params={"segfast": 100, "segnet": 1000})
    limit = Limit.parse("params <= 500")
    groups = [
        (SETTINGS, [ModelLimit(ModelSpec("segnet"), limit, "b.toml:3")]),
        (LARGE, [ModelLimit(ModelSpec("segfast"), limit), ModelLimit(ModelSpec("segnet"), limit)]),
    ]
    found = check(groups, budget="b.toml")
    assert [judgement.profile for judgement in found.judgements] == [0, 1, 2]
    sizes = [(profile.model.label, profile.workload.height) for profile in found.profiles]
    assert sizes == [("segnet", 224), ("segfast", 360), ("segnet", 360)]
    assert [judgement.place for judgement in found.judgements] == ["b.toml:3", None, None]
    assert found.budget == "b.toml"


def test_each_workload_is_given_its_part_of_the_time_whoever_went_first(play):
    script = play(times={"segfast": around_two, "segnet": 100.0})
    limits = wanted("segfast", f"{FORWARD} <= 2 * segnet")
    found = check([(SETTINGS, limits), (LARGE, limits)], max_time_s=190.0)
    assert [len(rounds) for rounds in script.asked] == [9, 18]  # 95 s, and what is left by the wall
    assert [judgement.verdict for judgement in found.judgements] == ["inconclusive"] * 2
    assert [judgement.profile for judgement in found.judgements] == [0, 2]


def test_a_workload_without_times_takes_none_from_the_others(play):
    script = play(times={"segfast": around_two, "segnet": 100.0})
    groups = [
        (LARGE, wanted("segfast", "params <= 9")),
        (SETTINGS, wanted("segfast", f"{FORWARD} <= 2 * segnet")),
    ]
    check(groups, max_time_s=195.0)
    assert [len(rounds) for rounds in script.asked] == [19]


def test_a_disturbed_workload_is_named_beside_a_quiet_one(play):
    play(times={"segfast": 30.0}, disturbance=BUSY)
    found = check([(SETTINGS, wanted("segfast", f"{FORWARD} <= 31 ms"))])
    assert found.verdict == "within"
    assert found.noise.reasons == (f"segfast: {BUSY_REASON.format(3)}",)


def stored(**changes):
    """Return a baseline whose segfast takes 20 ms, and whose reference takes 10."""
    latency = Latencies(forward=make_latency([[20.0, 20.0], [20.0, 20.0]]))
    reference = Latencies(forward=make_latency([[10.0, 10.0], [10.0, 10.0]]))
    profile = make_profile("segfast", latency=latency, params=100)
    return make_baseline(replace(profile, **changes), reference=reference)


def test_a_stored_baseline_is_divided_by(play):
    script = play(times={"segfast": 30.0}, params={"segfast": 150})
    found, judgements = judge(
        script,
        f"{FORWARD} <= 1.6 * baseline",
        f"{FORWARD} <= 1.4 * baseline",
        "params <= 1.5 * baseline",
        "params <= 1 * baseline + 49 %",
        baseline=stored(),
    )
    assert [judgement.verdict for judgement in judgements] == ["within", "over"] * 2
    assert [judgement.value for judgement in judgements] == pytest.approx([1.5] * 4)
    assert [judgement.to for judgement in judgements] == ["baseline"] * 4
    assert [profile.params for profile in found.baselines] == [100]


def test_the_uncertainty_of_the_stored_figure_is_part_of_the_interval(play):
    # Now it is known exactly; then it was 20 ms, give or take a third.
    spread = make_latency([[15.0, 26.7], [15.0, 26.7], [15.0, 26.7]])
    script = play(times={"segfast": 21.0})
    _, [judgement] = judge(
        script,
        f"{FORWARD} <= 1 * baseline",
        baseline=stored(latency=Latencies(forward=spread)),
    )
    low, high = judgement.interval
    assert low < 0.9
    assert high > 1.1
    assert judgement.verdict == "inconclusive"


def test_a_baseline_of_another_machine_is_refused_with_all_that_differs(play):
    elsewhere = replace(MACHINE, cpu_model="Made-Up 1", torch="2.12.0", libc="musl 1.2")
    script = play(times={"segfast": 30.0})
    with pytest.raises(NotComparableError) as caught:
        judge(script, f"{FORWARD} <= 1 * baseline", baseline=stored(environment=elsewhere))
    assert str(caught.value) == (
        "cannot compare segfast with the baseline: CPU model differs (baseline Made-Up 1, "
        "candidate Made-Up 9000); C library differs (baseline musl 1.2, candidate glibc 2.36); "
        "torch differs (baseline 2.12.0, candidate 2.13.0); save a baseline here, or add "
        "--normalised to compare in units of the reference workload"
    )
    assert caught.value.exit_code == 4
    assert script.asked == []  # nothing was timed for it


def test_in_units_of_the_reference_the_machine_may_be_another(play):
    elsewhere = replace(MACHINE, cpu_model="Made-Up 1")
    # Then 20 ms and 10; now 90 ms and 30: 2 and 3 times the reference, which is half as much again.
    script = play(times={"segfast": 90.0, "reference": 30.0})
    found, [kept, broken] = judge(
        script,
        f"{FORWARD} <= 1.6 * baseline",
        f"{FORWARD} <= 1.4 * baseline",
        baseline=stored(environment=elsewhere),
        normalised=True,
    )
    assert (kept.verdict, broken.verdict) == ("within", "over")
    assert kept.value == pytest.approx(1.5)
    assert script.asked[0][0] == [(0, 1)]
    assert found.reference.forward.p50_s == 0.03


def test_in_units_of_the_reference_a_disturbance_has_hit_both(play):
    script = play(times={"segfast": 90.0, "reference": 30.0}, disturbance=BUSY)
    _, [judgement] = judge(
        script, f"{FORWARD} <= 1.4 * baseline", baseline=stored(), normalised=True
    )
    assert judgement.verdict == "over"


@pytest.mark.parametrize("normalised", [False, True])
def test_a_baseline_of_another_workload_is_refused_always(play, normalised):
    script = play(times={"segfast": 30.0, "reference": 10.0})
    then = replace(WORKLOAD, batch=4, threads=replace(WORKLOAD.threads, requested=1))
    with pytest.raises(NotComparableError) as caught:
        judge(
            script,
            "params <= 1 * baseline",
            baseline=stored(workload=then),
            normalised=normalised,
        )
    assert str(caught.value) == (
        "cannot compare segfast with the baseline: batch differs (baseline 4, candidate 1); "
        "threads differ (baseline 1, candidate 2); give the workload of the baseline, or save one "
        "with this workload"
    )


def test_a_baseline_without_the_model_is_refused_with_those_that_it_has(play):
    play()
    with pytest.raises(UsageError) as caught:
        judge(None, "params <= 1 * baseline", model="segnet", baseline=stored())
    assert str(caught.value) == (
        "the baseline has no model 'segnet' (it has: segfast); save one that has"
    )


def test_a_baseline_without_the_phase_is_refused_before_anything_is_timed(play):
    script = play(times={"segfast": 30.0})
    with pytest.raises(UsageError) as caught:
        judge(script, "latency.backward.p50_s <= 1 * baseline", baseline=stored())
    assert str(caught.value) == (
        "the baseline has no backward of segfast; save it again with: segbench baseline update"
    )
    assert script.asked == []


@pytest.mark.parametrize(
    ("bound", "verdict"), [("1.6", "inconclusive"), ("1.4", "over"), ("1.5 * baseline + 0.1 %", "")]
)
def test_a_baseline_of_a_disturbed_machine_convicts_and_does_not_excuse(play, bound, verdict):
    script = play(times={"segfast": 30.0})
    noise = Noise(noisy=True, reasons=("rain",))
    text = bound if "baseline" in bound else f"{bound} * baseline"
    _, [judgement] = judge(script, f"{FORWARD} <= {text}", baseline=stored(noise=noise))
    assert judgement.verdict == (verdict or "inconclusive")


def test_a_multiple_of_a_baseline_that_nobody_gave_is_refused(play):
    play()
    with pytest.raises(UsageError) as caught:
        judge(None, "params <= 1 * baseline")
    assert str(caught.value) == (
        "limit 'params <= 1 * baseline' is a multiple of baseline, and no baseline is given; give "
        "one, or write a multiple of a model"
    )


@pytest.mark.parametrize("groups", [[], [(SETTINGS, [])]])
def test_a_check_of_nothing_does_not_pass(groups):
    with pytest.raises(UsageError) as caught:
        check(groups)
    assert str(caught.value) == "no limit is given, and a check of nothing is no check; give one"


def test_two_revisions_are_timed_in_turns(play, both_trees):
    name = "mypkg.nets:tiny"
    script = play(times={name: 33.0, f"before {name}": 30.0}, params={f"before {name}": 900})
    found, [over, within, params] = judge(
        script,
        f"{FORWARD} <= 1 * baseline + 5 %",
        f"{FORWARD} <= 1 * baseline + 15 %",
        "params <= 1 * baseline",
        model=name,
        trees=both_trees,
    )
    assert (over.verdict, within.verdict, params.verdict) == ("over", "within", "over")
    assert over.value == pytest.approx(1.1)
    assert params.value == pytest.approx(1000 / 900)
    assert script.asked[0][0] == [(0, 1)]
    assert [profile.params for profile in found.profiles] == [1000]
    assert [profile.params for profile in found.baselines] == [900]
    assert found.revision == both_trees.revision


def test_networks_that_are_not_held_against_each_other_may_have_other_classes(play):
    play(classes={"segfast": 5, "segnet": 22})
    groups = [(SETTINGS, [*wanted("segfast", "params <= 1 M"), *wanted("segnet", "params <= 1 M")])]
    assert check(groups).verdict == "within"


@pytest.mark.parametrize("metric", ["params", FORWARD])
def test_networks_of_different_classes_are_not_held_against_each_other(play, metric):
    script = play(classes={"segfast": 5})
    with pytest.raises(NotComparableError) as caught:
        judge(script, f"{metric} <= 1 * segnet")
    assert str(caught.value) == (
        "cannot compare segfast with segnet: classes differ (5 and 22); give both the same classes"
    )


def test_a_revision_of_another_class_count_is_not_held_against(play, both_trees):
    name = "mypkg.nets:tiny"
    script = play(classes={f"before {name}": 7})
    with pytest.raises(NotComparableError) as caught:
        judge(script, "params <= 1 * baseline", model=name, trees=both_trees)
    assert str(caught.value) == (
        "cannot compare mypkg.nets:tiny with revision 'main': classes differ (22 and 7); give both "
        "the same classes"
    )


def test_the_reference_may_have_classes_of_its_own(play):
    script = play(classes={"segfast": 5}, times={"segfast": 30.0, "reference": 10.0})
    _, [judgement] = judge(script, f"{FORWARD} <= 4 * reference")
    assert judgement.verdict == "within"


def interrupted(groups, **options):
    with pytest.raises(Interrupted) as caught:
        check(groups, **options)
    return caught.value.partial


@pytest.mark.parametrize("number", [0, 1, 5])
def test_what_is_interrupted_is_marked_and_judges_nothing(play, number):
    play(
        times={"segfast": 30.0, "segnet": around_two},
        cut_off=(number, KeyboardInterrupt()),
    )
    limits = wanted("segfast", "params <= 1 M", f"{FORWARD} <= 9 ms", f"{FORWARD} <= 0.2 * segnet")
    partial = interrupted([(SETTINGS, limits)], max_time_s=195.0)
    assert (partial.complete, partial.verdict) == (False, None)
    assert [judgement.verdict for judgement in partial.judgements] == [None] * 3
    assert {judgement.reason for judgement in partial.judgements} == {
        "interrupted; what is partial is not judged"
    }
    assert [profile.complete for profile in partial.profiles] == [False, False]
    assert exit_code(partial) is ExitCode.INTERRUPTED
    blocks = partial.profiles[0].latency.forward
    assert (blocks is None) == (number == 0)


def test_an_interrupt_before_anything_is_known_leaves_nothing(play):
    play(cut_off=(None, KeyboardInterrupt()))
    assert interrupted([(SETTINGS, wanted("segfast", "params <= 9"))]) is None


def test_an_interrupt_in_the_second_workload_keeps_what_the_first_gave(play, monkeypatch):
    script = play(times={"segfast": 30.0})

    def second_time(self, *, peaks=None, real=script.__class__):
        del self, peaks, real
        raise KeyboardInterrupt

    groups = [
        (SETTINGS, wanted("segfast", f"{FORWARD} <= 9 ms")),
        (LARGE, wanted("segfast", "params <= 9")),
    ]
    original = script.play

    def progress(_doing, done, total):
        if done == total:
            monkeypatch.setattr("made_up_runs.MadeUpRun.inspect", second_time)

    assert original is not None
    partial = interrupted(groups, progress=progress, max_time_s=30.0)
    assert [judgement.limit for judgement in partial.judgements] == [f"{FORWARD} <= 9 ms"]
    assert partial.judgements[0].verdict is None
    assert partial.profiles[0].latency.forward.p50_s == 0.03


def test_a_network_that_fails_ends_the_check(play):
    script = play(times={"segfast": 30.0}, cut_off=(1, MeasurementError("it died")))
    with pytest.raises(MeasurementError, match="it died"):
        judge(script, f"{FORWARD} <= 9 s")


def test_progress_is_that_of_the_time_which_is_limited(play):
    seen = []
    script = play(times={"segfast": around_two, "segnet": 100.0})
    judge(
        script,
        f"{FORWARD} <= 2 * segnet",
        max_time_s=200.5,
        progress=lambda *call: seen.append(call),
    )
    # 20 rounds of 10 s, of 200 s: a twentieth each
    assert seen == [(f"round {number}", 5 * number, 100) for number in range(1, 21)]


def test_latencies_of_phases_that_nobody_asked_for_are_unknown(play):
    script = play(times={"segfast": 30.0})
    found, _ = judge(script, f"{FORWARD} <= 9 s")
    assert found.profiles[0].latency.forward_train is None
    assert make_latencies().forward_train is not None
