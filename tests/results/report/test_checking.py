"""What a check of budgets writes, in every format, and drawn again from its JSON."""

import csv
import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from made_up_results import (
    COMMIT,
    JUDGEMENTS,
    THREADS,
    WORKLOAD,
    make_check,
    make_comparison,
    make_forward,
    make_profile,
)

from segbench.errors import UsageError
from segbench.results.candidate import Candidate
from segbench.results.check import Judgement, Look
from segbench.results.profile import Noise
from segbench.results.report import render
from segbench.results.report.checking import (
    describe_figures,
    describe_verdict,
    name_rows,
    remarks_on_check,
)
from segbench.results.report.github import annotations, publish, summary
from segbench.results.report.junit import LimitCase
from segbench.results.store import from_json, load

GOLDEN = Path(__file__).with_name("golden")
SAVED = load(GOLDEN / "check.json")
DRAWN = {
    "check.json": lambda check: render(check, "json"),
    "check-80.txt": lambda check: render(check, "table", width=80),
    "check-120.txt": lambda check: render(check, "table", width=120),
    "check.md": lambda check: render(check, "markdown"),
    "check.csv": lambda check: render(check, "csv"),
    "check.xml": lambda check: render(check, "junit"),
    "summary.md": summary,
    "annotations.txt": lambda check: "\n".join(annotations(check)) + "\n",
}
EXACT, RATIO, OVER, UNCLEAR = JUDGEMENTS[:4]
UNJUDGED = tuple(
    replace(judgement, verdict=None, reason="interrupted; what is partial is not judged")
    for judgement in JUDGEMENTS
)
CUT_OFF = make_check(verdict=None, judgements=UNJUDGED, complete=False)
ON_GITHUB = {"GITHUB_ACTIONS": "true"}


def check_of(*judgements, verdict="within", **changes):
    return make_check(verdict=verdict, judgements=judgements, noise=None, **changes)


def read_junit(check):
    """Return the one suite of a check's JUnit XML and its cases."""
    (suite,) = JUnitXml.fromstring(render(check, "junit").encode())
    return suite, [LimitCase.fromelem(case) for case in suite]


@pytest.mark.parametrize("name", DRAWN)
def test_a_saved_check_is_drawn_again_as_it_was(name):
    assert DRAWN[name](SAVED) == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["markdown", "csv", "json"])
def test_the_report_command_draws_a_saved_check(form):
    command = [sys.executable, "-m", "segbench", "report", "--format", form]
    done = subprocess.run(
        [*command, str(GOLDEN / "check.json")], capture_output=True, check=True, text=True
    )
    ending = {"markdown": "md"}.get(form, form)
    assert done.stdout == (GOLDEN / f"check.{ending}").read_text(encoding="utf-8")


def test_the_saved_check_is_the_made_up_one():
    assert make_check() == SAVED


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (check_of(EXACT, RATIO), "within budget: 2 of 2 limits"),
        (check_of(EXACT, OVER, verdict="over"), "over budget: 1 of 2 limits"),
        (make_check(), "over budget: 2 of 7 limits, 1 inconclusive"),
        (check_of(EXACT, UNCLEAR, verdict="inconclusive"), "inconclusive: 1 of 2 limits"),
        (check_of(EXACT, UNJUDGED[1], verdict=None), "not judged: 1 of 2 limits"),
        (CUT_OFF, "not judged: interrupted"),
    ],
)
def test_the_first_line_is_the_verdict_in_words(check, words):
    assert describe_verdict(check) == words
    assert render(check, "table").splitlines()[0] == words
    assert render(check, "markdown").splitlines()[0] == f"## {words}"


@pytest.mark.parametrize("width", [80, 100, 120])
def test_every_figure_stays_in_one_piece(width):
    drawn = render(make_check(), "table", width=width)
    for figure in ("(0.240-0.260)", "112.4 MiB", "40.5 ms", "inconclusive"):
        assert figure in drawn


def test_the_verdicts_have_their_colours_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    drawn = render(make_check(), "table", color=True)
    assert len(re.findall(r"\x1b\[32m *within\x1b", drawn)) == 4
    assert len(re.findall(r"\x1b\[31m *over\x1b", drawn)) == 2
    assert len(re.findall(r"\x1b\[33m *inconclusive\x1b", drawn)) == 1
    assert drawn.startswith("\x1b[1;31mover budget")
    assert render(check_of(EXACT), "table", color=True).startswith("\x1b[1;32mwithin budget")


def test_a_model_that_is_named_like_a_verdict_has_no_colour(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    drawn = render(check_of(replace(EXACT, model="over")), "table", color=True)
    assert "\x1b[31m" not in drawn


def test_a_figure_that_is_over_by_one_does_not_read_as_its_bound():
    count = replace(EXACT, measured=603_289.0, value=603_289.0, verdict="over")
    assert describe_figures(count) == "603,289, at most 603,288"
    weights = replace(
        EXACT, metric="weights_bytes", measured=2_413_153.0, value=2_413_153.0, bound=2_413_152.0
    )
    assert describe_figures(weights) == "2,413,153 B, at most 2,413,152 B"


def test_an_interval_that_ends_near_its_bound_does_not_read_as_touching_it():
    near = replace(OVER, value=1.18, bound=1.155, interval=(1.1551, 1.205))
    assert describe_figures(near) == (
        "40.0 ms, 1.1800x (1.1551-1.2050) of baseline, at most 1.1550x of baseline"
    )


def test_a_check_of_exact_limits_alone_has_no_column_for_ratios():
    check = check_of(EXACT, looks=())
    table = render(check, "markdown").partition("### limits\n\n")[2]
    assert table == (
        "| model | limit | measured | at most | verdict |\n"
        "| :-- | :-- | --: | --: | --: |\n"
        "| segfast | params <= 603_288 | 603 k | 603 k | within |\n"
    )


def test_an_exact_ratio_is_shown_beside_the_figure():
    judgement = replace(EXACT, to="segnet", value=0.0205, bound=0.1)
    assert describe_figures(judgement) == "603 k, 0.0205x of segnet, at most 0.100x of segnet"
    assert "| 603 k | 0.0205x | 0.100x | within |" in render(check_of(judgement), "markdown")


def test_a_figure_that_is_unknown_is_a_dash():
    judgement = replace(EXACT, measured=None, value=None, verdict="inconclusive", reason="why not")
    check = check_of(judgement, verdict="inconclusive")
    assert "| params <= 603_288 | - | 603 k | inconclusive |" in render(check, "markdown")
    assert describe_figures(judgement) == "-, at most 603 k"
    timed = replace(RATIO, measured=None, value=None, interval=None)
    assert describe_figures(timed) == "-, - of segnet, at most 0.300x of segnet"


def test_a_metric_that_a_later_version_added_is_drawn_all_the_same():
    judgement = Judgement("segfast", "watts <= 9", "watts", "exact", None, 8.0, 8.0, 9.0)
    assert "| segfast | watts <= 9 | 8 | 9 | not judged |" in render(
        check_of(judgement, verdict=None), "markdown"
    )


def test_confidence_and_looks_are_told():
    judgement = replace(RATIO, confidence=0.985)
    check = check_of(judgement, OVER, looks=(Look(1, 2.0, 0.05),))
    assert (
        "in brackets the interval at 97.5 % or 98.5 % confidence; "
        "the samples were looked at after 1 round (2.00 s)"
    ) in render(check, "markdown")


def test_advice_is_given_once_and_not_where_the_reason_has_it():
    advice = "inconclusive: give it more time with --max-time, or measure on a quieter machine"
    twice = make_check(judgements=(UNCLEAR, replace(UNCLEAR, model="segnet")))
    assert remarks_on_check(twice).count(advice) == 1
    told = replace(UNCLEAR, reason="the interval holds the bound; give more time with --max-time")
    assert advice not in remarks_on_check(make_check(judgements=(told,)))
    unknown = replace(EXACT, verdict="inconclusive", value=None, reason="not known here")
    assert remarks_on_check(check_of(unknown, verdict="inconclusive")) == (
        "segfast: params <= 603_288: inconclusive: not known here",
    )


def test_a_check_that_was_cut_off_before_any_limit_has_no_rows():
    check = replace(CUT_OFF, judgements=(), profiles=(), baselines=(), noise=None, revision=None)
    assert render(check, "table") == (
        "not judged: interrupted\nbudget: ci/budgets.toml\n\n"
        "! interrupted: what is partial is not judged\n"
    )
    assert len(render(check, "csv").splitlines()) == 1  # the heading
    assert read_junit(check)[0].tests == 0


def test_an_interrupted_check_says_once_that_it_judges_nothing():
    assert remarks_on_check(replace(CUT_OFF, noise=None)) == (
        "interrupted: what is partial is not judged",
    )
    drawn = render(CUT_OFF, "table")
    assert drawn.count("not judged") == 1 + 7 + 1  # heading, rows, remark
    assert "within" not in drawn
    assert "over" not in drawn


def test_what_is_remarked_of_a_profile_is_remarked_of_its_check():
    threads = replace(THREADS, requested=16, oversubscribed=True)
    profile = make_profile(
        workload=replace(WORKLOAD, threads=threads),
        noise=Noise(noisy=True, reasons=("rain",)),
    )
    check = check_of(EXACT, profiles=(profile, profile), baselines=())
    assert remarks_on_check(check) == (
        (
            "oversubscribed: 16 threads on 2 effective CPUs; expect these latencies to be worse "
            "and less certain than with fewer threads"
        ),
    )


def two_workloads():
    """Return segfast at two sizes; it takes 40 ms at the smaller and 160 at the larger."""
    large = replace(WORKLOAD, height=360, width=480)
    slow = replace(UNCLEAR, measured=0.16, value=0.16, profile=1)
    return check_of(
        UNCLEAR,
        slow,
        replace(EXACT, model="segnet", profile=2),
        verdict="inconclusive",
        profiles=(
            make_profile(latency=make_forward(40)),
            make_profile(latency=make_forward(160), workload=large),
            make_profile("segnet", latency=make_forward(400), workload=large),
        ),
    )


def test_several_workloads_are_numbered_and_named_at_each_limit():
    check = two_workloads()
    assert name_rows(check) == ("segfast (1)", "segfast (2)", "segnet (2)")
    lines = render(check, "table").splitlines()
    assert lines[1].startswith("(1) 1x3x224x224 of noise, ")
    assert lines[2].startswith("(2) 1x3x360x480 of noise, ")
    assert [case.classname for case in read_junit(check)[1]] == list(name_rows(check))


def test_threads_that_a_worker_was_seen_to_have_make_no_workload_of_their_own():
    seen = replace(WORKLOAD, threads=replace(THREADS, os_threads=9))
    profiles = (make_profile(), make_profile("segnet", workload=seen))
    assert name_rows(make_check(profiles=profiles)) == ("segfast",) * 5 + ("segnet",) * 2


def test_candidates_of_one_workload_are_one_whatever_their_runtimes_and_threads():
    one = replace(WORKLOAD, threads=replace(THREADS, requested=1))
    profiles = (
        make_profile(candidate=Candidate.parse("segfast@openvino:bf16")),
        make_profile(candidate=Candidate.parse("segfast@eager,threads=1"), workload=one),
    )
    check = make_check(profiles=profiles)
    assert name_rows(check) == tuple(each.model for each in check.judgements)
    assert render(check, "table").splitlines()[1] == (
        "1x3x224x224 of noise, 22 classes, cpu, openvino:bf16 and eager, 1 and 2 threads,"
    )
    # Threads that the budget says, and no candidate, are another workload.
    profiles = (make_profile(), make_profile(workload=one))
    assert name_rows(make_check(profiles=profiles))[-1] == "segnet (2)"


def test_csv_has_a_row_for_each_judgement_in_full_precision():
    odd = replace(RATIO, value=0.1 + 0.2, interval=(1 / 3, 2 / 3))
    text = render(make_check(judgements=(EXACT, odd)), "csv")
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["limit"], second["limit"]) == (EXACT.limit, odd.limit)
    assert (first["value"], second["value"]) == ("603288.0", "0.30000000000000004")
    assert (first["interval_low"], first["interval_high"]) == ("", "")
    assert (float(second["interval_low"]), float(second["interval_high"])) == (1 / 3, 2 / 3)
    assert (first["place"], second["place"]) == ("ci/budgets.toml:6", "ci/budgets.toml:7")
    assert first["commit"] == second["commit"] == COMMIT
    assert set(vars(EXACT)) - {"interval"} < set(first)


def test_csv_of_a_check_without_timing_leaves_unknown_cells_empty():
    exact = replace(EXACT, profile=None)
    check = check_of(exact, revision=None, budget=None, profiles=(), baselines=())
    row = pd.read_csv(io.StringIO(render(check, "csv"))).iloc[0]
    assert row[["noisy", "revision", "commit", "budget", "cpu_model", "torch"]].isna().all()


def test_junit_is_read_back_with_its_counts_and_its_time():
    whole = JUnitXml.fromstring(render(make_check(), "junit").encode())
    suite, cases = read_junit(make_check())
    for found in (whole, suite):
        assert (found.tests, found.failures, found.errors, found.skipped) == (7, 2, 1, 0)
        assert found.time == 52.25
    assert (suite.name, suite.timestamp) == ("ci/budgets.toml", "2026-01-02T03:04:05Z")
    assert [case.time for case in cases] == [None] * 7
    assert [case.classname for case in cases] == ["segfast"] * 5 + ["segnet"] * 2
    assert [case.name for case in cases] == [judgement.limit for judgement in JUDGEMENTS]


def test_junit_tells_over_inconclusive_and_kept_apart():
    _, cases = read_junit(make_check())
    kinds = [type(case.result[0]) if case.result else None for case in cases]
    assert kinds == [None, None, Failure, Error, None, Failure, None]
    assert cases[2].result[0].message == (
        "over budget: 40.0 ms, 1.25x (1.21-1.29) of baseline, at most 1.16x of baseline"
    )
    assert cases[3].result[0].message == "inconclusive: 40.0 ms (39.3-41.1), at most 40.5 ms"
    assert "bound: 1.155\ninterval: 1.21 to 1.29 at 0.975, looks: 2" in cases[2].result[0].text
    assert cases[0].system_out == "603 k, at most 603 k"


def test_junit_says_where_a_limit_stands_if_that_is_known():
    _, cases = read_junit(make_check())
    assert [case.file for case in cases] == ["ci/budgets.toml"] * 6 + [None]
    assert [case.line for case in cases] == [6, 7, 8, 9, 10, 15, None]


def test_junit_names_machine_torch_and_commit():
    suite, _ = read_junit(make_check())
    found = {each.name: each.value for each in suite.properties()}
    assert found["cpu_model"] == "Made-Up 9000"
    assert found["torch"] == "2.13.0"
    assert found["commit"] == COMMIT
    assert found["noisy"] == "true"


def test_junit_skips_what_was_not_judged():
    suite, cases = read_junit(CUT_OFF)
    assert (suite.tests, suite.skipped, suite.failures, suite.errors) == (7, 7, 0, 0)
    assert all(isinstance(case.result[0], Skipped) for case in cases)
    assert cases[0].result[0].message == "interrupted; what is partial is not judged"


def test_junit_is_well_formed_whatever_a_reason_holds():
    reason = "a\x00b\x1b[31m <&> ]]> \udc80 \U0001f600"
    _, (case,) = read_junit(check_of(replace(UNCLEAR, reason=reason), verdict="inconclusive"))
    assert "reason: a\ufffdb\ufffd[31m <&> ]]> \ufffd \U0001f600" in case.result[0].text


@pytest.mark.parametrize(
    ("result", "kind"), [(make_profile(), "profile"), (make_comparison(), "comparison")]
)
def test_what_judges_nothing_is_no_junit(result, kind):
    with pytest.raises(UsageError) as caught:
        render(result, "junit")
    assert str(caught.value) == (
        f"a {kind} cannot be drawn as junit, which is for what a check found; "
        "choose table, json, csv or markdown"
    )


def test_the_summary_marks_every_verdict():
    text = summary(make_check())
    assert text.startswith("## ❌ over budget: 2 of 7 limits, 1 inconclusive\n")
    assert [text.count(f"| {mark} ") for mark in ("✅ within", "❌ over", "❔ inconclusive")] == [
        4, 2, 1,
    ]  # fmt: skip
    assert summary(check_of(EXACT)).startswith("## ✅ within budget")
    assert summary(check_of(UNCLEAR, verdict="inconclusive")).startswith("## ❔ inconclusive")
    assert summary(CUT_OFF).startswith("## ⬜ not judged: interrupted")


def test_the_details_are_folded_and_stand_free_of_the_tags():
    text = summary(make_check())
    assert text.count("<details>") == text.count("</details>") == 1
    # GitHub draws Markdown within a tag only after an empty line
    assert "</summary>\n\n- 1x3x224x224 of noise" in text
    assert text.endswith("\n\n</details>\n")


def test_annotations_are_escaped_as_github_demands():
    judgement = replace(OVER, limit="a,b:c\r\n50 %", place="ci/odd,name:50%.toml:8", reason="x")
    (line,) = annotations(check_of(judgement, verdict="over"))
    assert line == (
        "::error file=ci/odd%2Cname%3A50%25.toml,line=8,title=over budget::segfast: a,b:c%0D%0A"
        "50 %25: 40.0 ms, 1.25x (1.21-1.29) of baseline, at most 1.16x of baseline; x"
    )


def test_a_limit_without_a_place_is_annotated_without_a_file():
    (line,) = annotations(check_of(replace(OVER, place=None), verdict="over"))
    assert line.startswith("::error title=over budget::segfast: latency.forward.p50_s <= 1.1 * ")


def test_kept_limits_are_not_annotated():
    assert annotations(check_of(EXACT, RATIO)) == []


def test_an_interrupted_check_is_one_warning():
    assert annotations(replace(CUT_OFF, noise=None)) == [
        "::warning::interrupted: what is partial is not judged"
    ]


def test_more_annotations_than_github_shows_are_counted():
    lines = annotations(make_check(verdict="over", judgements=(OVER,) * 12, noise=None))
    assert len(lines) == 10
    assert lines[-1] == "::error::and 3 more like these"
    assert len(annotations(make_check(judgements=(OVER,) * 10, noise=None))) == 10


def test_the_summary_is_appended_to_what_others_wrote(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("an open line")
    environ = {"GITHUB_STEP_SUMMARY": str(path), **ON_GITHUB}
    assert publish(make_check(), environ) == annotations(make_check())
    assert path.read_text(encoding="utf-8") == f"an open line\n{summary(make_check())}"
    publish(CUT_OFF, environ)
    assert path.read_text(encoding="utf-8").endswith(f"</details>\n\n{summary(CUT_OFF)}")


def test_the_summary_is_written_to_a_new_file_from_its_first_byte(tmp_path):
    path = tmp_path / "summary.md"
    assert publish(make_check(), {"GITHUB_STEP_SUMMARY": str(path)}) == []
    assert path.read_text(encoding="utf-8") == summary(make_check())


@pytest.mark.parametrize("environ", [{}, {"GITHUB_ACTIONS": "false", "GITHUB_STEP_SUMMARY": ""}])
def test_elsewhere_nothing_is_published(environ, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert publish(make_check(), environ) == []
    assert list(tmp_path.iterdir()) == []


def test_annotations_need_no_file_for_a_summary():
    assert publish(make_check(), ON_GITHUB) == annotations(make_check())


def test_a_summary_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        publish(make_check(), {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert str(caught.value) == (
        f"cannot write the summary to {str(tmp_path)!r}: is a directory; "
        "set GITHUB_STEP_SUMMARY to a file, or unset it"
    )


def test_every_raw_sample_of_a_check_is_in_its_json():
    found = from_json(render(make_check(), "json"), source="it")
    samples = [profile.latency.forward.samples_s for profile in found.profiles]
    assert samples == [(0.0396, 0.04, 0.04, 0.0404), (0.1584, 0.16, 0.16, 0.1616)]
    assert found.reference.forward.samples_s == (0.0099, 0.01, 0.01, 0.0101)
