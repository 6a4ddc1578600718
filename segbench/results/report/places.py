"""File and line of a limit, as JUnit and GitHub want them apart."""

from __future__ import annotations


def split_place(place: str) -> tuple[str, int | None]:
    """Split ``file:line``; the line is None where there is none.

    >>> split_place("ci/budgets.toml:12"), split_place("budgets.toml")
    (('ci/budgets.toml', 12), ('budgets.toml', None))
    """
    file, _, line = place.rpartition(":")
    return (file, int(line)) if file and line.isdecimal() else (place, None)
