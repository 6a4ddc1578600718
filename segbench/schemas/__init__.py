"""The JSON schemas of results: published beside this file, generated from the types.

They follow JSON Schema 2020-12. A field with a default is not required, for fields are added to a
schema without a new number, and files that were written before have none of them.
"""

from __future__ import annotations

import inspect
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from segbench import confusion, evaluations, machine, reproductions, results, retrainings, searches
from segbench.budgets import baseline, verdicts
from segbench.data import findings
from segbench.errors import UsageError
from segbench.store import RESULTS

MODULES = (
    *(results, machine, verdicts, baseline),
    *(findings, confusion, evaluations, reproductions, searches, retrainings),
)  # where the types of results are
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ATTRIBUTE = re.compile(r"^(\w+): ", re.MULTILINE)
_CONSTANT = re.compile(r"\b(None|True|False)\b")
_IN_JSON = {"None": "null", "True": "true", "False": "false"}


def json_schema(name: str) -> dict[str, Any]:
    """Return the published schema that results of this name follow.

    Raises:
        UsageError: there is none of this name.

    >>> json_schema("segbench/check/1")["properties"]["schema"]
    {'const': 'segbench/check/1'}
    """
    if name not in RESULTS:
        raise UsageError(f"unknown schema {name!r} (schemas: {', '.join(RESULTS)})")
    text = resources.files(__name__).joinpath(file_name(name)).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def file_name(name: str) -> str:
    """Return the name of a schema's file.

    >>> file_name("segbench/check/1")
    'check-1.json'
    """
    _, kind, version = name.split("/")
    return f"{kind}-{version}.json"


def generate(name: str) -> str:
    """Return the text of a schema's file as the types have it now."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - readers of the files do not wait for it

    written = TypeAdapter(RESULTS[name]).json_schema()
    objects = written.pop("$defs", {})
    described = {title: _describe(schema, title) for title, schema in objects.items()}
    whole = _describe(written, written["title"])
    schema = {"$schema": DIALECT, **whole, "title": name, "$defs": described}
    return json.dumps(schema, indent=1) + "\n"


def write_files(folder: Path) -> None:
    """Write the file of every schema into a folder."""
    for name in RESULTS:
        (folder / file_name(name)).write_text(generate(name), encoding="utf-8")


def _describe(schema: dict[str, Any], title: str) -> dict[str, Any]:
    """Say of an object what its type's docstring says, each attribute at its property.

    Versions of pydantic differ in what they say of themselves, and where; the files must not.
    """
    summary, attributes = _read_docstring(_type_of(title))
    for name, given in schema["properties"].items():
        given.pop("title", None)
        if given.get("additionalProperties") is True:
            del given["additionalProperties"]  # the default
        if name in attributes:
            given["description"] = attributes[name]
    if "schema" in schema["properties"]:
        schema["properties"]["schema"] = {"const": schema["properties"]["schema"]["default"]}
        schema["required"] = ["schema", *schema["required"]]
    rest = {key: value for key, value in schema.items() if key not in {"title", "description"}}
    return {"title": title, "description": summary, **rest}


def _type_of(title: str) -> type:
    found: type = next(getattr(module, title) for module in MODULES if hasattr(module, title))
    return found


def _read_docstring(kind: type) -> tuple[str, dict[str, str]]:
    """Return a docstring without its section of attributes, and that section."""
    text, _, section = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")
    pieces = _ATTRIBUTE.split(inspect.cleandoc(section))
    pairs = zip(pieces[1::2], pieces[2::2], strict=True)
    return _one_line(text), {name: _one_line(words) for name, words in pairs}


def _one_line(text: str) -> str:
    words = " ".join(text.replace("``", "`").split())
    return _CONSTANT.sub(lambda found: _IN_JSON[found[0]], words)
