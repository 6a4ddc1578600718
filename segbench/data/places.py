"""Locations of datasets: the data root, and a dataset's home below it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from segbench.data.errors import DataError

VARIABLE = "SEGBENCH_DATA"


def data_root(given: Path | None = None) -> Path:
    """Return the data root: what is given, else ``SEGBENCH_DATA``, else the platform's folder.

    Raises:
        DataError: a folder was named, and it does not exist.
    """
    named = given or (Path(text) if (text := os.environ.get(VARIABLE)) else None)
    if named is None:
        from platformdirs import user_data_path  # noqa: PLC0415 - few need it

        return user_data_path("segbench", appauthor=False)
    if not named.is_dir():
        origin = "--data-root" if given else VARIABLE
        raise DataError(
            f"data root {str(named)!r} ({origin}) is no folder; create it, or name another"
        )
    return named


def find_home(root: Path, names: Sequence[str], is_home: Callable[[Path], bool]) -> Path | None:
    """Return the folder below a data root, or the root itself, that holds a dataset."""
    return next((each for each in (*(root / name for name in names), root) if is_home(each)), None)
