"""The entry point: runs a command and turns every error into one line and an exit code."""

from __future__ import annotations

import os
import sys
import warnings
from typing import NoReturn

from segbench.errors import ExitCode, SegbenchWarning

_PYTHON_FORMATS = warnings.formatwarning


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given  # understood in every place, so that it can be added at the end
    warnings.formatwarning = _format_warning
    try:
        code = _run([argument for argument in given if argument != "--debug"])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, a `head` perhaps, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.OK
    except KeyboardInterrupt:
        code = _fail("interrupted; nothing was measured", ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - those that are not ours are raised again
        code = _explain(error)
        if debug:
            raise SystemExit(_show_traceback(error, code)) from None
    sys.exit(int(code))


def _format_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Return a warning of ours without the line of code that gave it; a library's as always."""
    if issubclass(category, SegbenchWarning):
        return f"segbench: {_one_line(str(message))}\n"
    return _PYTHON_FORMATS(message, category, filename, lineno, line)


def _run(arguments: list[str]) -> ExitCode:
    from typer.exceptions import Abort, Exit  # noqa: PLC0415 - errors of the import are caught too

    from segbench.cli.app import app  # noqa: PLC0415

    try:
        code = app(arguments, prog_name="segbench", standalone_mode=False)
    except Exit as end:
        return ExitCode(end.exit_code)
    except Abort:
        raise KeyboardInterrupt from None
    return ExitCode(code or 0)


def _explain(error: Exception) -> ExitCode:
    """Print one line on an error and return its exit code; an error of our own making is raised."""
    from typer.exceptions import TyperException  # noqa: PLC0415 - help does not wait for it

    from segbench.errors import SegbenchError  # noqa: PLC0415
    from zoo.errors import ZooError  # noqa: PLC0415

    if isinstance(error, TyperException):
        return _fail(f"{_one_line(error.format_message())}; see --help", ExitCode.USAGE)
    if isinstance(error, ZooError):
        return _fail(_one_line(str(error)), ExitCode.USAGE)
    if isinstance(error, SegbenchError):
        return _fail(_one_line(str(error)), error.exit_code)
    raise error


def _show_traceback(error: Exception, code: ExitCode) -> int:
    import traceback  # noqa: PLC0415 - only --debug waits for it

    traceback.print_exception(error)
    return int(code)


def _fail(line: str, code: ExitCode) -> ExitCode:
    print(f"segbench: {line}", file=sys.stderr)
    return code


def _one_line(text: str) -> str:
    return " ".join(text.splitlines()).rstrip(".")
