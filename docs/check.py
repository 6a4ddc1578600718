"""Hold the documentation to the code: generated pages, and every example, run.

Without arguments it checks. With ``--write`` it writes the generated pages of ``docs/reference``
and the JSON schemas of results into the package.

The examples of all pages run in one folder, which is empty at the first, so that what one page
trained another may show. They run at a small size, on few scenes and for one round: that they work
is what is checked here. What runs:

- a block with a title is written into the file of that name,
- each line of a ``console`` block that begins with ``$`` is run,
- a ``python`` block without a title is run as a program.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import reference
from PIL import Image, ImageDraw

from segbench.errors import ExitCode
from segbench.results import schemas

HERE = Path(__file__).parent
ROOT = HERE.parent
README = ROOT / "README.md"
FIRST = HERE / "getting-started.md"  # which begins with nothing
PAGES = (
    FIRST,
    *(HERE / f"{name}.md" for name in ("measure", "budgets", "data", "train", "search")),
    *(HERE / "reference" / f"{name}.md" for name in ("python", "json")),
    README,
)
SMALL = {
    "profile": ("--size", "64x64", "--repeats", "1"),
    "compare": ("--size", "64x64", "--repeats", "1", "--max-time", "10s"),
    "baseline save": ("--size", "64x64", "--repeats", "1"),
    "check": ("--max-time", "20s"),
    "train": ("--size", "64x64", "--epochs", "1"),
}
# On a busy machine `segbench check` may not decide, which says nothing about the documentation.
RAN = (ExitCode.OK, ExitCode.INCONCLUSIVE)
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
SIZE = re.compile(r"\d+x\d+")

# `streets` with few scenes; files of the examples may name it.
FEW = '''"""A few scenes of streets."""

from dataclasses import replace

from segbench.data.streets import open_streets


def streets(root):
    """Return them."""
    whole = open_streets(root)
    few = {split: scenes[:16] for split, scenes in whole.splits.items()}
    return replace(whole, splits=few)
'''
ALLOWED = '[tool.segbench]\nallow-import = ["few"]\n'


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str | None
    text: str


def blocks_of(page: Path) -> list[Block]:
    """Return a page's blocks in their order."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(language, title or None, text) for language, title, text in found]


def run(command: list[str], folder: Path) -> str:
    """Run Python with arguments in a folder and return what it printed."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={
            **os.environ,
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "SEGBENCH_CACHE": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in RAN:
        raise SystemExit(
            f"{shlex.join(command)} exited {done.returncode}: {done.stdout}{done.stderr}"
        )
    return done.stdout


def help_of(*command: str) -> str:
    """Return what a command of segbench prints."""
    return run(["-m", "segbench", *command], HERE)


def check_generated() -> None:
    """Compare the generated pages with what the code says now."""
    for name, real in reference.write_pages(help_of).items():
        page = HERE / "reference" / name
        written = page.read_text(encoding="utf-8") if page.exists() else ""
        if written != real:
            changes = difflib.unified_diff(
                written.splitlines(), real.splitlines(), f"docs/reference/{name}", lineterm=""
            )
            raise SystemExit("\n".join(changes) + "\nrun: python docs/check.py --write")


def check_install() -> None:
    """Hold the way to install, which cannot run where segbench runs, to the README's."""
    readme = README.read_text(encoding="utf-8")
    for block in blocks_of(FIRST):
        if block.language == "sh" and block.text not in readme:
            raise SystemExit(f"the README does not install by:\n{block.text}")


def commands_in(block: Block) -> Iterator[list[str]]:
    """Yield the commands of a console block."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            yield shlex.split(line.removeprefix("$ "))


def made_small(command: list[str]) -> list[str]:
    """Return what runs in place of a command, as arguments of Python."""
    program, *arguments = command
    if program == "pytest":
        return ["-m", "pytest", "-p", "no:cacheprovider", *arguments]
    if program != "segbench":
        raise SystemExit(f"no example may run {program!r}")
    small = SMALL.get(arguments[0], SMALL.get(" ".join(arguments[:2]), ()))
    replaced = [
        at + after
        for at, word in enumerate(arguments)
        if word.startswith("--") and word in small
        for after in (0, 1)
    ]
    kept = [word for at, word in enumerate(arguments) if at not in replaced]
    kept = ["few:streets" if word == "streets" else word for word in kept]
    return ["-m", "segbench", *kept, *small]


def run_page(page: Path, folder: Path, ran: set[str]) -> None:
    """Run what a page shows, but not again what another page has shown already."""
    for block in blocks_of(page):
        if block.title:
            write_file(folder / block.title, SIZE.sub("64x64", block.text), ran)
            continue
        commands = []
        if block.language == "console":
            commands = [made_small(command) for command in commands_in(block)]
        elif block.language == "python":
            commands = [["-c", block.text]]
        for command in commands:
            text = shlex.join(command)
            if text in ran:
                continue
            print(f"{page.name}: {text}", flush=True)
            run(command, folder)
            ran.add(text)


def write_file(path: Path, text: str, ran: set[str]) -> None:
    """Write what an example reads; where it is another file now, its commands run again."""
    if path.exists() and path.read_text(encoding="utf-8") != text:
        ran.difference_update([command for command in ran if path.stem in command])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def give_small_data(folder: Path) -> None:
    """Give a folder the dataset that stands for `streets`, and let files name it."""
    (folder / "few.py").write_text(FEW, encoding="utf-8")
    (folder / "pyproject.toml").write_text(ALLOWED, encoding="utf-8")


def give_belongings(folder: Path) -> None:
    """Give a folder what pages take for granted: a photograph, and the repository's studies."""
    picture = Image.new("RGB", (480, 360), (120, 160, 210))
    ImageDraw.Draw(picture).polygon([(0, 360), (200, 150), (280, 150), (480, 360)], (90, 90, 90))
    picture.save(folder / "street.png")
    shutil.copytree(ROOT / "studies", folder / "studies")


def cpu_s() -> float:
    """Return the CPU seconds of all examples that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


def main() -> None:
    """Check, or write."""
    if "--write" in sys.argv:
        for name, text in reference.write_pages(help_of).items():
            (HERE / "reference" / name).write_text(text, encoding="utf-8")
        schemas.write_files(Path(schemas.__file__).parent)
        return
    check_generated()
    check_install()
    with tempfile.TemporaryDirectory() as name:
        folder, ran = Path(name), set[str]()
        give_small_data(folder)
        for page in PAGES:
            before_s = cpu_s()
            run_page(page, folder, ran)
            print(f"{page.name}: {cpu_s() - before_s:.0f} s of CPU", flush=True)
            if page == FIRST:
                give_belongings(folder)


if __name__ == "__main__":
    main()
