"""A command, tried from outside: in its own folders, with all that it says, leaves and changes."""

import contextlib
import hashlib
import itertools
import multiprocessing
import os
import re
import resource
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from PIL import Image

MARK = "SEGBENCH_HOSTILE"  # in the environment of all that a command starts
MOST_CHARACTERS = 1200
MORE_MEMORY = 6 << 30  # address space that a command may take on top; what reads on for ever fails
MOST_FILE = 1 << 30  # bytes of a file that a command may write
PATIENCE_S = 5.0  # for processes to end
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Where a command may put things; all of them are looked through.
PLACES = ("here", "home", "tmp", "cache", "data")
CACHES = ("cache/*",)  # of decoded scenes, which the next command uses

Prepare = Callable[[Path], object]
Input = str | Prepare | None


@dataclass(frozen=True)
class Case:
    """One wrong input.

    Attributes:
        name: a sentence.
        arguments: of the command.
        prepare: changes the folder that the command runs in, which is a copy of the workshop.
        code: what the command may end with, one number or several.
        environment: over that of the trial; None for a variable that is not set.
        seconds: after which the command is held to hang.
        shell: for a process of Python's own, how a shell starts it: the command's place is ``{}``.
        kept: patterns of what may be left or changed, below the trial's folder.
        before: a pattern of lines that may come before the error, warnings aside.
        unheard: whether standard error is closed or full, so that nobody can read it.
        prints: whether standard output may have something, though the code is not 0.
        slow: whether it starts processes that import torch; only the script tries it.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Prepare | None = None
    code: int | tuple[int, ...] = 2
    environment: Mapping[str, str | None] = field(default_factory=dict)
    seconds: float = 20.0
    shell: str | None = None
    kept: tuple[str, ...] = ()
    before: str = "(?!)"
    unheard: bool = False
    prints: bool = False
    slow: bool = False


@dataclass
class Outcome:
    """What a command did.

    Attributes:
        code: None if it did not end in time; 1 with a traceback for whatever it raised.
        warned: lines on standard error that are warnings.
        changes: what was left, changed or removed, by path.
        processes: that were left.
    """

    code: int | None
    out: str
    errors: str
    warned: int = 0
    changes: dict[str, str] = field(default_factory=dict)
    processes: list[str] = field(default_factory=list)


def cases(
    commands: Mapping[str, str],
    inputs: Mapping[str, Input | tuple[str, Input]],
    prepare: Prepare | None = None,
    **others: Any,
) -> Iterator[Case]:
    """Give every command every input.

    Args:
        commands: as in a shell; the word that is an input stands in place of ``{}``.
        inputs: a word, what is done to the folder, or both.
        prepare: what is done to the folder where the input does nothing to it.
    """
    for (command, words), (what, given) in itertools.product(commands.items(), inputs.items()):
        word, change = given if isinstance(given, tuple) else (given, given)
        word = word if isinstance(word, str) else ""
        arguments = tuple(each.replace("{}", word) for each in shlex.split(words))
        change = prepare if change is None or isinstance(change, str) else change
        yield Case(f"{command} {what}", arguments, change, **others)


def judge(case: Case, outcome: Outcome) -> list[str]:
    """Return all that is wrong with an outcome."""
    codes = case.code if isinstance(case.code, tuple) else (case.code,)
    wrong = [] if outcome.code is not None else [f"it took longer than {case.seconds:g} s"]
    if outcome.code is not None and outcome.code not in codes:
        wrong.append(f"exit code {outcome.code}, not {' or '.join(map(str, codes))}")
    wrong += _judge_errors(case, outcome)
    if outcome.code != 0 and outcome.out and not case.prints:
        wrong.append(f"standard output has {outcome.out[:80]!r}")
    for name, text in (("output", outcome.out), ("error", outcome.errors)):
        if found := UNPRINTABLE.search(text):
            wrong.append(f"standard {name} has the control character {found[0]!r}")
    wrong += [
        f"{what}: {path}"
        for path, what in outcome.changes.items()
        if not any(fnmatch(path, pattern) for pattern in (*case.kept, *CACHES))
        and str(Path(path).parent) not in outcome.changes  # that of the folder says it
    ]
    return wrong + [f"a process is left: {each}" for each in outcome.processes]


def _judge_errors(case: Case, outcome: Outcome) -> list[str]:
    lines = outcome.errors.splitlines()
    wrong = []
    said = [line for line in lines if not re.match(case.before, line)]
    if "Traceback (most recent call last)" in outcome.errors:
        wrong.append(f"a traceback, which ends in {lines[-1][:200]!r}")
    elif outcome.code not in {0, None}:
        if not case.prints and not case.unheard and len(said) - outcome.warned != 1:
            wrong.append(f"standard error has {len(said) - outcome.warned} lines: {said[-3:]}")
        if foreign := [line for line in said if not line.startswith("segbench: ")]:
            wrong.append(f"a line does not begin with 'segbench: ': {foreign[0][:200]!r}")
    if lines and max(map(len, lines)) >= MOST_CHARACTERS:
        wrong.append(f"a line has {max(map(len, lines)):,} characters")
    return wrong


class Trial:
    """Folders of their own for one command: where it runs, home, temporary files, cache, data."""

    def __init__(self, folder: Path, workshop: Path) -> None:
        self.folder = folder
        shutil.copytree(workshop, folder / "here", symlinks=True)
        for place in PLACES[1:]:
            (folder / place).mkdir()

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a command into these folders."""
        home, common = self.folder / "home", Path(tempfile.gettempdir())
        return {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "XDG_STATE_HOME": str(home / ".local" / "state"),
            "TMPDIR": str(self.folder / "tmp"),
            "SEGBENCH_CACHE": str(self.folder / "cache"),
            "SEGBENCH_DATA": str(self.folder / "data"),
            # Font lists are matplotlib's, and made once for all.
            "MPLCONFIGDIR": str(common / "segbench-hostile-matplotlib"),
            # So is a folder that torch makes as soon as it is imported.
            "TORCHINDUCTOR_CACHE_DIR": str(common / "segbench-hostile-torch"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "NO_PROXY": "*",
        }

    def seen(self) -> dict[str, str]:
        """Return what is in the folders, by path: the kind of each thing, and its content."""
        found = {}
        for place in PLACES:
            for root, folders, files in os.walk(self.folder / place):
                for name in [*folders, *files]:
                    path = Path(root, name)
                    found[os.path.relpath(path, self.folder)] = _describe(path)
        return found


def _describe(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link to {path.readlink()}"
    if stat.S_ISREG(mode):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return stat.filemode(mode)[0]


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Say what is there that was not, is not there that was, and is otherwise than it was."""
    found = dict.fromkeys(sorted(after.keys() - before.keys()), "left behind")
    found |= dict.fromkeys(sorted(before.keys() - after.keys()), "removed")
    both = sorted(before.keys() & after.keys())
    return found | {path: "changed" for path in both if before[path] != after[path]}


def processes_of(mark: str) -> list[str]:
    """Return the processes that were started with a mark, but for this one; the dead are none."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                found.append(f"{entry.name} {command.decode(errors='replace')[:120]}")
    return found


def wait_for_processes(mark: str, *, patience_s: float = PATIENCE_S) -> list[str]:
    """Wait for the processes of a mark to end; return those that do not, and kill them."""
    end = time.monotonic() + patience_s
    while (found := processes_of(mark)) and time.monotonic() < end:
        time.sleep(0.02)
    for each in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(each.split()[0]), signal.SIGKILL)
    return found


def try_case(case: Case, trial: Trial) -> Outcome:
    """Run a command as a case says, and return what came of it."""
    work, mark = trial.folder / "here", uuid.uuid4().hex
    if case.prepare is not None:
        case.prepare(work)
    environment = {**os.environ, **trial.environment(), MARK: mark, **case.environment}
    whole = {name: value for name, value in environment.items() if value is not None}
    before = trial.seen()
    outcome = (_run_forked if case.shell is None else _run_apart)(case, work, whole)
    outcome.processes = wait_for_processes(mark)
    outcome.changes = changes(before, trial.seen())
    return outcome


def _run_apart(case: Case, work: Path, environment: Mapping[str, str]) -> Outcome:
    """Run a command in a process of Python's own."""
    command = (case.shell or "{}").replace("{}", '"$@"')
    program = (sys.executable, "-P", "-m", "segbench", *case.arguments)
    process = subprocess.Popen(
        ["/bin/bash", "-c", command, "bash", *program], cwd=work, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        said = process.communicate(timeout=case.seconds)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, code = process.communicate(), None
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    out, errors = (each.decode(encoding, "surrogateescape") for each in said)
    # A warning begins like an error; what cannot be told apart is not held against the command.
    lines = [line for line in errors.splitlines() if line.startswith("segbench: ")]
    return Outcome(code, out, errors, max(0, len(lines) - 1))


# What takes long to import is imported once, by the process that all others are forked from. It
# knows no folder of tests, so each module is named.
PIL_FORMATS = (f"PIL.{name}" for name in Image._plugins)
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload([
    *("torch", "torch.distributed", "torch._dynamo", "lightning_fabric", "safetensors.torch"),
    *("optuna", "matplotlib.pyplot", "matplotlib.backends.backend_agg", "scipy.stats", "pandas"),
    *("plotly.graph_objects", "plotly.io", "plotly.subplots", "av", "rich.console", "rich.table"),
    *("pydantic.dataclasses", "pydantic.type_adapter", "pydantic._internal._generate_schema"),
    *("PIL.ImageDraw", "PIL.ImageOps", "PIL.features", *PIL_FORMATS),
    *("segbench.budgets.budget_file", "segbench.budgets.check", "segbench.cli.app"),
    *("segbench.cli.check_inputs", "segbench.cli.prediction_files", "segbench.cli.search_session"),
    *("segbench.cli.training_session", "segbench.data.dataset_check", "segbench.data.fetching"),
    *("segbench.data.folder", "segbench.measurement.profile", "segbench.results.report"),
    *("segbench.search.run", "segbench.training.evaluate", "segbench.training.run"),
    *("segbench.training.summary", "__main__"),
])  # fmt: skip


def _run_forked(case: Case, work: Path, environment: Mapping[str, str]) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="segbench-hostile-") as folder:
        said = [Path(folder, name) for name in ("out", "errors", "warnings")]
        arguments = (case.arguments, work, dict(environment), said)
        process = FORKING.Process(target=_call, args=arguments)
        process.start()
        process.join(case.seconds)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
        out, errors, warned = (
            each.read_bytes().decode(errors="surrogateescape") if each.exists() else ""
            for each in said
        )
    return Outcome(code, out, errors, len(warned.splitlines()))


def _call(
    arguments: Sequence[str], work: Path, environment: Mapping[str, str], said: Sequence[Path]
) -> None:
    """Be the command, in a process that was forked for it."""
    from segbench.cli import main
    from segbench.training.allocator import MARK as STEADY

    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.environ[STEADY] = "1"  # this process is not to be started anew
    tempfile.tempdir = None
    os.chdir(work)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MORE_MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE,) * 2)
    for stream, path in zip((1, 2), said[:2], strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    warnings.resetwarnings()
    warnings.simplefilter("ignore", DeprecationWarning)
    count = said[2].open("w")

    def show(message, category, filename, lineno, _file=None, line=None):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))
        print(message, file=count, flush=True)

    warnings.showwarning = show
    sys.argv = ["segbench", *arguments]
    try:
        main(list(arguments))
    except SystemExit:
        raise
    except BaseException:  # noqa: BLE001 - Python would show it, and end with 1
        traceback.print_exc()
        sys.exit(1)
