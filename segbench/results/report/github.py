"""GitHub Actions: a summary of a check for the run's page, and annotations at its limits."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from segbench.errors import UsageError, os_reason
from segbench.results.check import Check, Judgement, Verdict
from segbench.results.report.checking import (
    INTERRUPTED,
    describe_doubt,
    describe_figures,
    describe_run,
    describe_verdict,
    report_check,
)
from segbench.results.report.markdown import draw_remarks, draw_table
from segbench.results.report.places import split_place

MARKS: dict[Verdict | None, str] = {"within": "✅", "over": "❌", "inconclusive": "❔", None: "⬜"}
MOST_SHOWN = 10  # annotations of a level that GitHub keeps of a step; it drops the others

Level = Literal["error", "warning", "notice"]


def summary(check: Check) -> str:
    """Return the Markdown for ``$GITHUB_STEP_SUMMARY``: the verdict, with a mark, comes first."""
    report = report_check(check)
    parts = [f"## {MARKS[check.verdict]} {describe_verdict(check)}"]
    details = list(describe_run(check))
    for table in report.tables:
        marks = [MARKS[judgement.verdict] for judgement in check.judgements]
        rows = zip(table.rows, marks, strict=True)
        marked = tuple((*cells, f"{mark} {last}") for (*cells, last), mark in rows)
        parts.append(draw_table(replace(table, rows=marked)))
        details += [table.caption] if table.caption else []
    if report.remarks:
        parts.append(draw_remarks(report.remarks))
    if details:
        parts += [
            "<details>\n<summary>workload, machine and samples</summary>",
            "\n".join(f"- {line}" for line in details),
            "</details>",
        ]
    return "\n\n".join(parts) + "\n"


def annotations(check: Check) -> list[str]:
    """Return workflow commands: an error for what is over, a warning for what is not decided.

    Noise is a notice. Of more than ten of a level, the last that GitHub would show says how many
    there are besides.
    """
    over = [_annotate("error", row) for row in check.judgements if row.verdict == "over"]
    doubtful = [_annotate("warning", row) for row in check.judgements if describe_doubt(row)]
    if not check.complete:
        doubtful = [_command("warning", INTERRUPTED)]
    reasons = check.noise.reasons if check.noise else ()
    noise = [_command("notice", f"noisy: {reason}") for reason in reasons]
    return _shown("error", over) + _shown("warning", doubtful) + _shown("notice", noise)


def publish(check: Check, environ: Mapping[str, str]) -> list[str]:
    """Append the summary where GitHub Actions wants it, and return the lines to print for it.

    Args:
        environ: the process's environment: ``GITHUB_STEP_SUMMARY`` names the file, and there are
            annotations where ``GITHUB_ACTIONS`` is ``true``.

    Raises:
        UsageError: the file cannot be written.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                # whoever wrote before may have left its last line open
                file.write(("\n" if file.tell() else "") + summary(check))
        except OSError as error:
            raise UsageError(
                f"cannot write the summary to {path!r}: {os_reason(error)}; "
                "set GITHUB_STEP_SUMMARY to a file, or unset it"
            ) from error
    return annotations(check) if environ.get("GITHUB_ACTIONS") == "true" else []


def _annotate(level: Level, judgement: Judgement) -> str:
    limit = f"{judgement.model}: {judgement.limit}: {describe_figures(judgement)}"
    text = f"{limit}; {judgement.reason}" if judgement.reason else limit
    title = "over budget" if level == "error" else judgement.verdict or "not judged"
    return _command(level, text, title=title, place=judgement.place)


def _command(level: Level, text: str, *, title: str | None = None, place: str | None = None) -> str:
    file, line = split_place(place) if place else (None, None)
    given = {"file": file, "line": line, "title": title}
    properties = ",".join(
        f"{name}={_escape_property(str(value))}"
        for name, value in given.items()
        if value is not None
    )
    head = f"{level} {properties}" if properties else level
    return f"::{head}::{_escape(text)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


def _shown(level: Level, commands: list[str]) -> list[str]:
    if len(commands) <= MOST_SHOWN:
        return commands
    kept = MOST_SHOWN - 1
    return [*commands[:kept], _command(level, f"and {len(commands) - kept} more like these")]
