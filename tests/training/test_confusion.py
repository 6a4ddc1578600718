"""Quality by each protocol, on pixels that can be followed by hand, and against sets of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.data.scenes import VOID
from segbench.errors import UsageError
from segbench.results.evaluation import PROTOCOLS
from segbench.training.confusion import ConfusionMatrix

# Three classes; the third is predicted once and never labelled, and there are three void pixels.
#            label  0  0  0  0  1  1  1  1  void void void
LABEL = np.array([0, 0, 0, 0, 1, 1, 1, 1, VOID, VOID, VOID])
FOUND = np.array([0, 0, 0, 1, 1, 1, 2, 3, 0, 3, 3])  # 3 is void


def quality(protocol, label=LABEL, found=FOUND, classes=3):
    matrix = ConfusionMatrix(classes)
    matrix.add(label, found)
    return matrix.quality(protocol)


def test_strict_looks_at_labelled_pixels_alone():
    seen = quality("strict")
    # 0: 3 hits, 4 labelled, 3 predicted. 1: 2 hits, 4 labelled, 3 predicted. 2: predicted once.
    assert seen.iou == (3 / 4, 2 / 5, 0.0)
    assert seen.miou == pytest.approx((0.75 + 0.4 + 0) / 3)
    assert (seen.pixel_accuracy, seen.pixels, seen.left_out) == (5 / 8, 8, 0)


def test_void_as_class_counts_it_like_the_others():
    seen = quality("void-as-class")
    # 0 is predicted for a void pixel too. Void: 2 hits, 3 labelled, 3 predicted.
    assert seen.iou == (3 / 5, 2 / 5, 0.0, 2 / 4)
    assert (seen.pixel_accuracy, seen.pixels, seen.left_out) == (7 / 11, 11, 0)


def test_add_one_adds_one_to_intersection_and_union():
    seen = quality("add-one")
    assert seen.iou == (4 / 6, 3 / 6, 1 / 2, 3 / 5)
    assert seen.miou == pytest.approx((4 / 6 + 3 / 6 + 1 / 2 + 3 / 5) / 4)


def test_tp_nonzero_leaves_out_what_was_never_right():
    seen = quality("tp-nonzero")
    assert seen.iou == (3 / 4, 2 / 5, None)
    assert (seen.miou, seen.left_out) == (pytest.approx((0.75 + 0.4) / 2), 1)


def test_a_class_that_is_neither_labelled_nor_predicted_is_left_out_and_counted():
    seen = quality("strict", classes=5, found=np.where(FOUND == 3, 5, FOUND))
    assert seen.iou == (3 / 4, 2 / 5, 0.0, None, None)
    assert seen.left_out == 2
    assert seen.miou == pytest.approx((0.75 + 0.4 + 0) / 3)


def test_a_class_predicted_on_void_pixels_alone_is_not_seen_by_strict():
    seen = quality("strict", label=np.array([0, VOID]), found=np.array([0, 1]), classes=2)
    assert (seen.iou, seen.pixel_accuracy) == ((1.0, None), 1.0)


@pytest.mark.parametrize("protocol", ["strict", "tp-nonzero", "void-as-class"])
def test_without_pixels_nothing_is_known(protocol):
    seen = ConfusionMatrix(2).quality(protocol)
    assert (seen.pixel_accuracy, seen.miou, seen.pixels) == (None, None, 0)


def test_batches_add_up_to_the_whole():
    whole, parts = ConfusionMatrix(3), ConfusionMatrix(3)
    whole.add(LABEL, FOUND)
    for start in range(0, len(LABEL), 4):
        parts.add(LABEL[start : start + 4].astype(np.uint8), FOUND[start : start + 4])
    np.testing.assert_array_equal(whole.counts, parts.counts)
    assert whole.counts.sum() == len(LABEL)


ids = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, VOID]), st.integers(0, 3)), min_size=1, max_size=60
)


@given(ids)
def test_iou_is_that_of_the_sets_of_pixels(pairs):
    label, found = (np.array(column) for column in zip(*pairs, strict=True))
    for protocol, has_void in (("strict", False), ("void-as-class", True)):
        kept = [place for place, each in enumerate(label) if has_void or each != VOID]
        values = [3 if each == VOID else each for each in label]
        for number, iou in enumerate(quality(protocol, label, found).iou):
            labelled = {place for place in kept if values[place] == number}
            predicted = {place for place in kept if found[place] == number}
            union = labelled | predicted
            assert iou == (len(labelled & predicted) / len(union) if union else None)


@pytest.mark.parametrize(
    ("label", "found", "words"),
    [
        ([0, 4], [0, 0], "a label has the class 4, and there are 3"),
        ([0, 1], [0, 4], "a prediction has the class 4, and there are 3"),
    ],
)
def test_an_id_of_no_class_is_an_error(label, found, words):
    with pytest.raises(UsageError) as caught:
        quality("strict", np.array(label), np.array(found))
    assert str(caught.value) == words


def test_an_unknown_protocol_is_answered_with_those_there_are():
    with pytest.raises(UsageError) as caught:
        ConfusionMatrix(2).quality("lenient")
    assert str(caught.value) == f"unknown protocol 'lenient' (protocols: {', '.join(PROTOCOLS)})"
