"""Rungs: what goes on, and that the front always does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.search.pareto import dominates
from segbench.search.rungs import goes_on, rungs_of

REFERENCE = (10.0, 0.0)
point = st.tuples(st.floats(1, 9), st.floats(0.1, 0.9))


@pytest.mark.parametrize(
    ("epochs", "rungs"), [(90, (10, 30, 90)), (45, (5, 15, 45)), (9, (1, 3, 9)), (2, (1, 2))]
)
def test_rungs_are_a_ninth_a_third_and_all_of_the_epochs(epochs, rungs):
    assert rungs_of(epochs) == rungs


@given(point, st.lists(point, max_size=15))
def test_what_nothing_dominates_always_goes_on(new, others):
    if not any(dominates(other, new) for other in others):
        assert goes_on(new, others, REFERENCE)


@given(point, st.lists(point, min_size=1, max_size=15))
def test_no_more_than_a_third_go_on_beside_the_front(new, others):
    if goes_on(new, others, REFERENCE) and any(dominates(other, new) for other in others):
        points = [new, *others]
        better = sum(dominates(other, new) for other in others)
        assert better < -(-len(points) // 3)


def test_of_points_of_one_rank_those_with_the_most_area_go_on():
    first = [(1.0, 0.5), (2.0, 0.6)]  # the front
    wide, narrow = (2.5, 0.58), (2.2, 0.51)  # both behind it, and neither behind the other
    # Six points have two places, which the front takes; nine have three.
    others = [*first, (9.0, 0.2), (9.1, 0.2), (9.2, 0.2), (9.3, 0.2), (9.4, 0.2)]
    assert goes_on(wide, [*others, narrow], REFERENCE)
    assert not goes_on(narrow, [*others, wide], REFERENCE)
    assert not goes_on(wide, [*others[:4], narrow], REFERENCE)
