"""The JSON schemas of results: published beside this file, generated from the types.

They follow JSON Schema 2020-12. A field with a default is not required, for fields are added to a
schema without a new number, and files that were written before have none of them.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
from dataclasses import is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_type_hints

from segbench.errors import UsageError
from segbench.results.store import KINDS

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
    if name not in KINDS:
        raise UsageError(f"unknown schema {name!r} (schemas: {', '.join(KINDS)})")
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

    written = TypeAdapter(KINDS[name].type).json_schema()
    objects = written.pop("$defs", {})
    described = {title: _describe(schema, title) for title, schema in objects.items()}
    whole = _describe(written, written["title"])
    schema = {"$schema": DIALECT, **whole, "title": name, "$defs": described}
    return json.dumps(schema, indent=1) + "\n"


def write_files(folder: Path) -> None:
    """Write the file of every schema into a folder."""
    for name in KINDS:
        (folder / file_name(name)).write_text(generate(name), encoding="utf-8")


def _describe(schema: dict[str, Any], title: str) -> dict[str, Any]:
    """Say of an object what its type's docstring says, each attribute at its property.

    Versions of pydantic differ in what they say of themselves, and where; the files must not.
    """
    summary, attributes = _read_docstring(_types()[title])
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


@functools.cache
def _types() -> dict[str, type]:
    """Return the types that results are made of, by name."""
    found: dict[str, type] = {}
    waiting: list[Any] = [kind.type for kind in KINDS.values()]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if isinstance(kind, type) and is_dataclass(kind) and kind.__name__ not in found:
            found[kind.__name__] = kind
            waiting += get_type_hints(kind).values()
    return found


def _read_docstring(kind: type) -> tuple[str, dict[str, str]]:
    """Return a docstring's first part, and its section of attributes with those of its bases."""
    attributes: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        _, _, section = _sections(each)
        pieces = _ATTRIBUTE.split(inspect.cleandoc(section.partition("\n\n")[0]))
        pairs = zip(pieces[1::2], pieces[2::2], strict=True)
        attributes |= {name: _one_line(words) for name, words in pairs}
    return _one_line(_sections(kind)[0]), attributes


def _sections(kind: type) -> tuple[str, str, str]:
    own = kind.__dict__.get("__doc__") if is_dataclass(kind) else None
    return inspect.cleandoc(own or "").partition("\nAttributes:\n")


def _one_line(text: str) -> str:
    words = " ".join(text.replace("``", "`").split())
    return _CONSTANT.sub(lambda found: _IN_JSON[found[0]], words)
