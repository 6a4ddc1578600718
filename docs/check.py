"""Hold the documentation to the commands: their real help, and the README's examples, run.

Without arguments it checks. With ``--write`` it writes the help texts into ``docs/commands.md`` and
the JSON schemas of results into the package.
The README's commands run at a small size and for one round: that they work is what is checked here.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from segbench import schemas
from segbench.errors import ExitCode

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
COMMANDS = HERE / "commands.md"
NAMES = (
    *(("profile",), ("compare",), ("check",)),
    *(("baseline", verb) for verb in ("save", "show", "update")),
    *(("data", verb) for verb in ("list", "fetch", "check", "show")),
    *(("train",), ("evaluate",), ("predict",), ("reproduce",), ("runs",)),
    *(("search",), *(("search", verb) for verb in ("show", "export", "retrain"))),
    *(("report",), ("models",), ("env",)),
)
SMALL = {
    "profile": ("--size", "64x64", "--repeats", "1"),
    "compare": ("--size", "64x64", "--repeats", "1", "--max-time", "10s"),
    "baseline save": ("--size", "64x64", "--repeats", "1"),
    "check": ("--max-time", "30s"),
    "train": ("--size", "64x64", "--epochs", "1"),
}
# On a busy machine `segbench check` may not decide, which says nothing about the documentation.
RAN = (ExitCode.OK, ExitCode.INCONCLUSIVE)

NETWORK = '''"""A network of the user's own."""

from torch import nn


def tiny(*, width: int = 16, classes: int = 22) -> nn.Module:
    """Two convolutions."""
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, classes, 1)
    )
'''


def segbench(*arguments: str, folder: Path) -> str:
    """Run a command in a folder and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "segbench", *arguments],
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
            f"segbench {shlex.join(arguments)} exited {done.returncode}: {done.stderr}"
        )
    return done.stdout


def help_page() -> str:
    """Return the page of all help texts as they are."""
    parts = ["# Commands", "Each command's `--help`."]
    for name in ((), *NAMES):
        title = " ".join(("segbench", *name))
        text = segbench(*name, "--help", folder=HERE)
        lines = (line.rstrip() for line in text.strip().splitlines())
        parts.append(f"## {title}\n\n```text\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(parts) + "\n"


def check_help() -> None:
    """Compare the page with the help texts."""
    written, real = COMMANDS.read_text(encoding="utf-8"), help_page()
    if written != real:
        changes = difflib.unified_diff(written.splitlines(), real.splitlines(), lineterm="")
        raise SystemExit("\n".join(changes) + "\nrun: python docs/check.py --write")


def readme_commands() -> list[list[str]]:
    """Return the segbench commands of the README's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = (line for block in blocks for line in block.splitlines())
    return [shlex.split(line)[2:] for line in lines if line.startswith("$ segbench ")]


def readme_block(language: str) -> str:
    """Return the README's first block in a language."""
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    if found is None:
        raise SystemExit(f"the README has no block of {language}")
    return found[1]


def run_readme(folder: Path) -> None:
    """Run them all, in a folder with a picture and a user's network."""
    (folder / "mypkg").mkdir()
    (folder / "mypkg" / "nets.py").write_text(NETWORK, encoding="utf-8")
    picture = Image.new("RGB", (480, 360), (120, 160, 210))
    ImageDraw.Draw(picture).polygon([(0, 360), (200, 150), (280, 150), (480, 360)], (90, 90, 90))
    picture.save(folder / "street.png")
    (folder / "budgets.toml").write_text(readme_block("toml"), encoding="utf-8")
    commands = readme_commands()
    if not commands:
        raise SystemExit("the README shows no command")
    for arguments in commands:
        small = SMALL.get(arguments[0], SMALL.get(" ".join(arguments[:2]), ()))
        kept = [word for word in arguments if not re.fullmatch(r"\d+x\d+|--size", word)]
        print("segbench", shlex.join([*kept, *small]))
        segbench(*kept, *small, folder=folder)


def main() -> None:
    """Check, or write."""
    if "--write" in sys.argv:
        COMMANDS.write_text(help_page(), encoding="utf-8")
        schemas.write_files(Path(schemas.__file__).parent)
        return
    check_help()
    with tempfile.TemporaryDirectory() as folder:
        run_readme(Path(folder))


if __name__ == "__main__":
    main()
