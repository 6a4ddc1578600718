"""Networks of a search in a comparison: their specifications are long, and must not fill it."""

from dataclasses import replace

from made_up_results import make_comparison, make_latencies, make_profile, make_ratios

from segbench.results.profile import Model
from segbench.results.report import render
from segbench.results.report.contents import Report, Table
from segbench.results.report.short_names import LONGEST, with_short_names

WIDE = Model("segfast", {"expand1": (128,) * 8})
WIDER = Model("segfast", {"expand1": (128,) * 8, "expand3": (128,) * 8})


def compare(*models):
    profiles = (make_profile(), *(make_profile(model=model, factor=2.0) for model in models))
    ratios = make_ratios(profiles, profiles[0], make_latencies(1.01))
    return replace(make_comparison(), profiles=profiles, ratios=ratios)


def test_a_long_specification_stands_below_the_tables_once_and_in_no_cell():
    text = render(compare(WIDE, WIDER), "markdown")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| seg")]
    assert set(rows) == {"segfast", "segfast[1]", "segfast[2]"}
    assert text.count(f"segfast[1] is {WIDE.label}\n") == 1
    assert f"segfast[2] is {WIDER.label}" in text
    assert "segfast[1],expand3" not in text  # one begins as the other does


def test_the_csv_keeps_the_specification():
    text = render(compare(WIDE), "csv")
    assert WIDE.label in text
    assert "[1]" not in text


def test_what_fits_stays():
    fits = "segfast," + "x" * (LONGEST - len("segfast,"))
    report = Report((fits,), (Table(fits, ("a",), ((fits,),), fits),), (fits,))
    assert with_short_names(report, [fits]) is report
