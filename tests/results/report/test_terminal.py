"""Tables in terminals of any width: within it, and with every letter of every cell."""

from collections import Counter
from dataclasses import replace

import pytest
from made_up_results import (
    make_check,
    make_comparison,
    make_layers,
    make_profile,
    make_reproduction,
    make_retraining,
    make_search,
)
from rich.cells import cell_len

from segbench.results.candidate import Candidate
from segbench.results.profile import Parity, Preparation
from segbench.results.report import render
from segbench.results.report.kinds import make_report
from segbench.results.report.terminal import _fit

PARITY = Parity(
    images="streets",
    max_difference=1.2e-2,
    mean_difference=1e-3,
    argmax_agreement=0.9876,
    beyond=0.0,
    tolerance=0.05,
    least_agreement=0.97,
    is_right=True,
)
CANDIDATES = (
    "segfast",
    "segfast@compile",
    "segfast@onnxruntime,head=argmax",
    "segfast@openvino:bf16,head=logits-nhwc,threads=1",
    "segnet-basic,stem_width=48,squeeze=8:8:8:8@openvino:int8,head=argmax-strided",
)


def in_runtimes():
    """Return a comparison of one network in several runtimes, whose labels are long."""
    given = make_comparison()
    profiles = tuple(
        replace(
            profile, candidate=Candidate.parse(text), parity=PARITY, preparation=Preparation(12, 9)
        )
        for profile, text in zip(given.profiles, CANDIDATES, strict=True)
    )
    labels = {old.label: new.label for old, new in zip(given.profiles, profiles, strict=True)}
    ratios = tuple(
        replace(
            each, model=labels[each.model], ci95=None if each.ci95 is None else (1.234e-3, 5.678e-3)
        )
        for each in given.ratios
    )
    return replace(given, profiles=profiles, ratios=ratios, baseline=labels[given.baseline])


RESULTS = {
    "profile": make_profile(layers=make_layers()),
    "comparison": make_comparison(),
    "comparison of runtimes": in_runtimes(),
    "check": make_check(),
    "check of a network with a long name": make_check(
        judgements=tuple(
            replace(each, model=CANDIDATES[3], limit=f"{each.limit} * {CANDIDATES[2]}")
            for each in make_check().judgements
        )
    ),
    "reproduction": make_reproduction(),
    "retraining": make_retraining(),
    "search": make_search(),
}


def letters(*texts):
    return Counter("".join(texts)) - Counter(dict.fromkeys(" \n─", 10**9))


def written(report, width):
    """Return all that a report says, without the columns that a terminal does without."""
    said = [*report.headings, *(f"! {remark}" for remark in report.remarks)]
    for table in report.tables:
        fitting, left_out = _fit(table, width)
        said += [
            table.title,
            table.caption,
            *fitting.columns,
            *(c for row in fitting.rows for c in row),
        ]
        if left_out:
            said.append(
                f"Not shown in {width} columns: {', '.join(left_out)}; --format csv has all."
            )
    return letters(*said)


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_no_letter_is_lost_and_no_line_too_long_at_any_width(result):
    report = make_report(result)
    for width in range(60, 141):
        drawn = render(result, "table", width=width)
        assert max(map(cell_len, drawn.splitlines())) <= width
        assert letters(drawn) == written(report, width)


@pytest.mark.parametrize("width", [20, 40])
def test_a_narrow_terminal_gets_a_table_of_broken_words(width):
    drawn = render(RESULTS["comparison of runtimes"], "table", width=width)
    assert max(map(cell_len, drawn.splitlines())) <= width


def test_a_terminal_without_room_for_a_letter_of_each_column_gets_what_fits():
    drawn = render(RESULTS["comparison of runtimes"], "table", width=5)
    assert max(map(cell_len, drawn.splitlines())) <= 6


def test_the_last_column_of_ratios_is_whole_in_80_columns():
    ratios = render(in_runtimes(), "table", width=80).partition("times segnet-basic")[2]
    lines = ratios.splitlines()
    assert lines[1].endswith("params  paper")
    assert [line.split()[-1] for line in lines if "segfast" in line][:2] == ["223x", "48.8x"]
    assert ratios.count("(0.00123-0.00568)") == 8  # four networks, forward and backward


def test_spare_columns_go_before_a_figure_is_broken():
    drawn = render(make_profile(layers=make_layers()), "table", width=60)
    assert "encoder.0.conv  3.00 ms  75.0 %  9.00 M  64x112x112  31 %" in drawn.splitlines()
    assert "Not shown in 60 columns: bytes, params, FLOP/B;" in drawn
