"""A baseline is measured in turns with the reference workload, and again as it was before."""

from dataclasses import replace

import pytest
import torch
from made_up_results import THREADS, WORKLOAD, make_profile
from made_up_runs import Script, make_baseline

from segbench.budgets.baselines import measure_again, measure_baseline
from segbench.errors import NotComparableError, UsageError
from segbench.measurement.counting import count_forward
from segbench.measurement.reference import Convolutions
from segbench.measurement.settings import Settings
from segbench.progress import Interrupted
from segbench.results.profile import Model

TIMES = {"segfast": 43.0, "segnet": 400.0, "reference": 21.5}


@pytest.fixture
def play(monkeypatch):
    return lambda **fields: Script(times=TIMES, **fields).play(monkeypatch)


def test_each_network_is_timed_in_turns_with_the_reference_in_every_round(play):
    script = play()
    found = measure_baseline(["segfast", "segnet"], Settings.of(repeats=3))
    assert script.asked == [[[(0, 2), (1, 2)]] * 3]
    assert [profile.model.label for profile in found.profiles] == ["segfast", "segnet"]
    assert [profile.latency.forward.p50_s for profile in found.profiles] == [0.043, 0.4]
    assert found.reference.forward.p50_s == 0.0215
    assert found.complete


def test_a_baseline_has_the_peaks_and_all_phases_of_its_networks(play):
    script = play()
    found = measure_baseline(["segfast"], Settings.of(repeats=1))
    assert script.weighed == [[0]]
    assert script.works == [("inference", "training")]
    assert found.profiles[0].latency.backward is not None
    assert found.reference.optimizer is not None


def test_networks_of_different_classes_make_no_baseline(play):
    play(classes={"segnet": 12})
    with pytest.raises(NotComparableError) as caught:
        measure_baseline(["segfast", "segnet"], Settings())
    assert str(caught.value) == (
        "cannot compare segnet with segfast: classes differ (12 and 22); give all the same classes"
    )


@pytest.mark.parametrize("moment", [None, 0, 2])
def test_a_baseline_that_is_interrupted_is_none(play, moment):
    play(cut_off=(moment, KeyboardInterrupt()))
    with pytest.raises(Interrupted) as caught:
        measure_baseline(["segfast"], Settings.of(repeats=3))
    assert caught.value.partial is None


def test_a_baseline_is_measured_again_under_its_own_workload(play, monkeypatch):
    play()
    asked = []
    monkeypatch.setattr(
        "segbench.budgets.baselines.measure_baseline",
        lambda models, settings, **_: asked.append(([str(model) for model in models], settings)),
    )
    before = replace(
        WORKLOAD, batch=4, height=64, width=96, allocator="system", seed=5,
        threads=replace(THREADS, requested=7),
    )  # fmt: skip
    profile = make_profile(workload=before, model=Model("segfast", {"stem_width": 48}))
    measure_again(make_baseline(profile), repeats=2)
    expected = Settings.of(threads=7, batch=4, size=(64, 96), allocator="system", repeats=2, seed=5)
    assert asked == [(["segfast,stem_width=48"], expected)]


def test_a_baseline_of_a_picture_is_not_measured_with_noise_instead():
    workload = replace(WORKLOAD, input="street.png sha256:00")
    with pytest.raises(UsageError) as caught:
        measure_again(make_baseline(make_profile(workload=workload)))
    assert str(caught.value) == (
        "the baseline was made with the picture 'street.png', and does not know where it is; "
        "save it again with: segbench baseline save MODEL --input IMAGE --force"
    )


def test_the_reference_workload_has_the_work_that_makes_it_a_unit():
    # At each of 112 x 112 places: 3 x 32 x 9; four times 32 x 32 x 9, 32 x 96, 96 x 9 and 96 x 32;
    # and 32 x 22. Another number would be another unit, and stored baselines would lie.
    at_a_place = 864 + 4 * (9216 + 3072 + 864 + 3072) + 704
    network = Convolutions()
    images = torch.zeros(1, 3, 112, 112)
    assert count_forward(network, images).macs == 112 * 112 * at_a_place == 833_724_416
    # Two numbers of batch norm for each filter, and a bias for each class.
    norms = 2 * (32 + 4 * (32 + 96 + 96 + 32))
    assert sum(each.numel() for each in network.parameters()) == at_a_place + norms + 22
