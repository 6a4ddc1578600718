"""Wrong words on the command line: commands, options, their values, and limits."""

import shlex

from preparing import DIGITS, ESCAPE, LONG, named
from trying import Case, cases
from workshop import NARROW, QUICK, SEARCH, TIME

COMMANDS = (
    "measure segfast", "profil segfast", "profile segfast --sise 8x8", "profile segfast -z 3",
    "profile segfast --precision 2%", "profile segfast --size", "profile segfast --strict=yes",
    "profile -- --help", "profile segfast segnet", "profile segfast,classes=3 --classes 4",
    "baseline shwo baseline.json", "search shw found", "train segfast segnet --dataset rooms",
    "models segfast", "models --all", "env now", "data list camvid", f"{SEARCH} found",
    "report profile.json check.json", "baseline update baseline.json baseline.json", "runs run b",
    "data check rooms rooms", "predict run street.png photos/a.png", "predict run --out new",
    "predict run street.png --dataset rooms", "predict run drive.mp4 --beside run --out new",
    "compare segfast ' segfast '", "compare segfast model.json", "check segfast",
    "baseline save segfast segfast --output new.json", "check --limit 'params <= 1'",
    "check segfast segfast --limit 'params <= 1'", f"{SEARCH} --resume",
    "check segfast --limit 'params <= 1' --limit 'params<=1'",
    "check segfast --limit 'params <= 1' --setup make", "check --against main",
    "check segfast --limit 'params <= 1' --baseline baseline.json",
    "check segfast --limit 'params <= 1' --normalised", "compare segfast segnet --baseline sgnet",
    f"reproduce {NARROW} {NARROW} --dataset rooms", f"reproduce {NARROW} segfast --dataset rooms",
    "profile", "compare", "check", "report", "train", "evaluate", "predict", "baseline show",
    "baseline save segfast", "baseline save --output new.json", "data show rooms", "data check",
    "train --list", "train segfast --list", "train --queue none.toml", "train --queue rooms",
    "train --queue notes.txt", "train segfast --queue notes.txt", "train --queue",
    "train --queue notes.txt --recipe modern", "train --queue notes.txt --resume",
    "data fetch", "search show", "search export", "search retrain",
)  # fmt: skip
STRANGE = {
    "an empty command": ("", "segfast"),
    "a command with a line break": ("pro\nfile", "segfast"),
    "a command with a null character": ("pro\0file",),
    "a command that gives orders to the terminal": (ESCAPE,),
    "a command of 10,000 characters": ("x" * 10_000,),
    "a command that is no Unicode": ("\udcff\udcfe",),
    "an option that gives orders to the terminal": ("profile", "segfast", f"--{ESCAPE}"),
    "an option of 10,000 characters": ("profile", "segfast", f"--{'x' * 10_000}"),
    "5,000 networks": ("compare", *(f"segfast,stem_width={n % 4_999 + 1}" for n in range(5_000))),
}
VALUES = {
    "--threads": ("0", "two", "1.5", "", DIGITS, "100000"),
    "--batch": ("0", "half", "1e3", "inf"),
    "--classes": ("0", "many", "70000"),
    "--seed": ("-1", "lucky", "nan"),
    "--repeats": ("0", "often", DIGITS),
    "--size": ("", "224", "0x8", "-8x8", "8x8x8", "nanxnan", "1.5x2", f"{DIGITS}x1", "\0"),
    "--train-size": ("24", "0x0", f"{DIGITS}x1"),
    "--device": ("", "tpu", "cuda:99"),
    "--devices": ("0", "two"),
    "--runtime": ("", "onyx", ESCAPE, LONG),
    "--allocator": ("", "jemalloc"),
    "--format": ("", "xml", "JSON "),
    "--precision": ("2", "", "0%", "nan%", "1e999%", "float8"),
    "--max-time": ("soon", "", "0s", "-5s", "5 parsecs", "nan s", f"{'9' * 400}min"),
    "--recipe": (
        "modrn", "paper+flipp", "paper+flip+flip", ESCAPE, "x" * 100_000, "pa\0per",
        "modern+lr=fast", "modern+lr=1e-3+lr=1e-4",
    ),
    "--epochs": ("0", "1.5", "nan", ""),
    "--protocol": ("", "lax"),
    "--seeds": ("0", "some", DIGITS),
    "--data-root": ("a\0",),
    "--split": ("dev", "", ESCAPE),
    "--scenes": ("0", "1.5", "all"),
    "--pick": ("", "best", "-1", "99", "1.0", DIGITS, ESCAPE, "a\0"),
    "--sampler": ("", "tpee", "FRONT", ESCAPE),
    "--trials": ("0", "many", "nan", ""),
    "--latency-budget": ("", "20", "0ms", "-0.5x", "20 parsecs", "nanms", "1e999s", "x", ESCAPE),
    "--storage": (
        "nonsense", "sqlite:///no/such/folder/a.db", "sqlite:///notes.txt", "sqlite:///rooms",
        "redis://127.0.0.1:9", "postgresql://127.0.0.1:9/x", "http://127.0.0.1:9/", "://",
        "sqlite:///a\0.db", ESCAPE, "x" * 100_000,
    ),
}  # fmt: skip
MEASURES = "--threads --batch --classes --seed --size --device --runtime --allocator"
LEARNS = "--recipe --epochs --batch --size --protocol --device --data-root"
OPTIONS = {
    "profile segfast": f"{MEASURES} --format --repeats",
    "compare segfast segnet": f"{MEASURES} --format --repeats --precision --max-time",
    "check segfast --limit 'params <= 1'": f"{MEASURES} --format --max-time",
    "baseline save segfast --output new.json": f"{MEASURES} --repeats",
    "baseline update baseline.json": "--repeats",
    "env": "--threads",
    f"train {NARROW} --dataset rooms {QUICK} --out new": f"{LEARNS} --seed --devices --precision",
    f"reproduce {NARROW} --dataset rooms {QUICK} --out new": f"{LEARNS} --seeds --format",
    "evaluate run": "--split --protocol --size --batch --format",
    "predict run --dataset rooms --out new": "--split --data-root",
    SEARCH: f"{LEARNS} --sampler --trials --latency-budget --storage --threads --runtime --seed "
    "--train-size",
    "search export found": "--pick",
    "search retrain found": "--recipe --epochs --device --seeds --data-root --format",
    "search show found": "--format",
    "report profile.json": "--format",
    "data check rooms": "--format --data-root",
    "data show rooms --output new.png": "--split --scenes --data-root",
}
LIMITS = (
    "", "params", "params <=", "<= 3", "parms <= 3", "latency.forward <= 3 ms", "params >= 3",
    "params = 3", "params <= 3 <= 4", "params <= -3", "params <= nan", f"{TIME} <= inf ms",
    "params <= 1e999", f"params <= {'9' * 5_000}", "params <= 3 4", "params <= 0x10",
    "params <= 3 ms", f"{TIME} <= 40", f"{TIME} <= 40 fortnights", f"{TIME} <= 2 *",
    f"{TIME} <= 0 * segnet", f"{TIME} <= 2 * segnt", f"{TIME} <= 2 * segfast",
    f"{TIME} <= 2 * none.json", f"{TIME} <= 2 * segnet * segnet", "params <= 2 * reference",
    f"{TIME} <= 1.05 * baseline", "params <= 3 + 5", "params <= 3 + -5 %", "params\n<= 3",
    "params <= 3 + 1e999 %", "params <= 3 + 5 % + 5 %", "params\0 <= 3", f"{ESCAPE} <= 3",
    "x" * 100_000, "params <= \N{ARABIC-INDIC DIGIT THREE}", "\udcff <= 3",
)  # fmt: skip


def options():
    for words, names in OPTIONS.items():
        command = " ".join(word for word in words.split()[:2] if word.isalpha())
        for option in names.split():
            commands = {f"{command} with {option}": f"{words} {option} {{}}"}
            yield from cases(commands, named(*VALUES[option]))
    slow = {"code": (2, 5), "seconds": 60, "slow": True}
    train = f"train {NARROW} --dataset rooms {QUICK} --out new"
    measured = (
        "profile segfast",
        "compare segfast segnet",
        "baseline save segfast --output new.json",
    )
    for words in (*(f"{each} --threads 1 --repeats 1" for each in measured), train, "evaluate run"):
        command = f"{words.split(maxsplit=1)[0]} at"
        yield from cases({command: f"{words} --size {{}}"}, named("999999x999999"), **slow)
    for words in ("profile segfast --size 32x32", train):
        yield from cases(
            {f"{words.split(maxsplit=1)[0]} without a GPU": f"{words} --device {{}}"},
            named("cuda"), environment={"CUDA_VISIBLE_DEVICES": ""}, **slow,
        )  # fmt: skip


CASES = [
    *(Case(f"segbench {words}", tuple(shlex.split(words))) for words in COMMANDS),
    *(Case(name, words) for name, words in STRANGE.items()),
    *options(),
    *cases({"check of the limit": "check segfast --limit {}"}, named(*LIMITS)),
]
