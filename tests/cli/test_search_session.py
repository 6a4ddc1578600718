"""What is said of a search while it goes on."""

from dataclasses import replace

import pytest
from made_up_results import make_search, make_trial

from segbench.cli import eta, search_session
from segbench.search.config import SearchConfig
from segbench.training.config import Job

CONFIG = SearchConfig(
    study="spark", job=Job(model="segfast", dataset="streets", epochs=9), trials=6
)


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now_s = 1000.0

        def wait(self, seconds):
            self.now_s += seconds

    clock = Clock()
    monkeypatch.setattr(eta.time, "monotonic", lambda: clock.now_s)
    return clock


def shown_with(bar=lambda *_: None, *, measured_by=None):
    return search_session.SearchProgress(bar, CONFIG, measured_by or eta.RemainingTime(9))


def work(shown, clock, number, *, measuring_s, epochs, epoch_s):
    shown.stage(number, "measuring")
    clock.wait(measuring_s)
    shown.stage(number, f"training to epoch {epochs} of 9")
    for epoch in range(1, epochs + 1):
        clock.wait(epoch_s)
        shown.epoch(number, epoch, 0.3)


@pytest.mark.parametrize("together", [0, 3])
def test_the_time_left_follows_from_what_measuring_and_an_epoch_took(clock, capsys, together):
    ours = eta.RemainingTime(9)
    shown = shown_with(measured_by=ours)
    clock.wait(999.0)  # the dataset is decoded
    if together:
        ours.measure_together(together)
        clock.wait(3 * 60.0)  # for three networks, which are then told to be measured at once
        for number in range(3):
            work(shown, clock, number, measuring_s=0.0, epochs=1, epoch_s=10.0)
    else:
        work(shown, clock, 0, measuring_s=60.0, epochs=1, epoch_s=10.0)
    trained = make_trial(0, 0.04, 0.5, ratio=1.0)
    waiting = [make_trial(at, 0.03, 0.3, state="waiting", epochs=3) for at in (1, 2)]
    shown.news(0, replace(make_search(), trials=(trained, *waiting), asked=5))
    # Two are still to be measured and trained for an epoch or nine, and two may go on for six.
    least_s, most_s = 2 * (60 + 10), 2 * (60 + 9 * 10) + 2 * 6 * 10
    told = f"best mIoU 0.5000, {round(least_s / 60)} to {round(most_s / 60)} min left\n"
    assert capsys.readouterr().err.endswith(told)


def test_while_nothing_is_known_of_measuring_training_is_foretold(clock, capsys):
    shown = shown_with()
    shown.stage(0, "training to epoch 9 of 9")
    clock.wait(60.0)
    shown.epoch(0, 9, 0.5)
    shown.news(0, replace(make_search(), trials=(make_trial(0, 0.04, 0.5),), asked=2))
    assert capsys.readouterr().err.endswith("best mIoU 0.5000, 1 to 9 min left\n")


@pytest.mark.parametrize(
    ("epoch_s", "told"), [(1.0, "under a minute left"), (10.0, "at most 1 min left")]
)
def test_less_than_a_minute_is_not_told_as_a_figure(clock, capsys, epoch_s, told):
    shown = shown_with()
    work(shown, clock, 0, measuring_s=1.0, epochs=1, epoch_s=epoch_s)
    waiting = make_trial(1, 0.03, 0.3, state="waiting", epochs=3)
    shown.news(0, replace(make_search(), trials=(make_trial(0, 0.04, 0.5), waiting), asked=2))
    assert capsys.readouterr().err.endswith(f"best mIoU 0.5000, {told}\n")


def test_where_the_fewest_and_the_most_minutes_are_alike_they_are_told_once(clock, capsys):
    shown = shown_with()
    shown.stage(1, "measuring")
    clock.wait(240.0)
    shown.stage(1, "training to epoch 1 of 9")
    clock.wait(0.5)
    shown.epoch(1, 1, 0.3)
    shown.news(0, replace(make_search(), trials=(make_trial(0, 0.04, 0.5),), asked=2))
    assert capsys.readouterr().err.endswith("best mIoU 0.5000, 4 min left\n")


def test_nothing_is_left_when_all_are_done(capsys):
    shown_with().news(0, replace(make_search(), trials=(make_trial(0, 0.04, 0.5),), asked=1))
    assert capsys.readouterr().err.endswith("best mIoU 0.5000\n")


def test_a_trial_that_waited_is_told_of_again_and_the_bar_does_not_go_back(capsys):
    drawn = []
    shown = shown_with(lambda *told: drawn.append(told))
    shown.news(3, found := make_search())
    assert capsys.readouterr().err.startswith(
        "trial 3: stopped, 35.0 ms, mIoU 0.3000 after 3 epochs; front 2, "
    )
    shown.epoch(1, 4, 0.35)
    assert drawn == [("trial 1: epoch 4 of 9, mIoU 0.350", len(found.trials), 6)]


def test_a_trial_that_failed_is_said_with_its_reason(capsys):
    failed = replace(
        make_trial(0, 0.04, None, state="failed", epochs=0), reason="the loss became nan"
    )
    shown_with().news(0, replace(make_search(), trials=(failed,)))
    assert capsys.readouterr().err.startswith(
        "trial 0: failed, 40.0 ms, the loss became nan; front 0, hypervolume 0.000\n"
    )


def test_one_that_is_interrupted_before_its_first_trial_does_not_claim_to_have_kept_any(
    capsys, monkeypatch, tmp_path
):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(search_session, "SearchRun", interrupted)
    for folder, kept in (
        (tmp_path / "new", "nothing was tried yet"),
        (tmp_path, f"what was found is in {tmp_path}"),
    ):
        assert search_session.search_with_progress(CONFIG, folder, resume=False) is None
        assert capsys.readouterr().err == (
            f"segbench: interrupted; {kept}, the same command goes on\n"
        )
