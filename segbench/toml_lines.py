"""The lines at which the parts of a TOML text stand, which the library's reader does not tell."""

from __future__ import annotations

import re
import tomllib
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""Keys and positions that lead to a part, as in ``("budget", 0, "limits", 2)``."""

# Comments and strings come first, for in them nothing else has a meaning.
_TOKEN = re.compile(
    r'''
      (?P<comment> \#[^\n]* )
    | """ (?: [^\\] | \\. )*? """ "{0,2}
    | \'\'\' .*? \'\'\' '{0,2}
    | " (?: [^"\\\n] | \\. )* "
    | ' [^'\n]* '
    | [\[\]{},=.\n]
    | [^\s\[\]{},=.\#"']+
    ''',
    re.VERBOSE | re.DOTALL,
)
_VALUE_ENDS = frozenset(",]}\n")


class _Token(NamedTuple):
    text: str
    line: int


def find_lines(text: str) -> dict[Place, int]:
    r"""Return the line, from 1, at which each table, key and element of a list first stands.

    Args:
        text: TOML that ``tomllib`` reads; what happens with other text is not defined.

    >>> find_lines('a = 1\n[[b]]\nc = ["x",\n"y"]\n')
    {('a',): 1, ('b',): 2, ('b', 0): 2, ('b', 0, 'c'): 3, ('b', 0, 'c', 0): 3, ('b', 0, 'c', 1): 4}
    """
    walk = _Walk(text)
    walk.document()
    return walk.lines


def nearest_line(lines: Mapping[Place, int], place: Place) -> int:
    """Return the line of a part, or of the nearest one around it that is in the text.

    >>> nearest_line({("b",): 2, ("b", 0): 2}, ("b", 0, "missing"))
    2
    >>> nearest_line({}, ("b",))
    1
    """
    around = (place[:length] for length in range(len(place), 0, -1))
    return next((lines[part] for part in around if part in lines), 1)


class _Walk:
    """Goes through the tokens once, by the grammar of TOML 1.0."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Place, int] = {}
        self._tokens = deque(_tokens(text))
        self._lengths: dict[Place, int] = {}  # of the lists of tables that headers make

    def document(self) -> None:
        table: Place = ()
        while self._tokens:
            if self._next_is("["):
                table = self._header()
            elif not self._take_if("\n"):
                self._pair(table)

    def _header(self) -> Place:
        line = self._take().line
        repeated = self._take_if("[")
        keys = self._keys()
        self._take()
        table: Place = ()
        for key in keys[:-1]:
            table = self._last_of((*table, key))
        table = (*table, keys[-1])
        if repeated:
            self._take()
            self._lengths[table] = self._lengths.get(table, 0) + 1
        table = self._last_of(table)
        self._note(table, line)
        return table

    def _last_of(self, table: Place) -> Place:
        length = self._lengths.get(table)
        return table if length is None else (*table, length - 1)

    def _pair(self, table: Place) -> None:
        line = self._tokens[0].line
        place = (*table, *self._keys())
        self._note(place, line)
        self._take()  # the equals sign
        self._value(place)

    def _keys(self) -> Place:
        keys = [_key(self._take().text)]
        while self._take_if("."):
            keys.append(_key(self._take().text))
        return tuple(keys)

    def _value(self, place: Place) -> None:
        if self._take_if("["):
            self._list(place)
        elif self._take_if("{"):
            self._inline_table(place)
        else:  # a string is one token; a date or a number may be several
            while self._tokens and self._tokens[0].text not in _VALUE_ENDS:
                self._take()

    def _list(self, place: Place) -> None:
        position = 0
        while not self._take_if("]"):
            if self._take_if("\n") or self._take_if(","):
                continue
            element = (*place, position)
            self._note(element, self._tokens[0].line)
            self._value(element)
            position += 1

    def _inline_table(self, place: Place) -> None:
        while not self._take_if("}"):
            if not (self._take_if("\n") or self._take_if(",")):
                self._pair(place)

    def _note(self, place: Place, line: int) -> None:
        for length in range(1, len(place) + 1):
            self.lines.setdefault(place[:length], line)

    def _next_is(self, text: str) -> bool:
        return self._tokens[0].text == text

    def _take_if(self, text: str) -> bool:
        if self._tokens and self._next_is(text):
            self._tokens.popleft()
            return True
        return False

    def _take(self) -> _Token:
        return self._tokens.popleft()


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        if found["comment"] is None:
            yield _Token(found[0], line)
        line += found[0].count("\n")


def _key(token: str) -> str:
    if token[0] not in "\"'":
        return token
    found: str = tomllib.loads(f"key = {token}")["key"]
    return found
