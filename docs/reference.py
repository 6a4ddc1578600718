"""Pages of the reference that follow from the code: commands, metrics, JSON, protocols, exit codes.

``python docs/check.py --write`` writes them, and without ``--write`` holds them to the code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from segbench.errors import ExitCode
from segbench.results.evaluation import PROTOCOLS
from segbench.results.metrics import METRICS, Metric
from segbench.results.profile import PROFILE_SCHEMA
from segbench.results.schemas import file_name, generate
from segbench.results.store import KINDS

Helper = Callable[..., str]
Schema = Mapping[str, Any]
COMMANDS = (
    *(("profile",), ("compare",), ("check",)),
    *(("baseline", verb) for verb in ("save", "show", "update")),
    *(("data", verb) for verb in ("list", "fetch", "check", "show")),
    *(("train",), ("evaluate",), ("predict",), ("reproduce",), ("runs",)),
    *(("search",), *(("search", verb) for verb in ("show", "export", "retrain"))),
    *(("report",), ("models",), ("runtimes",), ("env",)),
)
ENDINGS = {
    ExitCode.OK: "done; every limit is within",
    ExitCode.OVER_BUDGET: "a limit is over: the whole interval is above it",
    ExitCode.USAGE: "wrong usage, or a file that cannot be used",
    ExitCode.INCONCLUSIVE: "a limit could not be decided in the time given, and none is over",
    ExitCode.NOT_COMPARABLE: "two results of different machines or workloads were to be compared",
    ExitCode.FAILED: "a measurement, a write or segbench itself failed",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C, SIGTERM or SIGHUP; what was measured is shown",
}


def write_pages(help_of: Helper) -> dict[str, str]:
    """Return the text of every generated page by its file name.

    Args:
        help_of: returns what a command prints.
    """
    return {
        "commands.md": commands_page(help_of),
        "metrics.md": metrics_page(),
        "json.md": json_page(),
        "protocols.md": protocols_page(),
        "exit-codes.md": exit_codes_page(),
    }


def commands_page(help_of: Helper) -> str:
    """Return the help texts as they are."""
    parts = ["# Commands", "The `--help` of every command."]
    for name in ((), *COMMANDS):
        lines = (line.rstrip() for line in help_of(*name, "--help").strip().splitlines())
        title = " ".join(("segbench", *name))
        parts.append(f"## {title}\n\n```text\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(parts) + "\n"


def metrics_page() -> str:
    """Return the table of metrics."""
    profile = json.loads(generate(PROFILE_SCHEMA))
    phases = profile["$defs"]["Latencies"]["description"]
    rows = (_metric_row(metric, profile) for metric in METRICS.values())
    return _page(
        "Metrics",
        "Every figure of a profile that a limit may be on. The name is the path of the figure in "
        "the [JSON](json.md) of a profile, and what stands on the left of a limit: "
        "`params <= 603288`.",
        _table(("metric", "shown as", "unit", "known", "what it is"), rows),
        "Exact figures are counted and repeat to the digit. Peak memory is one measurement in a "
        "fresh process. A latency comes with an interval, and a limit on it is decided by the "
        "whole interval. For every metric lower is better.",
        f"{phases} `weights_bytes` are those of all parameters. Memory is what the network adds "
        "to a fresh process at its peak, weights included.",
        "A multiply-accumulate (MAC) is one product and one sum of a convolution or a matrix "
        "product. FLOPs are twice the MACs, and all elementary arithmetic besides, by the table "
        "in `segbench/measurement/counting/__init__.py`. Operators without a rule are listed in "
        "`uncounted_ops` and never guessed; `--strict` refuses a network that has one.",
    )


def _metric_row(metric: Metric, profile: Schema) -> tuple[str, ...]:
    if metric.phase is not None:
        known = "interval"
    else:
        known = "measured" if metric.name.startswith("memory.") else "exact"
    return (
        f"`{metric.name}`",
        metric.title,
        metric.unit,
        known,
        _described(metric.name, profile),
    )


def _described(path: str, profile: Schema) -> str:
    """Return what the schema says of a figure, or of the object that it is in."""
    schema, said = profile, ""
    for name in path.split("."):
        given = schema["properties"][name]
        schema = _resolved(given, profile)
        own, kind = given.get("description", ""), schema.get("description", "")
        said = "; ".join(text.rstrip(".") for text in (said, own) if text) if own else kind or said
    return said.rstrip(".")


def _resolved(given: Schema, whole: Schema) -> Schema:
    for option in given.get("anyOf", [given]):
        if "$ref" in option:
            found: Schema = whole["$defs"][option["$ref"].rpartition("/")[2]]
            return found
    return given


def json_page() -> str:
    """Return the fields of every kind of result, and of the objects in them."""
    wholes = {name: json.loads(generate(name)) for name in KINDS}
    objects: dict[str, Schema] = {}
    parts = []
    for name, whole in wholes.items():
        objects |= whole["$defs"]
        where = f"Schema file: `segbench/results/schemas/{file_name(name)}`."
        parts += [f"## {name}", f"{_sentence(whole['description'])} {where}", _fields(whole)]
    parts.append("## Objects")
    for title in sorted(objects):
        said = [_sentence(text)] if (text := objects[title].get("description")) else []
        parts += [f"### {title}", *said, _fields(objects[title])]
    return _page(
        "JSON",
        "Every result is one JSON file: `--output result.json` writes it, "
        "`segbench report result.json` draws it again, `segbench.load` reads it. Times are in "
        "seconds, sizes in bytes, counts are whole numbers; nothing is rounded. What is not known "
        "is `null`.",
        "`schema` names the kind and its version. Fields are added without a new number, and none "
        "is removed or changes its meaning. The schemas follow JSON Schema 2020-12 and come with "
        "the package:",
        '```python\nfrom segbench.results.schemas import json_schema\n\nschema = json_schema("'
        + PROFILE_SCHEMA
        + '")\nprint(schema["title"])\n```',
        *parts,
    )


def _fields(schema: Schema) -> str:
    required = schema.get("required", ())
    rows = (
        (
            f"`{name}`",
            _type(given) + ("" if name in required else ", optional"),
            given.get("description", "").rstrip("."),
        )
        for name, given in schema["properties"].items()
    )
    return _table(("field", "type", "what it is"), rows)


def _type(given: Schema) -> str:
    """Return a field's type in a few words."""
    if "$ref" in given:
        title = given["$ref"].rpartition("/")[2]
        return f"[{title}](#{title.lower()})"
    if "const" in given or "enum" in given:
        return " or ".join(f"`{value}`" for value in given.get("enum", [given.get("const")]))
    if "anyOf" in given:
        return " or ".join(dict.fromkeys(_type(option) for option in given["anyOf"]))
    if "prefixItems" in given:
        return "[" + ", ".join(_type(item) for item in given["prefixItems"]) + "]"
    inner = given.get("items") or given.get("additionalProperties")
    kind = str(given.get("type", "anything"))
    return f"{kind} of {_type(inner)}" if isinstance(inner, dict) else kind


def protocols_page() -> str:
    """Return the table of evaluation protocols."""
    return _page(
        "Protocols",
        "Published figures of one network differ by how void pixels and absent classes are "
        "counted. So every mIoU and pixel accuracy goes with its protocol. `segbench evaluate` "
        "gives all of them, from one confusion matrix.",
        _table(
            ("`--protocol`", "rule"),
            ((f"`{name}`", rule) for name, rule in PROTOCOLS.items()),
        ),
        "IoU of a class is I / U: I is the number of pixels that are labelled and predicted as the "
        "class, U of those that are either. mIoU is the mean over the classes that count. Pixel "
        "accuracy is the share of the judged pixels whose class was found.",
        "`segbench train --protocol` chooses the best epoch by that mIoU; by `void-as-class` and "
        "`add-one` void is learnt as a class too.",
    )


def exit_codes_page() -> str:
    """Return the table of exit codes."""
    return _page(
        "Exit codes",
        "Scripts and builds may rely on these numbers. An error is one line on standard error: "
        "what was given, what is wrong, what to do. `--debug` adds the traceback.",
        _table(("code", "meaning"), ((str(int(code)), ENDINGS[code]) for code in ExitCode)),
        "`segbench check --allow-inconclusive` ends with 0 where nothing is over. "
        "`segbench compare` of several runtimes shows the figures of the others, and ends with 5 "
        "where a candidate that was named failed or is wrong, with 2 where one is not possible or "
        "its runtime not installed. "
        "`segbench data check` ends with 5 where a file of the dataset cannot be used.",
    )


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", *parts)) + "\n"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    ruler = "| " + " | ".join(":--" for _ in head) + " |"
    return "\n".join((_row(head), ruler, *map(_row, rows)))


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
