"""Which report a result gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.report.checking import report_check
from segbench.report.comparing import report_comparison
from segbench.report.contents import Report, report_profile
from segbench.results import Profile
from segbench.verdicts import Check

if TYPE_CHECKING:
    from segbench.store import Result


def make_report(result: Result) -> Report:
    """Say what a profile, a comparison or a check has to say."""
    if isinstance(result, Profile):
        return report_profile(result)
    if isinstance(result, Check):
        return report_check(result)
    return report_comparison(result)
