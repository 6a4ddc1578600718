"""Accuracies that come along: what is kept, what replaces what, and what is shown."""

import pytest
from made_up_results import make_accuracy as make

from segbench.errors import UsageError
from segbench.results.accuracy import read_accuracies, shown, to_text, with_new
from segbench.results.evaluation import PROTOCOLS
from zoo.registry import known


def test_what_is_written_is_read_back(tmp_path):
    rows = (make(), make("val", 0.6, pretrained="imagenet"))
    path = tmp_path / "accuracy.json"
    path.write_text(to_text(rows))
    assert read_accuracies(path) == rows
    assert path.read_text().count("\n") == 2 + len(rows)  # one a line, for differences to be read
    path.write_text(to_text([]))
    assert read_accuracies(path) == ()


def test_figures_take_the_place_of_those_of_the_same_training_and_of_no_others():
    old = [make(), make("val"), make(seed=1), make(precision="bf16", runtime="openvino")]
    found = with_new(old, [make(miou=0.7, date="2026-02-03")])
    assert len(found) == len(old)
    assert [row for row in found if row not in old] == [make(miou=0.7, date="2026-02-03")]
    assert with_new(old[::-1], []) == with_new(old, [])  # whatever came first


def test_the_training_that_is_best_on_validation_is_shown():
    slow, fast = {"recipe": "modern+lr=1e-3"}, {"recipe": "modern"}
    rows = [
        make("val", 0.6, **slow), make("test", 0.4, **slow),
        make("val", 0.5, **fast), make("test", 0.45, **fast),
        make("val", 0.3, size=(360, 480)), make("test", 0.2, size=(360, 480)),
    ]  # fmt: skip
    found = shown(rows)
    assert {key: row.qualities["strict"].miou for key, row in found.items()} == {
        ("segfast", (224, 224)): 0.4, ("segfast", (360, 480)): 0.2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"dataset": "streets"}, {"runtime": "openvino"}, {"precision": "bf16"}],
    ids=str,
)
def test_what_was_evaluated_otherwise_is_not_shown(changes):
    assert shown([make("val", **changes), make("test", **changes)]) == {}


def test_what_has_no_figures_on_either_split_is_not_shown():
    assert shown([make("val")]) == shown([make("test")]) == {}


def test_a_damaged_table_is_one_line(tmp_path):
    path = tmp_path / "accuracy.json"
    path.write_text(to_text([make()]).replace('"seed": 0', '"seed": -1'))
    with pytest.raises(UsageError) as caught:
        read_accuracies(path)
    assert str(caught.value).startswith(f"table of accuracies '{path}' is damaged at 0.seed: ")


def test_the_figures_that_come_along_are_of_trainings_that_could_be_done_again():
    rows = read_accuracies()
    assert len({row.key for row in rows}) == len(rows)
    for row in rows:
        assert known(row.network.partition(",")[0]) is not None
        assert set(row.qualities) == set(PROTOCOLS)
        assert 1 <= row.best_epoch <= row.epochs
        assert len(row.qualities["strict"].iou) == len(row.classes)
