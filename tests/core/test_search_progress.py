"""What is said of a search while it goes on."""

from dataclasses import replace

import pytest
from made_up_results import make_search, make_trial

from segbench.cli import searching
from segbench.search.plan import Plan
from segbench.training.job import Job


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now_s = 1000.0

    monkeypatch.setattr(searching.time, "monotonic", lambda: Clock.now_s)
    return Clock


def test_the_time_left_follows_from_the_trials_of_this_part_of_the_search(clock, capsys):
    plan = Plan(study="spark", job=Job(model="segfast", dataset="streets", epochs=9), trials=6)
    shown = searching.Shown(lambda *_: None, plan)
    trials = tuple(make_trial(at, 0.04 - 0.005 * at, 0.5, ratio=1.0) for at in range(6))
    # Two trials are of an earlier part; each of this one takes a minute.
    for count, left in ((3, "3 min until "), (4, "2 min until "), (5, "1 min until "), (6, "")):
        clock.now_s += 60.0
        shown.news(count - 1, replace(make_search(), trials=trials[:count]))
        line = capsys.readouterr().err
        assert line.startswith(f"trial {count - 1}: trained, ")
        assert line.endswith(f"best mIoU 0.5000, {left}all are tried\n")


def test_a_trial_that_waited_is_told_of_again_and_the_bar_does_not_go_back(capsys):
    drawn = []
    plan = Plan(study="spark", job=Job(model="segfast", dataset="streets", epochs=9), trials=6)
    shown = searching.Shown(lambda *told: drawn.append(told), plan)
    shown.news(3, found := make_search())
    assert capsys.readouterr().err.startswith(
        "trial 3: stopped, 35.0 ms, mIoU 0.3000 after 3 epochs; front 2, "
    )
    shown.epoch(1, 4, 0.35)
    assert drawn == [("trial 1: epoch 4 of 9, mIoU 0.350", len(found.trials), 6)]


def test_a_trial_that_failed_is_said_with_its_reason(capsys):
    plan = Plan(study="spark", job=Job(model="segfast", dataset="streets", epochs=9), trials=6)
    failed = replace(
        make_trial(0, 0.04, None, state="failed", epochs=0), reason="the loss became nan"
    )
    searching.Shown(lambda *_: None, plan).news(0, replace(make_search(), trials=(failed,)))
    assert capsys.readouterr().err.startswith(
        "trial 0: failed, 40.0 ms, the loss became nan; front 0, hypervolume 0.000, "
    )


def test_one_that_is_interrupted_before_its_first_trial_does_not_claim_to_have_kept_any(
    capsys, monkeypatch, tmp_path
):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "Searching", interrupted)
    plan = Plan(study="spark", job=Job(model="segfast", dataset="streets", epochs=9), trials=6)
    for folder, kept in (
        (tmp_path / "new", "nothing was tried yet"),
        (tmp_path, f"what was found is in {tmp_path}"),
    ):
        assert searching.search_with_progress(plan, folder, resume=False) is None
        assert capsys.readouterr().err == (
            f"segbench: interrupted; {kept}, the same command goes on\n"
        )
