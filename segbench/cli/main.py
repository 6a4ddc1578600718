"""The entry point: runs a command and turns every error into one line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

from segbench.cli.signals import ignore_signals, interrupts_kept
from segbench.errors import ExitCode, SegbenchWarning, one_line, os_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segbench.cli.streams import SteadyOutput

_PYTHON_FORMATS = warnings.formatwarning


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code.

    Args:
        arguments: those of the process if None, whose streams are then made steady too.
    """
    output = None
    with interrupts_kept() as check:
        try:
            if arguments is None:
                from segbench.cli.streams import hold_streams

                output, arguments = hold_streams(), sys.argv[1:]
                keep_out_of_temporary_files()
            code = _end(_guarded(arguments, check), output)
        except KeyboardInterrupt:  # while the last line was written
            code = ExitCode.INTERRUPTED
        if output is not None:
            ignore_signals()  # there is nothing left to stop
    if output is not None and code is ExitCode.INTERRUPTED:
        _leave(code)
    sys.exit(int(code))


def keep_out_of_temporary_files() -> None:
    """Let torch put its compiler's cache among the user's caches.

    Else it makes a folder among the temporary files, with a name that everybody can foresee, as
    soon as an optimizer is imported.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", f"{home}/segbench/torchinductor")


def _leave(code: ExitCode) -> NoReturn:
    """End the process with a code after an interruption.

    Where one came while Python ran a text of code, as dataclasses are made, it would at its end
    kill itself by the same signal, whatever code it was asked for.
    """
    import atexit

    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()  # noqa: SLF001 - what ends in order otherwise
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(int(code))


def _guarded(given: list[str], check: Callable[[], None]) -> ExitCode:
    """Run a command, and return its code whatever happens.

    Args:
        check: raises KeyboardInterrupt if one came; a library may have made another error of it.
    """
    debug = "--debug" in given  # understood in every place, so that it can be added at the end
    warnings.formatwarning = _format_warning
    if not _is_somewhere() and not {"--help", "--version"} & set(given):
        # Libraries that load others from here would end the process in their own way.
        return _fail("the present folder is gone; change into one that is there", ExitCode.USAGE)
    try:
        with _log_shown() if debug else contextlib.nullcontext():
            return _run([argument for argument in given if argument != "--debug"])
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except SystemExit as end:  # of a network's code: no command of ours ends so
        return _fail(f"a network's code ended the command: {end}", ExitCode.FAILED)
    except Exception as error:  # noqa: BLE001 - the one place for what was not foreseen
        try:
            check()
        except KeyboardInterrupt:
            return _fail("interrupted", ExitCode.INTERRUPTED)
        code = _explain(error)
        if debug:
            import traceback

            traceback.print_exception(error)
        return code


@contextlib.contextmanager
def _log_shown() -> Iterator[None]:
    """Write what segbench logs to standard error: failures that end no command."""
    import logging

    log, shown = logging.getLogger("segbench"), logging.StreamHandler()
    level = log.level
    log.addHandler(shown)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(shown)


def _is_somewhere() -> bool:
    """Tell whether the present folder is there; it may have been removed."""
    try:
        os.getcwd()  # noqa: PTH109 - without importing pathlib
    except OSError:
        return False
    return True


def _end(code: ExitCode, output: SteadyOutput | None) -> ExitCode:
    """Flush what was printed; say so where it could not be, but to a reader who has enough."""
    try:
        sys.stdout.flush()
        failure = None if output is None else output.failure
    except OSError as error:
        failure = error
    if failure is None or failure.errno in {errno.EPIPE, errno.EBADF}:
        return code
    said = f"cannot write to standard output: {os_reason(failure)}"
    return _fail(said, ExitCode.FAILED if code is ExitCode.OK else code)


def _format_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Return a warning of ours without the line of code that gave it; a library's as always."""
    if issubclass(category, SegbenchWarning):
        return f"segbench: {one_line(str(message))}\n"
    return _PYTHON_FORMATS(message, category, filename, lineno, line)


def _run(arguments: list[str]) -> ExitCode:
    from typer.exceptions import Abort, Exit

    from segbench.cli.app import app

    try:
        code = app(arguments, prog_name="segbench", standalone_mode=False)
    except Exit as end:
        return ExitCode(end.exit_code)
    except Abort:
        raise KeyboardInterrupt from None
    if code == ExitCode.INTERRUPTED and not isinstance(code, ExitCode):
        raise KeyboardInterrupt  # of which typer makes a plain number, without a word
    return ExitCode(code or 0)


def _explain(error: Exception) -> ExitCode:
    """Print one line on an error and return its exit code."""
    from typer.exceptions import TyperException

    from segbench.errors import SegbenchError
    from zoo.errors import ZooError

    if isinstance(error, TyperException):
        return _fail(f"{one_line(error.format_message())}; see --help", ExitCode.USAGE)
    if isinstance(error, ZooError):
        return _fail(str(error), ExitCode.USAGE)
    if isinstance(error, SegbenchError):
        return _fail(str(error), error.exit_code)
    if _is_bad_name(error):
        file = getattr(error, "filename", None)
        named = f" {os.fsdecode(file)!r}" if file else ""
        said = os_reason(error) if isinstance(error, OSError) else str(error)
        return _fail(f"cannot use the path{named}: {said}", ExitCode.USAGE)
    return _fail(_describe_unforeseen(error), ExitCode.FAILED)


def _is_bad_name(error: Exception) -> bool:
    """Tell whether a path was given that no file can have; whatever asks the system finds out."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENAMETOOLONG, errno.ELOOP}
    said = str(error)  # pathlib has a loop of links as a RuntimeError
    return "embedded null" in said or said.startswith("Symlink loop")


def _describe_unforeseen(error: Exception) -> str:
    """Say what happened where, and whose fault it is: the system's, a network's or segbench's."""
    if isinstance(error, MemoryError):
        return "out of memory; try a smaller --size or --batch"
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        named = f" {os.fsdecode(error.filename)!r}" if error.filename else ""
        return f"cannot write{named}: {os_reason(error)}"
    what = f"{type(error).__name__}: {one_line(str(error))}".removesuffix(": ")
    file, line = _origin(error)
    if file is None:
        return f"{what}; this is a fault of segbench, please report it with what --debug shows"
    if _is_ours(file):
        return (
            f"{what} (at {os.path.basename(file)}:{line}); "  # noqa: PTH119 - a name of text
            "this is a fault of segbench, please report it with what --debug shows"
        )
    return f"{what} (at {file}:{line}); the code there raised it: --debug shows more"


def _origin(error: Exception) -> tuple[str | None, int]:
    """Return the file and line that an error came from: the last that is of no library."""
    found: tuple[str | None, int] = (None, 0)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not _is_library(file):
            found = file, trace.tb_lineno
        trace = trace.tb_next
    return found


def _is_ours(file: str) -> bool:
    import zoo

    here = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - plain text is compared
    return file.startswith((here + os.sep, os.path.dirname(zoo.__file__) + os.sep))  # noqa: PTH120


def _is_library(file: str) -> bool:
    import sysconfig

    if _is_ours(file):
        return False
    paths = sysconfig.get_paths()
    return file.startswith(("<", *(paths[name] for name in ("stdlib", "purelib", "platlib"))))


def _fail(line: str, code: ExitCode) -> ExitCode:
    print(f"segbench: {one_line(line)}", file=sys.stderr)
    return code
