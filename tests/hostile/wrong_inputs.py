"""All wrong inputs, over all commands; each is a sentence, a command, and what it may end with.

They are beside this file, by what they are. Run as a script, it tries those whose name has a word,
and prints what is wrong with each::

    python tests/hostile/wrong_inputs.py "baseline show"
"""

import argparse
import dataclasses
import os
import shutil
import sys
import tempfile
import time
from contextlib import AbstractContextManager, chdir
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import wrong_data
import wrong_files
import wrong_names
import wrong_processes
import wrong_words
from trying import Case, Outcome, Trial, judge, try_case
from workshop import begin_search, make_workshop, served, train_one

MODULES = (wrong_words, wrong_names, wrong_files, wrong_data, wrong_processes)
CASES: list[Case] = [case for module in MODULES for case in module.CASES]


def answer(handler: BaseHTTPRequestHandler) -> None:
    """Answer as a server of archives should not, by the path that is asked for."""
    name = handler.path.strip("/")
    if name.isdigit():
        handler.send_error(int(name))
        return
    content = wrong_data.CONTENTS.get(handler.path, b"zz\r\nno chunk at all")
    headers = {
        "redirects": {"Location": "/redirects"},
        "chunks": {"Transfer-Encoding": "chunked"},
        "short": {"Content-Length": "5000"},
    }
    handler.send_response(302 if name == "redirects" else 200)
    for header in headers.get(name, {"Content-Length": str(len(content))}).items():
        handler.send_header(*header)
    handler.end_headers()
    handler.wfile.write(content)


def server() -> AbstractContextManager[str]:
    """Give the address of a server on this machine."""
    return served(answer)


def make_all(folder: Path) -> Path:
    """Return a workshop with a trained run and a search that has begun."""
    workshop = folder / "workshop"
    make_workshop(workshop)
    cache = {"SEGBENCH_CACHE": str(folder / "cache")}
    train_one(workshop, cache)
    os.environ.update(cache)
    with chdir(workshop):
        begin_search(workshop)
    del os.environ["SEGBENCH_CACHE"]
    shutil.rmtree(workshop / "__pycache__", ignore_errors=True)
    return workshop


def try_in(case: Case, folder: Path, workshop: Path, address: str) -> tuple[Outcome, list[str]]:
    """Try a case in a new folder, and return what came of it and what is wrong with that."""
    arguments = tuple(each.replace(wrong_names.SERVER, address) for each in case.arguments)
    outcome = try_case(dataclasses.replace(case, arguments=arguments), Trial(folder, workshop))
    return outcome, judge(case, outcome)


def main(arguments: list[str]) -> int:
    """Try cases, and return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only cases whose names have one of these")
    parser.add_argument("--durations", action="store_true", help="print how long each takes")
    asked = parser.parse_args(arguments)
    chosen = [each for each in CASES if any(word in each.name for word in asked.words or [""])]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="segbench-hostile-") as home, server() as address:
        workshop = make_all(Path(home))
        for number, case in enumerate(chosen):
            began = time.monotonic()
            outcome, wrong = try_in(case, Path(home, str(number)), workshop, address)
            shutil.rmtree(Path(home, str(number)), ignore_errors=True)
            failed += bool(wrong)
            if wrong or asked.durations:
                said = outcome.errors.strip().splitlines()[-1:]
                heading = f"{case.name}  [{time.monotonic() - began:.1f} s]"
                print(heading, *wrong, said, sep="\n    ", flush=True)  # noqa: T201
    print(f"{failed} of {len(chosen)} are wrong")  # noqa: T201
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
