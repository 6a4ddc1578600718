"""Ratios by hand, and what may not be compared."""

from dataclasses import replace

import pytest
from made_up_results import (
    MACHINE,
    QUIET,
    THREADS,
    WORKLOAD,
    make_comparison,
    make_latencies,
    make_latency,
    make_profile,
)

from segbench.errors import ExitCode, NotComparableError
from segbench.measurement.recording import PhaseRecord, Recording
from segbench.results.comparison import (
    check_comparable,
    make_ratios,
    paired_ratios,
    workload_differences,
)
from segbench.results.metrics import METRICS
from segbench.results.profile import Block, Latencies, Memory, Preparation


def ratios_of(candidate, baseline, control=None):
    made = make_ratios([candidate, baseline], baseline, control or make_latencies())
    assert {ratio.model for ratio in made} == {candidate.model.label}
    return {ratio.metric: ratio for ratio in made}


def refusal(candidate):
    with pytest.raises(NotComparableError) as caught:
        check_comparable(make_profile(), candidate)
    assert caught.value.exit_code == ExitCode.NOT_COMPARABLE == 4
    return str(caught.value)


def test_a_latency_ratio_is_the_geometric_mean_over_paired_blocks():
    # Pairs 80/40, 20/40 and 160/40, 40/40: logarithms to base 2 of 1, -1 and 2, 0; the rounds
    # have means 0 and 1, so the ratio is 2 to the power of 1/2. The variance between the rounds is
    # 1/2 and that within them 1; pooled over 1 and 2 degrees of freedom they are 5/6, and half the
    # width of the interval is 3.182 sqrt(5/12) = 2.054. Resampling moves it by 1 %.
    baseline = make_profile(latency=Latencies(forward=make_latency([[40, 40], [40, 40]])))
    candidate = make_profile("segnet", latency=Latencies(make_latency([[80, 20], [160, 40]])))
    found = ratios_of(candidate, baseline)["latency.forward.p50_s"]
    assert found.ratio == pytest.approx(2**0.5)
    assert found.ci95 == pytest.approx((2 ** (0.5 - 2.054), 2 ** (0.5 + 2.054)), rel=0.05)


def test_what_both_have_in_common_in_a_round_cancels_out():
    baseline = make_profile(latency=Latencies(forward=make_latency([[40, 40], [400, 400]])))
    candidate = make_profile("segnet", latency=Latencies(make_latency([[80, 80], [800, 800]])))
    found = ratios_of(candidate, baseline)["latency.forward.p50_s"]
    assert found.ratio == pytest.approx(2)
    assert found.ci95 == pytest.approx((2, 2))


def test_an_exact_ratio_is_a_quotient_without_an_interval():
    found = ratios_of(make_profile("segfast-basic"), make_profile())["params"]
    assert found.ratio == 2_965_976 / 603_288
    assert found.ci95 is None
    assert found.noise_floor is None


def test_a_profile_over_one_that_does_the_same_is_1_in_every_metric():
    found = ratios_of(make_profile("mine:net"), make_profile("mine:other"))
    assert set(found) == set(METRICS)
    assert [ratio.ratio for ratio in found.values()] == pytest.approx([1.0] * len(METRICS))


def test_the_floor_of_noise_is_the_baseline_against_itself():
    control = make_latencies(1.01)
    found = ratios_of(make_profile("segnet", factor=4.0), make_profile(), control)
    for name, metric in METRICS.items():
        if metric.phase:
            assert found[name].ratio == pytest.approx(4.0)
            assert found[name].noise_floor == pytest.approx((1.01, 1.01))


def test_without_a_control_there_is_no_floor_of_noise():
    found = ratios_of(make_profile("segnet"), make_profile(), Latencies())
    assert found["latency.forward.p50_s"].noise_floor is None


def test_what_one_of_the_two_lacks_has_no_ratio():
    forward_only = Latencies(forward=make_latency())
    without = make_profile("segnet", latency=forward_only, memory=Memory(None, None))
    found = ratios_of(without, make_profile())
    assert "latency.forward.p50_s" in found
    for name in ("latency.backward.p50_s", "memory.forward_peak_bytes", "memory.train_peak_bytes"):
        assert name not in found


@pytest.mark.parametrize(("candidate_bytes", "bytes_"), [(0, 4096), (4096, 0), (0, 0)])
def test_of_nothing_there_is_no_ratio(candidate_bytes, bytes_):
    baseline = make_profile(preparation=Preparation(1.0, bytes_))
    candidate = make_profile("segnet", preparation=Preparation(1.0, candidate_bytes))
    assert "preparation.peak_bytes" not in ratios_of(candidate, baseline)


def test_only_blocks_that_both_have_are_paired():
    baseline = make_profile(latency=Latencies(make_latency([[40, 40], [40]])))
    candidate = make_profile("segnet", latency=Latencies(make_latency([[80]])))
    assert ratios_of(candidate, baseline)["latency.forward.p50_s"].ratio == pytest.approx(2)


@pytest.mark.parametrize(
    ("model", "metric", "paper"),
    [
        ("fcn8s", "latency.forward.p50_s", 8.7),
        ("segnet", "latency.forward.p50_s", 5.1),
        ("fcn8s", "latency.backward.p50_s", 5.6),
        ("segnet", "latency.backward.p50_s", 3.5),
        ("fcn8s", "params", 223),
        ("segnet", "params", 49),
    ],
)
def test_ratios_stand_beside_those_of_the_paper(model, metric, paper):
    digits = 0 if metric == "params" else 1
    found = [r for r in make_comparison().ratios if (r.model, r.metric) == (model, metric)]
    assert [round(ratio.paper, digits) for ratio in found] == [paper]


def test_what_the_paper_does_not_print_has_no_paper_ratio():
    papers = {(r.model, r.metric): r.paper for r in make_comparison().ratios}
    assert papers["segnet-basic", "latency.forward.p50_s"] is None
    assert papers["fcn8s", "latency.optimizer.p50_s"] is None
    assert papers["fcn8s", "macs.forward"] is None


def test_a_network_with_other_options_is_not_the_papers():
    model = replace(make_profile("fcn8s").model, options={"classes": 22, "width": 3})
    found = ratios_of(make_profile("fcn8s", model=model), make_profile())
    assert found["params"].paper is None


def test_equal_workloads_on_equal_machines_are_compared():
    check_comparable(make_profile(), make_profile("segnet", factor=4.0))


def test_the_class_count_belongs_to_the_workload_and_not_to_the_label():
    assert make_profile().model.label == "segfast"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("batch", 8, "batch differs (baseline 1, candidate 8)"),
        ("height", 360, "height differs (baseline 224, candidate 360)"),
        ("classes", 12, "classes differs (baseline 22, candidate 12)"),
        ("allocator", "system", "allocator differs (baseline steady, candidate system)"),
        ("runtime", "jit", "runtime differs (baseline eager, candidate jit)"),
        ("input", "a.png", "input differs (baseline noise, candidate a.png)"),
    ],
)
def test_workloads_that_differ_are_refused(field, value, words):
    candidate = make_profile("segnet", workload=replace(WORKLOAD, **{field: value}))
    assert refusal(candidate) == (
        f"cannot compare segnet with segfast: {words}; profile both with the same workload"
    )


def test_all_that_differs_between_two_workloads_is_said():
    workload = replace(WORKLOAD, batch=8, width=360, seed=1)
    assert workload_differences(WORKLOAD, workload) == (
        "batch differs (baseline 1, candidate 8)",
        "width differs (baseline 224, candidate 360)",
        "seed differs (baseline 0, candidate 1)",
    )
    assert refusal(make_profile("segnet", workload=workload)) == (
        "cannot compare segnet with segfast: batch differs (baseline 1, candidate 8); width "
        "differs (baseline 224, candidate 360); seed differs (baseline 0, candidate 1); profile "
        "both with the same workload"
    )


def test_between_equal_workloads_nothing_differs():
    seen = replace(WORKLOAD, threads=replace(THREADS, intra_op=None, os_threads=9))
    assert workload_differences(WORKLOAD, seen) == ()


def test_threads_asked_for_must_be_the_same_and_threads_seen_need_not():
    seen = replace(WORKLOAD, threads=replace(THREADS, os_threads=9))
    check_comparable(make_profile(), make_profile("segnet", workload=seen))
    asked = replace(WORKLOAD, threads=replace(THREADS, requested=1))
    text = refusal(make_profile("segnet", workload=asked))
    assert text.startswith("cannot compare segnet with segfast: threads differ")
    assert "(baseline 2, candidate 1)" in text


def test_machines_that_differ_are_refused():
    machine = replace(MACHINE, cpu_model="Other 1", effective_cpus=4)
    assert refusal(make_profile("segnet", environment=machine)) == (
        "cannot compare segnet with segfast: CPU model differs (baseline Made-Up 9000, candidate "
        "Other 1); effective CPUs differ (baseline 2, candidate 4); profile both on one machine"
    )


def test_the_blocks_of_a_cycle_count_by_their_geometric_mean():
    # A B B A: 80 and 20 ms have a mean of 40, 10 and 40 ms of 20; then 90 and 40 of 60, and 20.
    candidate = make_latency([[80, 20, 90, 40]], blocks_a_cycle=2)
    baseline = make_latency([[10, 40, 20, 20]], blocks_a_cycle=2)
    assert paired_ratios(candidate, baseline) == [pytest.approx([2.0, 3.0])]


def test_the_median_of_each_block_counts():
    quick = Recording()
    quick.phases["forward"] = PhaseRecord(
        first_calls_s=[1.0],
        warmup_calls=[1],
        samples_s=[0.03, 9.0, 0.03, 0.02],
        minor_faults=[0] * 4,
        blocks=[Block(0, 0, 3, QUIET), Block(0, 1, 1, QUIET)],
    )
    forward = quick.latencies().forward
    assert paired_ratios(forward, make_latency([[10, 10]])) == [pytest.approx([3.0, 2.0])]


def test_a_baseline_of_several_pairs_is_paired_with_each_in_its_own_cycles():
    def latency(places):
        record = PhaseRecord(first_calls_s=[0.2])
        for (number, cycle), milliseconds in places.items():
            record.samples_s.append(milliseconds / 1000)
            record.minor_faults.append(0)
            record.blocks.append(Block(number, cycle, 1, QUIET))
        return record.latency()

    baseline = latency({(0, 0): 10, (0, 1): 20, (0, 2): 10, (1, 0): 10, (1, 1): 40, (2, 0): 10})
    candidate = latency({(0, 1): 60, (1, 1): 40, (1, 3): 70, (0, 2): 20})
    # The third round has no cycle that both were in, and so no pairs.
    assert paired_ratios(candidate, baseline) == [
        pytest.approx([3.0, 2.0]),
        pytest.approx([1.0]),
    ]


def test_what_was_not_timed_has_no_pairs():
    assert paired_ratios(None, make_latency()) == []
    assert paired_ratios(make_latency(), None) == []


def test_a_round_that_was_cut_off_pairs_the_cycles_that_both_reached():
    cut = make_latency([[80, 80], [80]])
    assert cut.blocks[-1] == Block(1, 0, 5, QUIET)
    candidate = make_profile("segnet", latency=Latencies(cut))
    baseline = make_profile(latency=Latencies(make_latency([[40, 20], [20, 10]])))
    # Pairs 80/40, 80/20 and 80/20: round means of the logarithms to base 2 are 1.5 and 2.
    found = ratios_of(candidate, baseline)["latency.forward.p50_s"]
    assert found.ratio == pytest.approx(2**1.75)
