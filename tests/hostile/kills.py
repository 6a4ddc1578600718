"""Commands that are killed at moments spread over their work, by each signal.

Each command runs once to its end, and then again and again, to be killed. What is there afterwards
is judged: how the command ended and what it said, processes, temporary and partial files, inputs,
and that every output is as before or whole. Then the same command has to work::

    python tests/hostile/kills.py --moments 10 --commands train,search --signals KILL,TERM

The exit code is 1 if anything was wrong. All of it takes more than an hour; `--commands` parts it.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import random
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image
from preparing import damaged
from trying import MARK, Trial, changes, processes_of, wait_for_processes
from workshop import make_repository, make_video, make_workshop, served, train_one
from wrong_data import TUTORIAL, camvid

SIGNALS = ("KILL", "TERM", "HUP", "INT")
TO_ALL = ("HUP", "INT")  # which a terminal sends to all that it runs
INTERRUPTED = 130
ENDS_S = 30.0  # after a signal
GOES_ON_S = 3.0  # that a command may go on after a signal, if it ends as if none had come
LONGEST_S = 600.0
PICTURES, FRAMES = 24, 40
# What stays and is no output: locks, which are the kernel's, and a download that is gone on with.
MAY_STAY = ("*/.*lock", "cache/*.lock", "data/.camvid.zip.part")

FETCHES = """
import dataclasses
from segbench.cli import main
from segbench.data import fetching
fetching.SOURCES["camvid"] = dataclasses.replace(fetching.SOURCES["camvid"], digest={digest!r})
main()
"""
MODULE = """
from torch import nn

class Small(nn.Conv2d):
    def __init__(self, classes: int = 5) -> None:
        super().__init__(3, classes, 1)

class Other(Small):
    pass
"""

QUEUE = """
[defaults]
dataset = "rooms"
size = "24x32"
batch = 2
epochs = 2
seeds = [0, 1]
[[run]]
model = "tiny_net:Small"
"""


@dataclass(frozen=True)
class Scenario:
    """A command that writes.

    Attributes:
        command: as in a shell.
        again: what is given too when it runs again: to overwrite, or to go on.
        more: patterns of what it writes besides what it names, below the trial's folder.
        codes: that it may end with when nothing kills it.
        cleans_later: whether what KILL leaves among temporary files may stay until the next run.
    """

    command: str
    again: str = "--force"
    more: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0,)
    cleans_later: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Patterns of all that it writes."""
        named = re.findall(r"--out(?:put)? (\S+)", self.command)
        inside = [f"here/{each}/*" for each in named]
        return (*(f"here/{each}" for each in named), *inside, "cache/*", *self.more)


FETCH = "data fetch camvid"
WORKLOAD = "--size 32x32 --threads 1"
NET = "tiny_net:Small"
TRAINED = "--dataset rooms --size 24x32 --batch 2"
LIMIT = "--limit 'latency.forward.p50_s <= 9 s' --max-time 1s"
ONE, TWO = "--output new.json", "--output new.json --output new.csv"
SCENARIOS: Mapping[str, Scenario] = {
    "profile": Scenario(f"profile {NET} {WORKLOAD} --repeats 1 --no-training {ONE}"),
    "compare": Scenario(f"compare {NET} tiny_net:Other {WORKLOAD} --repeats 1 --no-training {ONE}"),
    "check": Scenario(f"check {NET} {WORKLOAD} {LIMIT} {ONE} --output new.xml", codes=(0, 3)),
    "check-against": Scenario(
        f"check {NET} {WORKLOAD} --against HEAD --max-time 1s {ONE}",
        codes=(0, 1, 3), cleans_later=True,
    ),
    "baseline-save": Scenario(f"baseline save {NET} {WORKLOAD} --repeats 1 {ONE}"),
    "baseline-update": Scenario(
        "baseline update measured.json --repeats 1 --allow-import tiny_net",
        "", ("here/measured.json",),
    ),
    "train": Scenario(f"train {NET} {TRAINED} --epochs 3 --out new", "--resume"),
    "train-queue": Scenario("train --queue queue.toml --out new", ""),
    "reproduce": Scenario(f"reproduce {NET} {TRAINED} --epochs 1 --seeds 2 --out new {ONE}"),
    "evaluate": Scenario(f"evaluate run {ONE} --output new.md"),
    "predict-folder": Scenario("predict run pictures --out new"),
    "predict-video": Scenario("predict run long.mp4 --out new"),
    "search": Scenario(
        f"search --study two.py {TRAINED} --train-size 24x32 --epochs 1 --sampler random "
        "--trials 2 --threads 1 --out new", "",
    ),
    "search-show": Scenario(f"search show found {TWO}", more=("here/found/front.*",)),
    "search-export": Scenario(f"search export found {ONE}"),
    "search-retrain": Scenario(
        f"search retrain found --seeds 1 --epochs 1 {ONE}",
        more=("here/found/retrained", "here/found/retrained/*"),
    ),
    "data-check": Scenario(f"data check rooms {TWO}"),
    "data-fetch": Scenario(FETCH, "", ("data/camvid", "data/camvid/*")),
    "data-show": Scenario("data show rooms --output new.png"),
    "report": Scenario(f"report comparison.json {TWO} --output new.md"),
}  # fmt: skip


class Archive:
    """A small copy of CamVid, served slowly enough to be killed meanwhile."""

    def __init__(self) -> None:
        from segbench.data.fetching import SOURCES, digest_of

        whole = io.BytesIO()
        with tempfile.TemporaryDirectory() as made, zipfile.ZipFile(whole, "w") as target:
            camvid(Path(made))
            self.digest = digest_of(Path(made), SOURCES["camvid"].labels)
            self.names = [path.relative_to(made) for path in Path(made).rglob("*.*")]
            for name in self.names:
                target.write(Path(made, name), f"{TUTORIAL}/{name}")
        self.content = whole.getvalue()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Send the rest that is asked for, with pauses."""
        asked = handler.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start >= len(self.content):
            handler.send_error(416)
            return
        rest = self.content[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        step = len(self.content) // 20 + 1
        with contextlib.suppress(OSError):  # whoever asked was killed
            for at in range(0, len(rest), step):
                handler.wfile.write(rest[at : at + step])
                time.sleep(0.05)


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        after_s: seconds after the signal; None where it was over before.
        is_early: whether it had not taken the signals over by then.
    """

    code: int | None
    errors: str
    seconds: float
    after_s: float | None = None
    is_early: bool = False


@dataclass
class LimitRun:
    """Where commands are run and killed; every trial's folder is a copy of the workshop."""

    workshop: Path
    folder: Path
    archive: Archive | None = None
    url: str = ""
    count: int = 0

    def trial(self) -> Trial:
        self.count += 1
        return Trial(self.folder / str(self.count), self.workshop)

    def run(
        self, scenario: Scenario, trial: Trial, mark: str, *, more: str = "",
        kill: tuple[str, float] | None = None,
    ) -> Ended:  # fmt: skip
        """Run a command; send it a signal after so many seconds."""
        program, arguments = ["-m", "segbench"], shlex.split(f"{scenario.command} {more}")
        if scenario.command == FETCH and self.archive is not None:
            program = ["-c", FETCHES.format(digest=self.archive.digest)]
            arguments += ["--url", f"{self.url}/master.zip"]
        said = trial.folder / "said"
        began = time.monotonic()
        with said.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", *program, *arguments],
                cwd=trial.folder / "here", env={**os.environ, **trial.environment(), MARK: mark},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
            sent = _kill(process, *kill) if kill is not None else None
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LONGEST_S if kill is None else ENDS_S)
            if (code := process.poll()) is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        ended = time.monotonic()
        words = said.read_text(encoding="utf-8", errors="replace")
        said.unlink()
        if sent is None:
            return Ended(code, words, ended - began)
        when_s, is_early = sent
        return Ended(code, words, ended - began, ended - when_s, is_early=is_early)


def _kill(
    process: subprocess.Popen[bytes], name: str, moment_s: float
) -> tuple[float, bool] | None:
    """Wait, and send the signal; return when that was, None if the command was over.

    With it goes whether the command had not taken the signals over by then: Python was still
    starting, and ends as it does.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment_s)
        return None
    is_early = not _takes_signals(process.pid)
    send = os.killpg if name in TO_ALL else os.kill
    send(process.pid, getattr(signal, f"SIG{name}"))
    return time.monotonic(), is_early


def _takes_signals(pid: int) -> bool:
    """Tell whether a process handles SIGTERM, as segbench's commands do, and Python does not."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@dataclass
class Tally:
    """What came of the kills of one command by one signal."""

    tried: int = 0
    early: int = 0
    finished: int = 0
    wrong: list[str] = field(default_factory=list)


def kill_one(
    bench: LimitRun, name: str, scenario: Scenario, signal_name: str, moment_s: float, tally: Tally
) -> None:
    """Kill a command at a moment, judge what is there, and run it again."""
    trial, mark = bench.trial(), uuid.uuid4().hex
    before = trial.seen()
    ended = bench.run(scenario, trial, mark, kill=(signal_name, moment_s))
    tally.tried += 1
    wrong = [f"a process is left: {each}" for each in wait_for_processes(mark, patience_s=10.0)]
    state, more = judge_end(ended, signal_name, codes=scenario.codes)
    tally.early += state == "early"
    tally.finished += state == "finished"
    wrong += more
    wrong += judge_leftovers(trial, before, scenario, killed=signal_name == "KILL")
    home = trial.folder / "data/camvid"
    if bench.archive is not None and home.exists():
        lacks = sum(not (home / each).is_file() for each in bench.archive.names)
        wrong += [f"the dataset lacks {lacks} files"] if lacks else []
    # Where a kill changed nothing, the next run begins as the first one did.
    if tally.tried == 1 or changes(before, trial.seen()):
        wrong += judge_again(bench, trial, scenario)
    tally.wrong += [f"{name}, {signal_name} at {moment_s:.2f} s: {each}" for each in wrong]
    shutil.rmtree(trial.folder, ignore_errors=True)


def judge_end(ended: Ended, signal_name: str, *, codes: Sequence[int]) -> tuple[str, list[str]]:
    """Return whether the signal came in time, and what was wrong with the end."""
    number = getattr(signal, f"SIG{signal_name}")
    if ended.after_s is None:
        return "finished", [] if ended.code in codes else [f"it ended with {ended.code} by itself"]
    if ended.code is None:
        return "late", [f"it did not end within {ENDS_S:g} s"]
    if ended.code in codes and ended.after_s < GOES_ON_S:
        return "finished", []
    if signal_name == "KILL":
        return "right", [] if ended.code == -number else [f"exit code {ended.code}"]
    # Python's own start may end with 1, and any words.
    if ended.is_early and ended.code in {-number, INTERRUPTED, 1}:
        return "early", []
    wrong = [] if ended.code == INTERRUPTED else [f"exit code {ended.code}, not {INTERRUPTED}"]
    lines = ended.errors.splitlines() or [""]
    if "Traceback" in ended.errors:
        wrong.append(f"a traceback, which ends in {lines[-1][:160]!r}")
    said = [line for line in lines if line.startswith("segbench: interrupted")]
    if said != lines[-1:]:
        wrong.append(f"the last line is {lines[-1][:160]!r}, and {len(said)} lines say interrupted")
    return "right", wrong


def judge_leftovers(
    trial: Trial, before: Mapping[str, str], scenario: Scenario, *, killed: bool
) -> list[str]:
    """Return what is left that should not be, changed, or not whole."""
    wrong = []
    for path, what in changes(before, trial.seen()).items():
        parts = Path(path).parts
        is_partial = parts[-1].startswith(".") and not _matches(path, MAY_STAY)
        # What KILL leaves in caches and downloads the next run takes away.
        if is_partial and killed and parts[0] in {"cache", "data"}:
            continue
        if parts[0] == "tmp":
            if not (killed and scenario.cleans_later):
                wrong.append(f"left among temporary files: {path}")
        elif any(part.startswith(".") for part in parts[1:-1]):
            wrong += [] if killed else [f"a part is left: {path}"]
        elif is_partial:
            wrong.append(f"a part is left: {path}")
        elif what == "removed" or not _matches(path, (*scenario.outputs, *MAY_STAY)):
            wrong.append(f"{what}: {path}")
        elif reason := not_whole(trial.folder / path):
            wrong.append(f"{path} is not whole: {reason}")
    return wrong


def judge_again(bench: LimitRun, trial: Trial, scenario: Scenario) -> list[str]:
    """Run the same command again, and return what is wrong after it."""
    begun = scenario.again != "--resume" or (trial.folder / "here/new/run.json").exists()
    mark = uuid.uuid4().hex
    is_there = (trial.folder / "data" / "camvid").exists()  # what is there is not fetched again
    ended = bench.run(scenario, trial, mark, more=scenario.again if begun else "")
    if ended.code not in ((2,) if is_there else scenario.codes):
        last = (ended.errors.splitlines() or [""])[-1]
        return [f"again it ends with {ended.code}: {last[:200]!r}"]
    wrong = []
    for path in trial.seen():
        parts = Path(path).parts
        hidden = parts[0] in {"cache", "data"} or path.startswith("here/new")
        hidden = hidden and any(part.startswith(".") for part in parts)
        if parts[0] == "tmp" or (hidden and not _matches(path, MAY_STAY)):
            wrong.append(f"left after the next run: {path}")
        if _matches(path, scenario.outputs) and (reason := not_whole(trial.folder / path)):
            wrong.append(f"{path} is not whole after the next run: {reason}")
    return wrong + [f"after the next run a process is left: {each}" for each in processes_of(mark)]


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def _load(path: Path) -> None:
    import segbench
    from segbench.results.store import KINDS

    fields = json.loads(path.read_text())
    if isinstance(fields, dict) and fields.get("schema") in KINDS:
        segbench.load(path)


def _read_table(path: Path) -> None:
    text = path.read_text()
    widths = {len(row) for row in csv.reader(text.splitlines())}
    if not text.endswith("\n") or len(widths) > 1:
        raise ValueError(f"its last line is {text[-60:]!r}")


def _read_text(path: Path) -> None:
    if not path.read_text().endswith(("\n", ">")):
        raise ValueError(f"it ends with {path.read_text()[-60:]!r}")


def _count_frames(path: Path) -> None:
    with av.open(str(path)) as video:
        frames = sum(1 for _ in video.decode(video.streams.video[0]))
    if frames != FRAMES:
        raise ValueError(f"{frames} frames of {FRAMES}")


def _load_weights(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        json.loads(file.metadata()["segbench"])
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            file.get_tensor(name)


def _check_storage(path: Path) -> None:
    # A copy, with the journal of a transaction that was cut off, which opening it rolls back.
    with tempfile.TemporaryDirectory() as folder:
        for each in path.parent.glob(f"{path.name}*"):
            shutil.copy(each, folder)
        with contextlib.closing(sqlite3.connect(Path(folder, path.name))) as storage:
            found = storage.execute("pragma integrity_check").fetchone()[0]
    if found != "ok":
        raise ValueError(found)


LOOKS: Mapping[str, Callable[[Path], object]] = {
    ".json": _load, ".csv": _read_table, ".md": _read_text, ".xml": _read_text,
    ".html": _read_text, ".png": lambda path: Image.open(path).load(), ".mp4": _count_frames,
    ".npy": lambda path: np.load(path, mmap_mode="r"), ".safetensors": _load_weights,
    ".db": _check_storage,
}  # fmt: skip


def not_whole(path: Path) -> str | None:
    """Return why an output is not whole; None for one that is, or that cannot be told."""
    look = LOOKS.get(path.suffix)
    if look is None or not path.is_file():
        return None
    try:
        look(path)
    except Exception as error:  # noqa: BLE001 - each library has its own
        return f"{type(error).__name__}: {str(error)[:120]}"
    return None


def make_kill_workshop(folder: Path, names: Sequence[str]) -> Path:
    """Return the workshop with what these commands need besides."""
    workshop = folder / "workshop"
    make_workshop(workshop)
    (workshop / "pictures").mkdir()
    for number in range(PICTURES):
        shutil.copy(workshop / "street.png", workshop / "pictures" / f"{number}.png")
    make_video(workshop / "long.mp4", frames=FRAMES)
    (workshop / "tiny_net.py").write_text(MODULE)
    (workshop / "queue.toml").write_text(QUEUE)
    # One network is the front that is trained in full.
    damaged("found/search.json", "trials", lambda trials: trials[:1])(workshop)
    if {"evaluate", "predict-folder", "predict-video"} & set(names):
        train_one(workshop, {"SEGBENCH_CACHE": str(folder / "cache")})
    if "baseline-update" in names:
        save = shlex.split(SCENARIOS["baseline-save"].command.replace("new.json", "measured.json"))
        command = [sys.executable, "-P", "-m", "segbench", *save]
        subprocess.run(command, cwd=workshop, check=True, capture_output=True)
    if "check-against" in names:
        make_repository(workshop, "-A")
    return workshop


def moments(count: int, duration_s: float, *, seed: str) -> list[float]:
    """Return moments spread over a duration, one in each of so many equal parts of it."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    return [duration_s * (part + rng.random()) / count for part in range(count)]


def kill_all(
    names: Sequence[str], signal_names: Sequence[str], *, count: int, seed: int = 0,
    say: Callable[[str], object] = lambda _: None,
) -> dict[tuple[str, str], Tally]:  # fmt: skip
    """Kill each command by each signal at so many moments, and return what came of it."""
    tallies: dict[tuple[str, str], Tally] = {}
    with (
        tempfile.TemporaryDirectory(prefix="segbench-kills-") as home,
        contextlib.ExitStack() as stack,
    ):
        workshop = make_kill_workshop(Path(home), names)
        bench = LimitRun(workshop, Path(home) / "trials")
        bench.folder.mkdir()
        if "data-fetch" in names:
            bench.archive = Archive()
            bench.url = stack.enter_context(served(bench.archive.answer))
        for name in names:
            scenario, trial = SCENARIOS[name], bench.trial()
            before = trial.seen()
            once = bench.run(scenario, trial, uuid.uuid4().hex)
            say(f"{name}: {once.seconds:.1f} s")
            left = judge_leftovers(trial, before, scenario, killed=False)
            if once.code not in scenario.codes:
                left.append(f"it ends with {once.code}: {once.errors[-200:]!r}")
            tallies[name, "none"] = Tally(1, wrong=[f"{name}, not killed: {each}" for each in left])
            for signal_name in signal_names if once.code in scenario.codes else ():
                tally = tallies[name, signal_name] = Tally()
                for moment_s in moments(count, once.seconds, seed=f"{seed} {name} {signal_name}"):
                    known = len(tally.wrong)
                    kill_one(bench, name, scenario, signal_name, moment_s, tally)
                    for each in tally.wrong[known:]:
                        say(f"  {each}")
    return tallies


def table(tallies: Mapping[tuple[str, str], Tally]) -> str:
    """Return a line for each command and signal."""
    lines = [f"{'command':16} {'signal':6} {'tried':>6} {'early':>6} {'over':>6} {'wrong':>6}"]
    for (name, signal_name), tally in tallies.items():
        wrong = len({each.partition(" s: ")[0] for each in tally.wrong})
        counts = f"{tally.tried:6} {tally.early:6} {tally.finished:6} {wrong:6}"
        lines.append(f"{name:16} {signal_name:6} {counts}")
    return "\n".join(lines)


def main() -> int:
    """Kill what is asked for, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("moments", 10), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N")
    for name, known in (("commands", SCENARIOS), ("signals", SIGNALS)):
        parser.add_argument(f"--{name}", default=",".join(known), metavar="a,b")
    asked = parser.parse_args()
    names = [name for name in SCENARIOS if name in asked.commands.split(",")]
    # What runs in the background lets all it starts ignore Ctrl-C; a handler is not inherited.
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    tallies = kill_all(
        names, asked.signals.split(","), count=asked.moments, seed=asked.seed,
        say=lambda line: print(line, flush=True),  # noqa: T201
    )  # fmt: skip
    print(table(tallies))  # noqa: T201
    return int(any(tally.wrong for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
