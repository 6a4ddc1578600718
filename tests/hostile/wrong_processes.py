"""Wrong surroundings: streams that are closed or full, limits, locales; each a real process."""

from preparing import all_of, damaged, text
from trying import cases

REPORT = {"a result": "report profile.json"}
BAD = {"an error": "report none.json"}
SAY = {"networks": "models", "help": "--help", "datasets": "data list", "runs": "runs ."}
SMALL = {"a measurement": "profile segfast --size 32x32 --repeats 1 --no-training"}


def started(commands, *shells, prepare=None, **others):
    """Start every command as a shell does; its place is ``{}``."""
    for shell in shells:
        yield from cases(commands, {f"by {shell}": prepare}, shell=shell, **others)


def streams():
    yield from started(REPORT | SAY, "{} >&-", "{} <&- >&- 2>&-", code=(0, 5))
    yield from started(REPORT | SAY, "{} >/dev/full", code=5)
    yield from started(BAD, "{} >&-", "{} <&-")
    yield from started(BAD, "{} 2>&-", "{} <&- >&- 2>&-", "{} 2>/dev/full", unheard=True)
    file = {"a file": "report profile.json --output a.csv"}
    yield from started(file, "{} <&- >&- 2>&-", code=(0, 5), kept=("here/a.csv",))
    yield from started(REPORT, "{} | true; exit ${PIPESTATUS[0]}", code=(0, 141))
    yield from started(BAD, "{} 2> >(true); wait", code=(0, 2))
    yield from started(REPORT, "{} >&0 0</dev/null", code=(0, 5))


SNOWMAN = damaged("profile.json", "environment.cpu_model", "\N{SNOWMAN} 9000")
CODINGS = (
    "PYTHONIOENCODING=ascii",
    "PYTHONIOENCODING=latin-1",
    "LC_ALL=POSIX LANG=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0",
)


def locales():
    for variables in CODINGS:
        coded = {"environment": dict(each.split("=") for each in variables.split())}
        shell = f"{{}} # with {variables}"
        texts = REPORT | SAY | {"a table": "report comparison.json --format markdown"}
        yield from started(texts, shell, code=(0, 5), **coded)
        file = {"a file": "report profile.json --output a.md"}
        yield from started(file, shell, kept=("here/a.md",), code=0, **coded)
        snowman = {"a snowman": "report profile.json"}
        yield from started(snowman, shell, prepare=SNOWMAN, code=(0, 5), **coded)
        yield from started({"an umlaut": "report gr\xfcn.json"}, shell, **coded)
    readers = ("report", "profile", "evaluate", "data check", "search show", "baseline show")
    yield from started({each: each for each in readers}, "{} $'\\xff\\xfe'", seconds=40)
    for name, value in (("COLUMNS", "abc"), ("COLUMNS", "0"), ("TERM", None), ("HOME", None)):
        environment = {name: value, "SEGBENCH_DATA": None}
        words = {f"a result with {name}={value}": "report profile.json",
                 f"datasets with {name}={value}": "data list"}  # fmt: skip
        yield from started(words, "{}", code=0, environment=environment)


def limits():
    file = {"a large file": "report profile.json --output a.json --force"}
    yield from started(file, "ulimit -f 0; {}", code=5)
    yield from started(file, "ulimit -f 1; {}", prepare=text("a.json", "mine"), code=5)
    yield from started(BAD, "ulimit -n 24; {}", "ulimit -s 256; {}", code=(2, 5))
    yield from started(SMALL, "ulimit -n 12; {}", "ulimit -v 400000; {}", code=(2, 5), seconds=60)
    evaluate = {"an evaluation": "evaluate run"}
    yield from started(evaluate, "ulimit -v 400000; {}", code=5, seconds=60)


def places():
    lost = "mkdir x; cd x; rmdir ../x; {}"
    commands = (
        "check", "profile segfst", "compare mypkg.nets:tiny segfst", "data check rooms",
        "check segfast --against main", "search show found", "evaluate run",
        "train segfast --dataset rooms",
    )  # fmt: skip
    yield from started({each: each for each in commands} | BAD, lost, seconds=40)
    yield from started(SAY, lost, code=(0, 2))
    yield from started({"a revision without git": "check segfast --against main"}, "PATH=/no; {}")
    modules = all_of(*(text(f"{each}.py", "raise SystemExit(9)\n") for each in ("json", "typer")))
    yield from started({"an error beside modules": "report no"}, "{}", prepare=modules)
    for variable in (
        "TMPDIR=/no",
        "PYTHONWARNINGS=error",
        "PYTHONOPTIMIZE=2",
        "SEGBENCH_DATA=/dev/null",
    ):
        environment = dict([variable.split("=")])
        words = {f"an error with {variable}": "data check camvid"}
        yield from started(words, "{}", environment=environment, seconds=40)
    long = {"an argument of 130,000 characters": f"report {'x' * 130_000}",
            "20,000 arguments": f"compare {'segfast ' * 20_000}"}  # fmt: skip
    yield from started(long, "{}")


CASES = [*streams(), *locales(), *limits(), *places()]
