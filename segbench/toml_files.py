"""TOML that a user has written: every error names the line of what is wrong."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from segbench.errors import UsageError
from segbench.toml_lines import Place, find_lines, nearest_line
from zoo import files
from zoo.errors import ZooError, did_you_mean
from zoo.files import FileError

MOST_BYTES = 16 << 20
_TOML_ERROR = re.compile(
    r"(?P<reason>.+) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)",
    re.DOTALL,
)


class TomlFile:
    """A TOML file, and where each thing in it stands.

    Args:
        what: what to call it in an error.

    Attributes:
        fields: what it holds.

    Raises:
        UsageError: it cannot be read.
    """

    def __init__(self, path: Path, *, what: str) -> None:
        self.path = path
        try:
            text = files.read_text(path, what=what, most=MOST_BYTES)
        except FileError as error:
            raise UsageError(str(error)) from error
        try:
            self.fields: dict[str, Any] = files.parse_toml(text)
            self._lines = find_lines(text)
        except ValueError as error:
            raise UsageError(_say_once(path, text, str(error))) from error

    def place(self, *place: str | int) -> str:
        """Return ``file:line`` of a part, or of the nearest one around it."""
        return f"{self.path}:{nearest_line(self._lines, place)}"

    def error(self, place: Place, text: str) -> UsageError:
        """Return an error about a part."""
        return UsageError(f"{self.place(*place)}: {text}")

    def errors_at(self, *place: str | int) -> contextlib.AbstractContextManager[None]:
        """Put the line of a part in front of what is wrong there."""
        return errors_at(self.place(*place))

    def tables(self, name: str) -> list[dict[str, Any]]:
        """Return the tables that ``[[name]]`` heads; none if there are none.

        Raises:
            UsageError: the file has something else of this name.
        """
        found = self.fields.get(name, [])
        if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
            raise self.error(
                (name,), f"{name!r} is no list of tables; write [[{name}]] in two brackets"
            )
        return found

    def check_keys(
        self, table: dict[str, Any], known: Collection[str], place: Place, where: str
    ) -> None:
        """Refuse a key that a table cannot have.

        Args:
            where: what the table is, behind the key's name.

        Raises:
            UsageError: it has one.
        """
        for key in table:
            if key not in known:
                raise self.error(
                    (*place, key),
                    f"unknown key {key!r} {where}{did_you_mean(key, known)} "
                    f"(keys: {', '.join(known)})",
                )


@contextlib.contextmanager
def errors_at(place: str | None) -> Iterator[None]:
    """Put a place in front of what is wrong there; every error becomes a `UsageError`."""
    try:
        yield
    except (UsageError, ZooError) as error:
        raise UsageError(f"{place}: {error}" if place else str(error)) from error


def _say_once(path: Path, text: str, reason: str) -> str:
    """Return tomllib's message with the line that it names in front."""
    found = _TOML_ERROR.fullmatch(reason)
    if found is None:  # what is too long or too deep has no place
        return f"{path}: this is not TOML: {reason}"
    line = found["line"] or text.rstrip().count("\n") + 1
    column = f"column {found['column']}" if found["column"] else "end of the file"
    said = found["reason"]
    return f"{path}:{line}: this is not TOML: {said[0].lower()}{said[1:]} ({column})"
