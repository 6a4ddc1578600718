"""Which report a result gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

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
from segbench.report.reproducing import report_reproduction
from segbench.report.retraining import report_retraining
from segbench.report.searching import report_search
from segbench.reproductions import Reproduction
from segbench.results import Comparison, Profile
from segbench.retrainings import Retraining
from segbench.searches import Searched

if TYPE_CHECKING:
    from segbench.store import Result

REPORTS: Mapping[type, Callable[[Any], Report]] = {
    Profile: report_profile,
    Comparison: report_comparison,
    Check: report_check,
    Baseline: report_baseline,
    DataFindings: report_data,
    Evaluation: report_evaluation,
    Reproduction: report_reproduction,
    Searched: report_search,
    Retraining: report_retraining,
}


def make_report(result: Result) -> Report:
    """Say what a result has to say."""
    return REPORTS[type(result)](result)
