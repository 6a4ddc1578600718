"""The plugin as a user's tests meet it: in a pytest of its own."""

import pytest

pytest_plugins = ["pytester"]

TESTS = """
def test_small_enough(segbench_check):
    found = segbench_check("segfast", "params <= 603_288", size=(64, 64))
    assert found.profiles[0].params == 603_288

def test_too_large(segbench_check):
    segbench_check("segfast", "params <= 603_287", size=(64, 64))

def test_misspelt(segbench_check):
    segbench_check("segfast", "parms <= 1 M")
"""

# The verdict is made up: what is looked at is what becomes of it.
UNCLEAR = """
import pytest
from segbench.budgets import check as checking
from segbench.results.check import Check

@pytest.fixture(autouse=True)
def nobody_can_tell(monkeypatch):
    monkeypatch.setattr(checking, "check", lambda *_, **__: Check("inconclusive", (), ()))

def test_unclear(segbench_check):
    segbench_check("segfast", "latency.forward.p50_s <= 1 * segnet")
"""


@pytest.mark.measures
def test_a_limit_is_a_test_that_passes_or_fails_with_the_report(pytester):
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "over budget: 1 of 1 limits",
            "segfast  params <= 603_287 * 603,288 * 603,287 * over",
            "segbench: cannot read limit 'parms <= 1 M': unknown metric 'parms'; did you mean *",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py:*")
    result.stdout.no_fnmatch_line("*another exception*")


def test_a_limit_that_nobody_can_judge_fails(pytester):
    pytester.makepyfile(UNCLEAR)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["inconclusive: 0 of 0 limits"])


def test_it_is_skipped_where_that_is_allowed(pytester):
    pytester.makepyfile(UNCLEAR)
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-rs", "--segbench-allow-inconclusive"
    )
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*inconclusive: 0 of 0 limits"])


def test_the_plugin_costs_a_pytest_that_does_not_use_it_no_import_of_segbench(pytester):
    pytester.makepyfile(
        """
        import sys
        def test_nothing_is_imported():
            assert "segbench.budgets.check" not in sys.modules
            assert "numpy" not in sys.modules
        """
    )
    pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:hypothesispytest"
    ).assert_outcomes(passed=1)
