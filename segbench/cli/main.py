"""The entry point: runs a command and turns every error into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

from typer.exceptions import Abort, Exit, TyperException

from segbench.errors import ExitCode, SegbenchError
from zoo.errors import ZooError


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given  # understood in every place, so that it can be added at the end
    try:
        code = _run([argument for argument in given if argument != "--debug"])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, a `head` perhaps, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.OK
    except KeyboardInterrupt:
        code = _fail("interrupted; nothing was measured", ExitCode.INTERRUPTED)
    except TyperException as error:
        code = _fail(f"{_one_line(error.format_message())}; see --help", ExitCode.USAGE)
    except (SegbenchError, ZooError) as error:
        code = getattr(error, "exit_code", ExitCode.USAGE)
        _fail(_one_line(str(error)), code)
        if debug:
            traceback.print_exception(error)
    sys.exit(int(code))


def _run(arguments: list[str]) -> ExitCode:
    from segbench.cli.app import app  # noqa: PLC0415 - errors in it are to be caught above

    try:
        code = app(arguments, prog_name="segbench", standalone_mode=False)
    except Exit as end:
        return ExitCode(end.exit_code)
    except Abort:
        raise KeyboardInterrupt from None
    return ExitCode(code or 0)


def _fail(line: str, code: ExitCode) -> ExitCode:
    print(f"segbench: {line}", file=sys.stderr)
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
