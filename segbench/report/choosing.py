"""Which report a result gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.budgets.baseline import Baseline
from segbench.budgets.verdicts import Check
from segbench.data.findings import DataFindings
from segbench.evaluations import Evaluation
from segbench.report.baselines import report_baseline
from segbench.report.checking import report_check
from segbench.report.comparing import report_comparison
from segbench.report.contents import Report, report_profile
from segbench.report.data import report_data
from segbench.report.evaluating import report_evaluation
from segbench.results import Comparison, Profile

if TYPE_CHECKING:
    from segbench.store import Result


def make_report(result: Result) -> Report:
    """Say what a result has to say."""
    match result:
        case Profile():
            return report_profile(result)
        case Check():
            return report_check(result)
        case Baseline():
            return report_baseline(result)
        case Comparison():
            return report_comparison(result)
        case DataFindings():
            return report_data(result)
        case Evaluation():
            return report_evaluation(result)
