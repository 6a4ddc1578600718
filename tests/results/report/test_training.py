"""What an evaluation and a reproduction say, from figures that can be worked out by hand."""

from made_up_results import make_evaluation, make_reproduction

from segbench.results.report import render
from segbench.results.store import from_json, to_json


def test_an_evaluation_says_its_quality_by_every_protocol():
    text = render(make_evaluation(), "table")
    # 3 and 2 hits; unions of 4 + 3 - 3 labelled and 4 + 3 - 2: mIoU (3 / 4 + 2 / 5) / 2
    assert text.startswith(
        "segfast,classes=3: mIoU 0.5750, pixel accuracy 62.5 % (strict)\n"
        "2 scenes of rooms, val, at 4x6, 2026-01-02T03:04:05Z\n"
    )
    # with void: unions 5, 5 and 5, hits 3, 2 and 2
    assert "void-as-class  0.4667          63.6 %" in text
    assert "floor  0.7500           36.4 %" in text


def test_a_reproduction_shows_means_and_spreads_beside_the_paper():
    text = render(make_reproduction(), "markdown")
    # deviations of two values: their difference over the root of two
    row = "| segfast | 85.08 % | 89.00 ±1.41 % | 0.5000 | 0.5300 ±0.0141 | 2 | 40-44 | 21 |"
    assert row in text


def test_both_are_read_back_as_they_were_written():
    for result in (make_evaluation(), make_reproduction()):
        assert from_json(to_json(result), source="it") == result
