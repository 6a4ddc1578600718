"""JUnit XML: a test case for each limit, for the test pages of GitLab, Jenkins and their like.

A limit that is over is a ``failure``. One that is inconclusive is an ``error``: in JUnit's terms
the test could not be carried out, and pages that tell the two apart show it so. ``skipped`` would
not do, for such pages call a run with skipped tests passed, and a budget of which nobody knows
whether it is kept has not passed; the exit code says the same. ``skipped`` is what was not judged.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from junitparser import (
    Attr,
    Error,
    Failure,
    IntAttr,
    JUnitXml,
    Skipped,
    TestCase,
    TestSuite,
)

from segbench.errors import UsageError
from segbench.results.check import Check, Judgement
from segbench.results.report.checking import NOT_JUDGED, describe_figures, describe_run, name_rows
from segbench.results.report.places import split_place

if TYPE_CHECKING:
    from segbench.results.store import Result

# what XML 1.0 has no way to write, section 2.2
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class LimitCase(TestCase):
    """A test case with the attributes of pytest's and GitLab's dialect."""

    file = Attr()
    line = IntAttr()


def refusal(kind: type[Result]) -> UsageError:
    """Return what to raise for a result of a kind that has nothing which could pass or fail."""
    return UsageError(
        f"a {kind.__name__.lower()} cannot be drawn as junit, which is for what a check found; "
        "choose table, json, csv or markdown"
    )


def render(result: Result) -> str:
    """Return a check as JUnit XML.

    Raises:
        UsageError: the result is no check, and so has nothing that could pass or fail.
    """
    if not isinstance(result, Check):
        raise refusal(type(result))
    whole = JUnitXml("segbench check")
    whole.add_testsuite(_suite(result))
    whole.update_statistics()  # type: ignore[no-untyped-call]  # it declares no return type
    if result.elapsed_s is not None:
        # a case has no time of its own: all limits are judged from the samples of one run
        seconds = round(result.elapsed_s, 3)
        whole.time = seconds
        next(iter(whole)).time = seconds
    sheet = io.BytesIO()
    whole.write(sheet, pretty=True)
    return sheet.getvalue().decode()


def _suite(check: Check) -> TestSuite:
    suite = TestSuite(_legal(check.budget or "segbench check"))
    if check.created:
        suite.timestamp = check.created
    for name, value in _properties(check).items():
        suite.add_property(name, _legal(value))
    cases = zip(name_rows(check), check.judgements, strict=True)
    suite.add_testcases([_case(model, judgement) for model, judgement in cases])
    return suite


def _properties(check: Check) -> dict[str, str]:
    found: dict[str, object] = {}
    if check.profiles:
        machine = check.profiles[0].environment
        found = {
            "cpu_model": machine.cpu_model,
            "effective_cpus": machine.effective_cpus,
            "torch": machine.torch,
            "python": machine.python,
            "segbench": machine.segbench,
        }
    if check.revision is not None:
        found |= {"revision": check.revision.name, "commit": check.revision.commit}
    if check.noise is not None:
        found |= {"noisy": str(check.noise.noisy).lower()}
        found |= {"noise": "; ".join(check.noise.reasons) or None}
    found |= {"complete": str(check.complete).lower()}
    found |= {"run": "; ".join(describe_run(check)) or None}
    return {name: str(value) for name, value in found.items() if value is not None}


def _case(model: str, judgement: Judgement) -> LimitCase:
    case = LimitCase(_legal(judgement.limit), _legal(model))
    if judgement.place is not None:
        file, line = split_place(judgement.place)
        case.file = _legal(file)
        if line is not None:
            case.line = line
    result = _result(judgement)
    if result is None:
        case.system_out = _legal(describe_figures(judgement))
    else:
        case.result = result
    return case


def _result(judgement: Judgement) -> Failure | Error | Skipped | None:
    figures = describe_figures(judgement)
    match judgement.verdict:
        case "within":
            return None
        case "over":
            result: Failure | Error = Failure(_legal(f"over budget: {figures}"), "over")
        case "inconclusive":
            result = Error(_legal(f"inconclusive: {figures}"), "inconclusive")
        case _:
            return Skipped(_legal(judgement.reason or NOT_JUDGED), NOT_JUDGED)
    result.text = _legal(_details(judgement))  # GitLab shows this and not the message
    return result


def _details(judgement: Judgement) -> str:
    """Return the figures in full, one a line."""
    lines = [
        f"{judgement.model}: {judgement.limit}",
        describe_figures(judgement),
        f"measured: {judgement.measured!r}",
        f"value: {judgement.value!r}",
        f"bound: {judgement.bound!r}",
    ]
    if judgement.interval is not None:
        low, high = judgement.interval
        sure = "" if judgement.confidence is None else f" at {judgement.confidence!r}"
        lines.append(f"interval: {low!r} to {high!r}{sure}, looks: {judgement.looks}")
    lines += [f"reason: {judgement.reason}"] if judgement.reason else []
    lines += [f"place: {judgement.place}"] if judgement.place else []
    return "\n".join(lines)


def _legal(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
