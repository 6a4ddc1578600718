"""Wrong files: results, models, runs, weights, searches, pictures and videos that are damaged."""

import json
import sqlite3
import struct
import tempfile
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

from preparing import (
    DEEP,
    ESCAPE,
    GONE,
    HUGE,
    all_of,
    changed,
    copy,
    cut,
    damaged,
    fifo,
    folder,
    gone,
    link,
    loop,
    no_files,
    no_pictures,
    no_texts,
    raw,
    text,
    written,
    zero,
)  # fmt: skip
from trying import cases
from workshop import BEST, HELD, NARROW, QUICK, SEARCH, STUDY, make_results

PWNED = {"name": "os:system", "options": {"command": "touch pwned"}}
SYSTEM = 'os:system,command="touch pwned"'
NEW = f"train {NARROW} --dataset rooms {QUICK} --out new"
RESUME = f"{NEW.replace('new', 'run')} --resume"
GO_ON = SEARCH.replace("--out new", "--out begun")
FOUND, RUN, LAST, DB = "found/search.json", "run/run.json", "run/last.safetensors", "begun/study.db"
PREDICT = "predict run {} --out new"
# Whatever reads a file of ours: what it is given, and the file.
BASELINES = {
    "baseline show of a baseline that": ("baseline show baseline.json", "baseline.json"),
    "baseline update of one that": ("baseline update baseline.json --repeats 1", "baseline.json"),
    "check against a baseline that": (f"{HELD} --baseline baseline.json", "baseline.json"),
}
SEARCHES = {
    "search show of one that": ("search show found", FOUND),
    "search export of one that": ("search export found -o new.json", FOUND),
    "search retrain of one that": ("search retrain found --epochs 1 --seeds 1", FOUND),
}
TEXTS = {
    "report of a result that": ("report profile.json", "profile.json"),
    "profile of a model file that": ("profile model.json", "model.json"),
    "going on with a run that": (RESUME, RUN),
    **BASELINES,
    **SEARCHES,
}
EVALUATE, PREDICT_BY = (f"evaluate {BEST}", BEST), (f"predict {BEST} street.png --out new", BEST)
WEIGHTS = {
    "evaluate weights that": EVALUATE,
    "predict by weights that": PREDICT_BY,
    "going on with a run's state that": (RESUME, LAST),
}
PICTURES = {
    "predict a picture that": (PREDICT.format("street.png"), "street.png"),
    "predict a folder with a picture that": (PREDICT.format("photos"), "photos/a.png"),
}
OTHERS = {
    "check of a budget file that": ("check --budget notes.txt", "notes.txt"),
    "check of budgets.toml that": ("check", "budgets.toml"),
    "predict a video that": (PREDICT.format("drive.mp4"), "drive.mp4"),
    "profile with a picture that": ("profile segfast --input street.png", "street.png"),
    "search of a study that": (SEARCH, "two.py"),
    "going on with a search's storage that": (GO_ON, DB),
}
# What is no harm there, or begins anew.
FINE = {
    LAST: ("is missing",),
    DB: ("is missing", "is /dev/null"),
    "budgets.toml": ("is missing",),
    "photos/a.png": ("is missing", "is a folder"),
}
KEPT = ("here/new*", "here/begun/.*lock")  # of a folder whose other pictures are fine; locks


def files():
    for command, (words, name) in (TEXTS | WEIGHTS | PICTURES | OTHERS).items():
        ways = {what: way for what, way in no_files(name).items() if what not in FINE.get(name, ())}
        code = (2, 5) if name == LAST else 2
        yield from cases({command: words}, ways, code=code, kept=KEPT, seconds=10)
    for kinds, ways_of in ((TEXTS, no_texts), (WEIGHTS, no_weights), (PICTURES, no_pictures)):
        for command, (words, name) in kinds.items():
            yield from cases({command: words}, ways_of(name), kept=KEPT, seconds=10)
    measured = {"profile with a picture that": "profile segfast --input street.png --size 32x32"}
    ways = {what: way for what, way in no_pictures("street.png").items() if "cut" in what}
    yield from cases(measured, ways, seconds=60, slow=True)
    contents = {"is empty": b"", "is text": b"no video", "is noise": bytes(range(256)) * 99}
    ways = {what: raw("drive.mp4", content) for what, content in contents.items()}
    ways |= {"is cut off": cut("drive.mp4"), "is a picture": copy("street.png", "drive.mp4")}
    yield from cases({"predict a video that": PREDICT.format("drive.mp4")}, ways, seconds=10)


# Results


def fields(name, table):
    """Return the ways to put each wrong value into a JSON file."""
    return {f"has {shown(value)} for {keys}": damaged(name, keys, value) for keys, value in table}


def shown(value):
    written = "nothing" if value is GONE else repr(value)
    return written if len(written) < 60 else f"{written[:40]}... ({len(written)})"


DEPTH = 3  # of the keys that are tried


def walk(value, at=""):
    """Give the keys and the value of all that JSON holds; of a list, its first."""
    inside = value.items() if isinstance(value, dict) else enumerate(value[:1]) if value else ()
    for key, each in inside:
        keys = f"{at}{key}"
        yield keys, each
        if isinstance(each, dict | list) and keys != "profiles":
            yield from walk(each, f"{keys}.")


def other_type(value):
    return 3 if isinstance(value, str) else "x"


def no_sense(value):
    """Return another value of the same type, such as no command writes."""
    kinds = {str: ESCAPE, bool: not value, int: -3, float: -1e308, list: [], dict: {}}
    return kinds[type(value)]


def results():
    with tempfile.TemporaryDirectory() as made:
        make_results(Path(made))
        read = {path.stem: json.loads(path.read_text()) for path in Path(made).iterdir()}
    for kind, result in sorted(read.items()):
        command = "baseline show" if kind == "baseline" else "report"
        found = [(k, v) for k, v in walk(result) if v is not None and k.count(".") < DEPTH]
        typed = [(keys, other_type(value)) for keys, value in found if "options." not in keys]
        words = f"{command} {kind}.json"
        yield from cases({f"{command} of a {kind} that": words}, fields(f"{kind}.json", typed))
        strange = [(keys, no_sense(value)) for keys, value in found]
        for number, way in enumerate(fields(f"{kind}.json", strange).items()):
            form = ("table", "csv", "markdown", "json")[number % 4]
            named = {f"{command} as {form} of a {kind} that": f"{words} --format {form}"}
            yield from cases(named, dict([way]), code=(0, 2))
    others = [("schema", f"segbench/{kind}/1") for kind in ("comparison", "evaluation", "search")]
    others += [("schema", GONE), ("schema", "segbench/profile/9"), ("params", 10**400)]
    yield from cases(
        {"report of a profile that": "report profile.json"}, fields("profile.json", others)
    )
    typed = [(keys, other_type(value)) for keys, value in walk(read["search"]) if value is not None]
    ways = fields(FOUND, typed[::3])
    ways |= {f"is a {kind}": copy(f"{kind}.json", FOUND) for kind in ("profile", "retraining")}
    yield from cases({command: words for command, (words, _) in SEARCHES.items()}, ways)
    of_search = (
        ("trials", []), ("dataset", "rms"), ("dataset", "os:system"), ("dataset", "/dev/zero"),
        ("recipe", "modrn"), ("size", [0, 0]), ("size", [10**9, 10**9]), ("rival", "segfst"),
        ("trials.0.model", "none.json"), ("trials.0.model", "segfast,widht=8"), ("seed", -5),
        ("trials.0.model", "segfast,stem_width=0"), ("trials.0.model", SYSTEM),
    )  # fmt: skip
    retrain, before = (
        {"search retrain of one that": "search retrain found --epochs 1"},
        "segfast.*|epoch ",
    )
    yield from cases(retrain, fields(FOUND, of_search), before=before, seconds=30)
    for words in ("search show begun", "search retrain begun"):
        yield from cases({words: words}, {"of one that began and tried nothing": None})
    of_baseline = (
        ("profiles", []), ("reference", GONE), ("profiles.0.environment", GONE),
        ("profiles.0.model.name", ""), ("profiles.0.model.options", {"squeeze": [[1]]}),
        ("profiles.0.workload.device", "tpu"), ("schema", "segbench/baseline/9"),
    )  # fmt: skip
    ways = fields("baseline.json", of_baseline)
    yield from cases({command: words for command, (words, _) in BASELINES.items()}, ways)
    of_workload = (
        ("profiles.0.model", PWNED), ("profiles.0.workload.height", 0),
        ("profiles.0.workload.height", 10**18), ("profiles.0.workload.batch", 0),
        ("profiles.0.workload.seed", -1), ("profiles.0.workload.input", "none.png sha256:00"),
        ("profiles.0.workload.threads.requested", 0),
        ("profiles.0.workload.threads.requested", 1_000_000),
    )  # fmt: skip
    update = {"baseline update of one that": "baseline update baseline.json --repeats 1"}
    yield from cases(update, fields("baseline.json", of_workload), seconds=60)
    machine = {"check against a baseline": f"{HELD} --baseline baseline.json --max-time 1s"}
    yield from cases(machine, {"of another machine": None}, code=4, seconds=60, slow=True)
    of_model = [("name", each) for each in ("", 3, "model.json", "segfst", ESCAPE, "os:system")]
    options = ([1], {"a": None}, {"squeeze": {"a": 1}}, {"squeeze": [[8]]}, {"": 1}, {ESCAPE: 1},
               {"stem_width": float("nan")}, {"stem_width": 10**400})  # fmt: skip
    of_model += [("weights", "x"), *(("options", each) for each in options)]
    ways = fields("model.json", of_model)
    ways["has two names"] = text("model.json", '{"name": "segfast", "name": "segnt"}')
    ways["names the system within"] = text("model.json", json.dumps({"model": PWNED}))
    yield from cases({"profile of a model file that": "profile model.json"}, ways)


# Runs

OF_RUN = (
    ("job", GONE), ("job", []), ("job.model", GONE), ("job.model", 3), ("job.model", "segfst"),
    ("job.model", SYSTEM), ("job.model", ESCAPE), ("job.dataset", None), ("job.dataset", "rms"),
    ("job.dataset", "os:system"), ("job.size", [24]), ("job.size", ["24", "32"]),
    ("job.size", [0, 0]), ("job.size", [24.5, 32]), ("job.recipe", 3), ("job.recipe", "modrn"),
    ("job.epochs", "one"), ("job.epochs", True), ("job.batch", 0), ("job.seed", -1),
    ("job.protocol", "lax"), ("job.device", "tpu"), ("job.devices", 0), ("job.data_root", 3),
    ("job.precision", "float8"), ("recipe", GONE), ("recipe", "paper"), ("recipe.rate", "fast"),
    ("recipe.rate", 0.5), ("recipe.betas", [0.9]), ("schema", GONE), ("schema", "segbench/run/9"),
)  # fmt: skip
HEADING = "epoch,rate,loss,val_loss,pixel_accuracy,miou\n"
TABLES = (
    "\udcff", "epoch\0\n1\0\n", "1,2,3\n", f"{HEADING}one,fast,low,low,high,high\n",
    f"{HEADING}1,2\n", f"{HEADING}1,inf,1e999,-inf,nan,nan\n", f"{HEADING}{'9' * 5000},1,1,1,1,1\n",
    f'{HEADING}"{"x" * 200_000}",1,1,1,1,1\n',
)  # fmt: skip
FOREIGN = {
    "a file": text("new/notes.txt", "mine"),
    "a folder": folder("new/mine"),
    "a hidden file and a file": all_of(text("new/.env", "mine"), text("new/a", "mine")),
    "a link": link("new/here", ".."),
    "weights of another program": text("new/model.safetensors", "mine"),
    "a run.json of another program": text("new/run.json", "{}"),
}
_held = []


def hold_lock(here):
    """Lock a run as another process would; the lock goes with the trial's file."""
    from segbench.files import lock_folder

    thread = threading.Thread(target=lambda: _held.append(lock_folder(here / "run")))
    thread.start()
    thread.join()


def runs():
    yield from cases({"going on with a run that": RESUME}, fields(RUN, OF_RUN), seconds=10)
    others = ("--seed=3", "--batch=3", "--size=32x32", "--protocol=add-one", "--recipe=modern",
              "--epochs=2", "--precision=bfloat16", "--dataset=streets")  # fmt: skip
    more = {f"with {each}": each for each in others}
    yield from cases({"going on with a run": f"{RESUME} {{}}"}, more)
    yield from cases({"going on with a run": RESUME}, {"of another process": hold_lock}, seconds=30)
    commands = {"train into a folder with": NEW, "going on in a folder with": f"{NEW} --resume"}
    yield from cases(commands, FOREIGN)
    ways = {
        "is a file": text("new/segfast-0", "mine"),
        "is somebody else's folder": text("new/segfast-0/mine", "mine"),
        "is damaged": text("new/segfast-0/run.json", "{"),
        "is of another job": copy(RUN, "new/segfast-0/run.json"),
    }
    reproduce = {"reproduce where a run": f"reproduce {NARROW} --dataset rooms {QUICK} --out new"}
    yield from cases(reproduce, ways, before=".*, seed 0, in ")
    listed = partial(cases, code=0, seconds=5)
    broken = no_files(RUN) | no_texts(RUN) | fields(RUN, OF_RUN)
    del broken["is missing"]
    yield from listed({"runs where run.json": "runs ."}, broken)
    name = "run/history.csv"
    for number, way in enumerate((*no_files(name).values(), *written(name, *TABLES).values())):
        yield from listed({f"runs where history.csv is wrong in way {number}": "runs ."}, {"": way})
    places = {
        "with a link to itself": all_of(folder("a"), link("a/b", "..")),
        "with pipes and devices": all_of(fifo("a/run.json"), zero("b/run.json")),
    }
    yield from listed({"runs below a folder": "runs ."}, places)


# Weights


def no_weights(name):
    """Return files that hold no weights of segbench's."""
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    contents = {
        "is empty": b"",
        "is text": b"not weights",
        "has a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
        "has a header of 100 MB": struct.pack("<Q", 100_000_000) + b"{}",
        "has a header that is no JSON": struct.pack("<Q", 4) + b"{{{{",
        "has a header nested 100,000 deep": struct.pack("<Q", len(DEEP)) + DEEP.encode(),
        "has no data": struct.pack("<Q", len(header)) + header,
        "says nothing of itself": struct.pack("<Q", len(header)) + header + bytes(4),
        "is a zip archive, as torch writes": b"PK\x03\x04" + bytes(200),
        "is a pickle": b"\x80\x04\x95\x20\0\0\0\0\0\0\0cos\nsystem\n(S'touch pwned'\ntR.",
    }
    ways = {what: raw(name, content) for what, content in contents.items()}
    for said in ("{", "[]", "", "{}", DEEP, f'{{"job": {HUGE}}}', '{"job": NaN}'):
        ways[f"says {shown(said)} of itself"] = rewritten(name, about=lambda _, said=said: said)
    ways["is cut off"] = cut(name)
    ways["lacks a tensor"] = rewritten(name, tensors=lambda all_: all_.popitem())
    ways["has a tensor of another shape"] = rewritten(name, tensors=reshape)
    return ways


def rewritten(name, *, about=lambda said: said, tensors=lambda _: None):
    """Change what weights say of themselves, or their tensors."""

    def prepare(here):
        from safetensors import safe_open
        from safetensors.torch import load_file, save_file

        with safe_open(here / name, framework="pt") as file:
            said = file.metadata()["segbench"]
        found = load_file(here / name)
        tensors(found)
        save_file(found, here / name, metadata={"segbench": about(said)})

    return prepare


def reshape(tensors):
    name = next(name for name, tensor in tensors.items() if tensor.numel() > 1)
    tensors[name] = tensors[name].flatten()[:1].clone()


def described(name, table):
    """Return the ways to put each wrong value into what weights say of themselves."""

    def change(said, keys, value):
        return json.dumps(changed(json.loads(said), keys, value))

    return {
        f"have {shown(value)} for {keys}": rewritten(
            name, about=partial(change, keys=keys, value=value)
        )
        for keys, value in table
    }


LABEL = {"name": "floor", "color": [1, 2, 3]}
OF_WEIGHTS = (
    ("model", GONE), ("model", "segfast"), ("model", {}), ("model", {"name": "segfst"}),
    ("model", {"name": 3}), ("model", PWNED), ("model", {"name": "segfast", "options": [1]}),
    ("model", {"name": "segnet", "options": {"classes": 2}}), ("model", {"name": "model.json"}),
    ("model", {"name": "segfast", "options": {"classes": 10**30}}), ("model", {"name": ESCAPE}),
    ("model", {"name": "segfast", "options": {"stem_width": -1}}), ("classes", GONE),
    ("model", {"name": "hostile_nets:Small", "options": {"classes": 2}}), ("classes", []),
    ("classes", "floor"), ("classes", [1, 2]), ("classes", [{}]), ("classes", [{"name": "floor"}]),
    ("classes", [LABEL | {"name": 3}] * 2), ("classes", [LABEL] * 300), ("job", GONE), ("job", []),
    ("job.size", 24), ("job.size", [24, 32, 3]), ("job.size", [0, 0]), ("job.size", [24.5, 32]),
    ("job.size", [10**9, 10**9]), ("job.size", [10**30, 1]),
)  # fmt: skip
OF_EVALUATION = (
    ("job.dataset", GONE), ("job.dataset", 3), ("job.dataset", "rms"), ("job.dataset", "os:system"),
    ("job.protocol", "lax"), ("job.data_root", 3),
)  # fmt: skip
OF_STATE = (
    ("history", GONE), ("history", "long"), ("history", [1, 2]), ("history.0.epoch", "one"),
    ("history.0.loss", GONE), ("speeds", GONE), ("speeds", "fast"),
)  # fmt: skip


def weights():
    commands = {"evaluate weights that": EVALUATE[0], "predict by weights that": PREDICT_BY[0]}
    yield from cases(commands, described(BEST, OF_WEIGHTS), seconds=10)
    yield from cases({"evaluate weights that": EVALUATE[0]}, described(BEST, OF_EVALUATION))
    yield from cases({"going on with a run's state that": RESUME}, described(LAST, OF_STATE))
    ways = {
        "whose weights are a folder": folder(BEST),
        "that is a link to itself": loop("run"),
        "without weights": gone(BEST),
    }
    folders = {"evaluate a run": "evaluate run", "predict by a run": PREDICT.format("street.png")}
    yield from cases(folders, ways)
    data = {"on other classes": "--dataset=streets", "without its data": ("", gone("rooms"))}
    yield from cases({"evaluate a run": "evaluate run {}"}, data)


# Searches that have begun


def stored(key, value):
    """Write what a storage keeps of the search as a whole, as JSON."""

    def prepare(here):
        with closing(sqlite3.connect(here / DB)) as database, database:
            found = database.execute("select study_id from studies").fetchone()[0]
            database.execute("delete from study_user_attributes where key = ?", (key,))
            database.execute(
                "insert into study_user_attributes (study_id, key, value_json) values (?, ?, ?)",
                (found, key, value),
            )

    return prepare


def other_database(here):
    (here / DB).unlink()
    with closing(sqlite3.connect(here / DB)) as database, database:
        database.execute("create table studies (study_id text, colour text)")
        database.execute("create table version_info (a int)")


def searches():
    ways = {
        "is text": text(DB, "not a database\n" * 100),
        "is cut off": cut(DB),
        "is of noise": raw(DB, b"SQLite format 3\0" + bytes(range(256)) * 40),
        "is another program's": other_database,
    }
    for value in ("[]", '"x"', '{"job": "x"}', '{"job": {"seed": "\\u001b[31m"}}'):
        ways[f"has settings of {value}"] = stored("segbench", value)
    for value in ('"fast"', "3", "{}", '{"ratio": "x", "interval": [1, 2], "rounds": 1}'):
        ways[f"has a rival of {value}"] = stored("anchor", value)
    going_on = {"going on with a search's storage that": GO_ON}
    yield from cases(going_on, ways, kept=("here/begun/.*lock",), seconds=30)
    options = (
        "--seed=3", "--sampler=tpe", "--epochs=9", "--size=32x32", "--recipe=modern",
        "--latency-budget=1s", "--study=separable", "--protocol=add-one", "--train-size=32x32",
    )  # fmt: skip
    more = {f"with {each}": each for each in options}
    yield from cases({"going on with a search": f"{GO_ON} {{}}"}, more, seconds=20)


FIRST, WIDE = 'first=({"stem": 16, "wide": 16}, {"stem": 8, "wide": 8})', 'Width("wide", 8, 64)'
STUDIES = (
    "", "STUDY = (", "raise ValueError('\\x1b[31mred\\nand more')\n", "raise ValueError\n",
    "import sys; sys.exit(7)\n", "def f(): return f()\nf()\n", "import no_such_module_of_all\n",
    "STUDY = 'spark'\n", "from segbench.search.space import Study as STUDY\n", "\udcff\udcfe",
    "STUDY = '\0'\n",
)  # fmt: skip
CHANGES = (
    (FIRST, "first=()"), (FIRST, 'first=({"stem": 17, "wide": 16},)'), (FIRST, "first=(3,)"),
    (FIRST, 'first=({"stem": 16},)'), (FIRST, 'first=({"stem": 16, "wide": 16, "x": 1},)'),
    (WIDE, 'Width("stem", 8, 64)'), (WIDE, 'Width("wide", 64, 8)'), (WIDE, 'Width("wide", 8, 65)'),
    (WIDE, 'Width("wide", 8, 64, 0)'), (WIDE, 'Width("wide", "8", "64")'), (WIDE, '"wide"'),
    ("return ModelSpec", "ModelSpec"), ('values["wide"]', 'values["w"]'), ('"segfast"', '"segfst"'),
    ('wide = values["wide"]', "raise ValueError('\\x1b[31mno')"), ("build=build", "build=3"),
)  # fmt: skip


def studies():
    ways = written("two.py", *STUDIES)
    ways |= {f"with {new}": text("two.py", STUDY.replace(old, new)) for old, new in CHANGES}
    yield from cases({"search of the study that is": SEARCH}, ways, seconds=15)


CASES = [*files(), *results(), *runs(), *weights(), *searches(), *studies()]
