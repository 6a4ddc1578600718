"""Rungs: which of the networks that wait is trained on, and that the front always is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_searches import SPACE, trials_of

from segbench.results.pareto import dominates
from segbench.search.rungs import next_to_train, rungs_of
from segbench.search.trial import TrialRecord

REFERENCE = (10.0, 0.0)
VALUES = dict(SPACE.first[0])
MODEL = str(SPACE.network(VALUES))
point = st.tuples(st.floats(1, 9), st.floats(0.1, 0.9))


@pytest.mark.parametrize(
    ("epochs", "rungs"), [(90, (10, 30, 90)), (45, (5, 15, 45)), (9, (1, 3, 9)), (2, (1, 2))]
)
def test_rungs_are_a_ninth_a_third_and_all_of_the_epochs(epochs, rungs):
    assert rungs_of(epochs) == rungs


def waiting(number, latency_s, miou, *, rung=1):
    return TrialRecord(number, VALUES, MODEL, "waiting", latency_s, {rung: miou})


def gone_on(number, latency_s, *mious):
    """Return a network that was trained on; from one rung to the next, or to the end of three."""
    state = "trained" if len(mious) == 3 else "waiting"
    return TrialRecord(
        number, VALUES, MODEL, state, latency_s, dict(zip((1, 3, 9), mious, strict=False))
    )


def choose(*seen, last=False):
    return next_to_train(SPACE, seen, REFERENCE, last=last)


@given(st.lists(point, min_size=1, max_size=15))
def test_at_last_what_nothing_dominates_goes_on_and_of_few_nothing_else(points):
    seen = [waiting(number, *each) for number, each in enumerate(points)]
    chosen = choose(*seen, last=True)
    assert not any(dominates(other, points[chosen]) for other in points)
    # One after the other all of the front go on, and then there is nothing left to do.
    for _ in points:
        if chosen is None:
            break
        seen[chosen] = replace(seen[chosen], state="failed")
        chosen = choose(*seen, last=True)
    assert chosen is None
    for each, mine in zip(seen, points, strict=True):
        assert (each.state == "waiting") == any(dominates(other, mine) for other in points)


def test_a_third_of_those_that_came_to_a_rung_go_on_from_it_by_rank_and_then_by_area():
    # Two lead; of those behind them `wide` covers more than `narrow`, and the rest are last.
    lead, other = waiting(0, 1.0, 0.5), waiting(1, 2.0, 0.6)
    narrow, wide = waiting(2, 2.2, 0.51), waiting(3, 2.5, 0.58)
    slow = [waiting(4 + at, 9.0 + at / 10, 0.2) for at in range(5)]
    assert choose(lead, other, narrow, wide, *slow) in (0, 1)
    on = [gone_on(0, 1.0, 0.5, 0.5), gone_on(1, 2.0, 0.6, 0.6, 0.6)]  # the second rung is full too
    assert choose(*on, narrow, wide, *slow) == 3
    assert choose(*on, narrow, wide, *slow[:2]) is None  # six have two places
    taken = gone_on(3, 2.5, 0.58, 0.58)
    assert choose(*on, narrow, taken, *slow) is None


def trained(number, latency_s, miou, *, slow=0.0):
    """Return a network that gains 0.2 from rung to rung; one that was slow at first gains more."""
    return gone_on(number, latency_s, miou - 0.4 - slow, miou - 0.2, miou)


TRAINED = [trained(at, 1.0 + at, 0.5 + 0.02 * at) for at in range(6)]


def test_what_is_expected_to_end_on_the_front_goes_on_though_no_place_is_free():
    behind, ahead = waiting(6, 3.5, 0.05), waiting(7, 3.5, 0.25)
    assert choose(*TRAINED, behind) is None
    assert choose(*TRAINED, behind, ahead) == 7


def test_what_is_surely_behind_is_not_trained_even_at_last():
    near, far = waiting(6, 3.5, 0.135), waiting(7, 3.5, 0.105)
    assert choose(*TRAINED, far, last=True) is None
    assert choose(*TRAINED, far, near, last=True) == 6


def test_what_is_faster_than_all_that_were_trained_goes_on_whatever_it_reached():
    assert choose(*TRAINED, waiting(6, 0.5, 0.01)) == 6


def test_what_was_learnt_later_lets_what_waited_go_on():
    """Of the same mIoU at the rung some gained more, and then it is not behind for sure."""
    late = [trained(6 + at, 2.0 + at, 0.5 + 0.02 * at, slow=0.1) for at in range(6)]
    mine = waiting(20, 3.5, 0.05)
    assert choose(*TRAINED, mine, last=True) is None
    assert choose(*TRAINED, *late, mine, last=True) == 20


def test_what_came_farthest_goes_on_first():
    early, later = (
        waiting(6, 3.5, 0.3),
        TrialRecord(7, VALUES, MODEL, "waiting", 3.5, {1: 0.2, 3: 0.4}),
    )
    assert choose(*TRAINED, early, later) == 7


def test_what_was_stopped_refused_or_failed_is_never_trained_on():
    over = [
        replace(waiting(6 + at, 0.1, 0.9), state=state)
        for at, state in enumerate(("stopped", "failed"))
    ]
    refused = TrialRecord(9, VALUES, MODEL, "refused", 0.2)
    assert choose(*TRAINED, *over, refused, last=True) is None
    assert choose(last=True) is None
    assert choose(refused) is None


def test_all_that_may_lead_is_trained_and_most_of_the_rest_is_not():
    """Sixty networks of a law, all of them at the first rung: the true front is trained in full."""
    truth = {each.number: each for each in trials_of(60, seed=5)}
    seen = [replace(each, state="waiting", rungs={1: each.rungs[1]}) for each in truth.values()]
    while (chosen := next_to_train(SPACE, seen, (0.2, 0.0), last=True)) is not None:
        rungs = truth[chosen].rungs
        known = {epochs: rungs[epochs] for epochs in (1, 3, 9)[: len(seen[chosen].rungs) + 1]}
        state = "trained" if len(known) == 3 else "waiting"
        seen[chosen] = replace(seen[chosen], state=state, rungs=known)
    points = [each.point for each in truth.values()]
    for each in seen:
        if not any(dominates(other, truth[each.number].point) for other in points):
            assert each.state == "trained"
    assert sum(each.state == "trained" for each in seen) < 30
