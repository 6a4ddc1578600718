"""Outputs of results and progress: terminal, pipe or file."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from segbench.cli.options import FormatName
from segbench.errors import UsageError

if TYPE_CHECKING:
    from segbench.files import Claim
    from segbench.progress import Progress
    from segbench.results.report import Format
    from segbench.results.store import Result

Measured = TypeVar("Measured", bound="Result")

_ENDINGS = {
    ".json": FormatName.JSON,
    ".csv": FormatName.CSV,
    ".md": FormatName.MARKDOWN,
    ".txt": FormatName.TABLE,
    ".xml": FormatName.JUNIT,
}
NARROWEST = 80  # the tables are made for it; a narrower terminal wraps them


class Target:
    """Where one result is to go, checked before anything is measured.

    Args:
        kind: what will be measured; None where the result is there already.

    Raises:
        UsageError: a file cannot be written, or another process is about to; its ending names no
            format and none is given; or a format has no place for a result of this kind.
    """

    def __init__(
        self,
        form: FormatName | None,
        outputs: Sequence[Path] | None,
        *,
        force: bool,
        kind: type[Result] | None = None,
    ) -> None:
        self._force = force
        self._form = form
        self._files = {output: _format_of(output, form) for output in outputs or ()}
        if kind is not None:
            _check_kind(kind, tuple(self._files.values()) or (form,))
        self._claims = claim_outputs(outputs or (), force=force)

    def write(self, result: Result) -> None:
        """Write the result to the files, if there are any, and show it."""
        from segbench.files import write_text
        from segbench.results.report import render

        if not self._files:
            show(result, cast("Format", self._form or "table"))
            return
        # All are drawn before the first is written, so that a format which cannot hold the result
        # leaves nothing half done.
        drawn = {path: render(result, cast("Format", form)) for path, form in self._files.items()}
        for path, text in drawn.items():
            write_text(path, text, force=self._force)
        for claim in self._claims:
            claim.release()
        show(result, "table")
        print(f"written to {', '.join(map(str, drawn))}", file=sys.stderr)


def claim_outputs(outputs: Iterable[Path], *, force: bool) -> list[Claim]:
    """Refuse files that could not be written, and keep other processes from writing them.

    Raises:
        UsageError: one cannot be written, is named twice, or is another process's.
    """
    from segbench.files import Claim, check_writable

    claims: dict[str, Claim] = {}
    for output in outputs:
        check_writable(output, force=force)
        place = os.path.realpath(output)
        if place in claims:
            raise UsageError(f"{str(output)!r} is named twice with --output; name it once")
        claims[place] = Claim(output)
    return list(claims.values())


def _check_kind(kind: type[Result], forms: Collection[FormatName | None]) -> None:
    from segbench.results.check import Check

    if FormatName.JUNIT in forms and kind is not Check:
        from segbench.results.report.junit import refusal

        raise refusal(kind)


def _format_of(output: Path, form: FormatName | None) -> FormatName:
    found = form or _ENDINGS.get(output.suffix.lower())
    if found is None:
        raise UsageError(
            f"no format belongs to the ending of {str(output)!r}; "
            f"add --format, or end it in {', '.join(_ENDINGS)}"
        )
    return found


def show(result: Result, form: Format) -> None:
    """Print a result, as wide as the terminal and in colour where it has them."""
    from segbench.results.report import render

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else NARROWEST
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(render(result, form, width=max(width, NARROWEST), color=color), end="")


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show progress on a terminal; say nothing in a pipe.

    It is drawn when a step begins and not in between: a bar that moves by itself would compute
    while something is timed.
    """
    if not sys.stderr.isatty():
        yield lambda _doing, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bar:
        shown = bar.add_task("starting", total=1)

        def update(doing: str, done: int, total: int) -> None:
            bar.update(shown, description=doing, completed=done, total=total)
            bar.refresh()

        yield update


def measure(target: Target, run: Callable[[Progress], Measured]) -> Measured | None:
    """Run a measurement and write its result; what Ctrl-C leaves is written as well.

    Returns:
        The result, None where it did not run to its end.
    """
    from segbench.progress import Interrupted

    try:
        with progress_bar() as progress:
            result = run(progress)
    except Interrupted as stop:
        if stop.partial is None:
            print("segbench: interrupted; nothing was measured", file=sys.stderr)
            return None
        target.write(stop.partial)
        print("segbench: interrupted; above is what was measured until then", file=sys.stderr)
        return None
    except KeyboardInterrupt:
        print("segbench: interrupted; there is no result yet", file=sys.stderr)
        return None
    target.write(result)
    return result
