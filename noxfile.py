"""The checks that a change passes: tests, lint, types, minimums, docs.

Every session installs with the pins of ``constraints.txt`` but ``minimums``, which takes the lowest
version that each dependency is declared with.
"""

from __future__ import annotations

import re
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests"]

HERE = Path(__file__).parent
CONSTRAINTS = str(HERE / "constraints.txt")
# Files side by side, for a file's tests share what they have measured. None of them tests a time.
SIDE_BY_SIDE = ("--numprocesses", "2", "--dist", "loadfile")
PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the project and dependency groups at the pinned versions."""
    wanted = [name for group in groups for name in PROJECT["dependency-groups"][group]]
    session.install("-c", CONSTRAINTS, "-e", ".", *wanted)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, two at a time; arguments after ``--`` go to pytest."""
    install(session, "test")
    session.run("pytest", *SIDE_BY_SIDE, *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example of the docstrings and of the pages, and build the site."""
    install(session, "test", "docs")
    site = ("--strict", "--config-file", "docs/site/mkdocs.yml")
    session.run("mkdocs", "build", *site, env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("pytest", "--doctest-modules", "segbench", "zoo", "studies")
    session.run("python", "docs/check.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, and which room imports from which."""
    session.install("-c", CONSTRAINTS, *PROJECT["dependency-groups"]["lint"])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, "types", "test")
    session.run("mypy")


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest versions that are declared."""
    lowest = [
        re.sub(r">=", "==", requirement) for requirement in PROJECT["project"]["dependencies"]
    ]
    session.install(*lowest, *PROJECT["dependency-groups"]["test"])
    session.install("--no-deps", "-e", ".")
    session.run("pytest", *SIDE_BY_SIDE, "-m", "not measures", *session.posargs)
