"""Wrong names: of networks, results, datasets, pictures, folders, outputs, addresses, revisions."""

import shutil

from preparing import (
    DIGITS,
    ESCAPE,
    LONG,
    all_of,
    broken,
    fifo,
    folder,
    link,
    loop,
    named,
    picture,
    text,
)  # fmt: skip
from trying import cases
from workshop import BEST, HELD, NARROW, QUICK, SEARCH, make_repository

HERE = all_of(
    *(loop("itself"), broken("broken"), loop("itself.json"), broken("broken.json"), fifo("pipe")),
    *(folder("x.json"), folder("empty"), link("there", "photos"), text("rest.py", "rest = 3\n")),
    text("syntax.py", "def tiny(:\n"),
    text("ends.py", "raise SystemExit(7)\n"),
    text("escapes.py", 'raise ValueError("no \\x1b[31mbridge\\nhere")\n'),
    text("needs.py", "import no_such_module_of_all\n"),
)

# What is read. An empty name of a folder may mean this one.
ANYWHERE = ("a\0b", LONG, ESCAPE, "notes.txt/a", "itself", "broken", "\udcff")
ABSENT = ("nowhere", "a/" * 50_000)
TRAIN = f"train {{}} --dataset rooms {QUICK} --out new"
NETWORKS = {
    "profile of": "profile {}",
    "compare with": "compare segfast {}",
    "baseline save of": "baseline save {} --output new.json",
    "check of": "check {} --limit 'params <= 1'",
    "train": TRAIN,
    "reproduce": f"reproduce {{}} --dataset rooms {QUICK} --out new",
}
FILES = {
    "report of": "report {}",
    "baseline show of": "baseline show {}",
    "baseline update of": "baseline update {}",
    "check against the baseline": f"{HELD} --baseline {{}}",
    "check of the budget file": "check --budget {}",
    "search of the study": SEARCH.replace("two.py", "{}"),
    "profile with the picture": "profile segfast --input {}",
}
DATASETS = {
    "data check of": "data check {}",
    "data show of": "data show {} --output new.png",
    "train on": f"train {NARROW} {QUICK} --out new --dataset {{}}",
    "reproduce on": f"reproduce {NARROW} {QUICK} --out new --dataset {{}}",
    "evaluate on": "evaluate run --dataset {}",
    "predict scenes of": "predict run --dataset {} --out new",
    "search on": SEARCH.replace("--dataset rooms", "--dataset {}"),
}
FOLDERS = {
    "evaluate": "evaluate {}",
    "predict by": "predict {} street.png --out new",
    "predict beside": "predict run street.png --out new --beside {}",
    "predict what is in": "predict run {} --out new",
    "search show of": "search show {}",
    "search export of": "search export {} -o new.json",
    "search retrain of": "search retrain {} --epochs 1",
}
WRITTEN = (  # of networks
    " ", ",", "segfast,", "segfast,,stem_width=8", "segfast,=3", "segfast,stem_width",
    "segfast,stem_width=8,stem_width=8", 'segfast,init="he', f"segfast,stem_width={'1' * 5_000}",
    "segfast,stem_width=1e999", "segfast,squeeze=8::8", f"segfast,{ESCAPE}", "segfas", "SEGFAST",
    "seg\nfast", "mypkg.nets:", ":tiny", "a:b:c", "../nets:tiny", "mypkg..nets:tiny",
    "hostile_nets.py", "rooms", "x.json", "segfast-street", "runs/first", "x.safetensors", "x.onnx",
)  # fmt: skip
BUILT = (  # by training in the command's own process, by measuring in another
    "segfast,widht=8", "segfast,stem_width=zero", "segfast,stem_width=true", "segfast,classes=7",
    "segfast,stem_width=8.5", "segfast,stem_width=0", f"segfast,stem_width={DIGITS}",
    "segfast,stem_width=1000000000", f"segfast,branch_conv={ESCAPE}", "segfast,squeeze=8:8",
    "segfast,classes=0", "no_such_nets:tiny", "hostile_nets:tiny", "hostile_nets:NUMBER",
    "hostile_nets:BUILT", "syntax:tiny", "ends:tiny", "escapes:tiny", "needs:tiny",
    "hostile_nets:raises", "hostile_nets:gives_up", "hostile_nets:never_ends", "builtins:dict",
    "hostile_nets:of_none", "hostile_nets:wants_more", "hostile_nets:without_classes",
    "os:system,command=true",
)  # fmt: skip
TRAINED = tuple(f"hostile_nets:{each}" for each in ("Half", "Nothing", "Raises", "Weightless"))
OPENED = (  # as datasets
    "camvit", " ", "street.png", "/dev/zero", "photos", "cityscapes", "hostile_nets:", "no:opener",
    "hostile_nets:opener", "hostile_nets:open_raising", "hostile_nets:open_none", "syntax:opener",
    "builtins:int",
)  # fmt: skip


def reading():
    named_ones = named("", *ABSENT, *ANYWHERE)
    yield from cases(NETWORKS | FILES | DATASETS, named_ones, HERE)
    yield from cases(FOLDERS, named(*ABSENT, *ANYWHERE), HERE)
    yield from cases({"profile of": "profile {}"}, named(*WRITTEN), HERE)
    yield from cases({"train": TRAIN}, named(*BUILT), HERE, seconds=30)
    some = ("segfast,widht=8", "hostile_nets:raises", "hostile_nets:Dies")
    soon = "--size 32x32 --repeats 1 --no-training --threads 1"
    slow = {"code": (2, 5), "seconds": 60, "slow": True}
    yield from cases({"profile of the built": f"profile {{}} {soon}"}, named(*some), HERE, **slow)
    kept = ("here/new*",)
    yield from cases({"train": TRAIN}, named(*TRAINED), code=(2, 5), kept=kept, seconds=30)
    yield from cases(DATASETS, named(*OPENED), HERE)
    yield from cases(FOLDERS, named("photos/a.png/b", "/dev/zero"), HERE)
    readers = {each: FOLDERS[each] for each in ("evaluate", "predict by", "predict beside")}
    yield from cases(readers, named("rooms", "profile.json", "segfast-street", "street.png"))
    others = named("street.png", BEST, "model.json", "run/run.json", "begun/study.db", "/dev/stdin")
    yield from cases({"report of": "report {}"}, others, seconds=5)
    pictures = named("notes.txt", "profile.json", BEST, "/dev/null", "empty", "rooms")
    yield from cases({"predict what is in": FOLDERS["predict what is in"]}, pictures, HERE)
    kinds = ("profile", "comparison", "check", "data", "evaluation", "search", "retraining")
    results = named(*(f"{kind}.json" for kind in kinds))
    yield from cases({each: FILES[each] for each in FILES if "baseline" in each}, results)
    yield from cases({"runs below": "runs {}"}, named("notes.txt", "a\0b", LONG, "itself"), HERE)


# What is written
OUTPUTS = (
    "street.png", "rooms", "x.json", "no/such/a.json", "notes.txt/a.json", ".", "/dev", "a\0.json",
    f"{LONG}.json", f"{ESCAPE}/a.json", "itself.json", "broken.json", "/proc/a.json",
)  # fmt: skip
ENDINGS = ("a.xyz", "result", ".json", "")
WRITERS = {
    "profile": "profile segfast",
    "compare": "compare segfast segnet",
    "check": "check segfast --limit 'params <= 1'",
    "baseline show": "baseline show baseline.json",
    "data check": "data check rooms",
    "evaluate": "evaluate run",
    "reproduce": f"reproduce {NARROW} --dataset rooms {QUICK}",
    "report": "report profile.json",
    "search show": "search show found",
    "search retrain": "search retrain found --epochs 1 --seeds 1",
}
OF_ONE_KIND = {
    "baseline save": "baseline save segfast --output {}",
    "search export": "search export found --output {}",
    "data show": "data show rooms --output {}",
}
PLACES = ("notes.txt", "notes.txt/new", LONG, "itself", "/dev/null", "pipe", "/proc/new")
MAKERS = {
    "train": f"train {NARROW} --dataset rooms {QUICK} --out {{}}",
    "go on with training": f"train {NARROW} --dataset rooms {QUICK} --resume --out {{}}",
    "reproduce": f"reproduce {NARROW} --dataset rooms {QUICK} --seeds 1 --out {{}}",
    "predict a picture": "predict run street.png --out {}",
    "predict a video": "predict run drive.mp4 --out {}",
    "search": SEARCH.replace("--out new", "--out {}"),
}


def writing():
    into = {f"{command} into": f"{words} --output {{}}" for command, words in WRITERS.items()}
    alone = {f"{command} into": words for command, words in OF_ONE_KIND.items()}
    yield from cases(into, named(*OUTPUTS, *ENDINGS), HERE, seconds=10)
    yield from cases(alone, named(*OUTPUTS), HERE, seconds=10)
    formats = {command: f"{words} {{}}" for command, words in WRITERS.items() if command != "check"}
    yield from cases(formats, named("--format=junit"))
    twice = {"report twice": "report profile.json --output a.json --output {}"}
    yield from cases(twice, named("a.json", "./rooms/../a.json", "no/a.csv"))
    full = {"report": "report profile.json --format json --output {}"}
    yield from cases(full, named("/dev/full"), code=5)
    sheets = named(*ENDINGS, "a.psd", "a.mp4", "rooms/train/images/0.png")
    yield from cases({"data show into": OF_ONE_KIND["data show"]}, sheets)
    folders = {f"{command} into the folder": words for command, words in MAKERS.items()}
    yield from cases(
        folders, named("a\0b", *PLACES), HERE, code=(2, 5), before=".*, seed 0, in ", seconds=10
    )
    ours = {each: folders[f"{each} into the folder"] for each in ("train", "search")}
    yield from cases(ours, named("photos", "rooms", "/"))
    scenes = {"predict scenes onto": "predict run --dataset rooms --out {}"}
    yield from cases(scenes, named("rooms/val/images", "rooms/val/labels"))
    itself = {"predict into itself": "predict run {} --out photos"}
    yield from cases(itself, named("photos", "there", "photos/a.png"), HERE)
    taken = {
        "where a result is a folder": folder("new/street_mask.png"),
        "where a result is a link to itself": loop("new/street.png"),
        "where a picture of somebody else would be lost": text("new/street.png", "mine"),
    }
    yield from cases({"predict a picture": "predict run street.png --out new"}, taken)
    alike = {
        "of which two have one result": picture("photos/a.jpg"),
        "of which one is named like the mask of another": picture("photos/a_mask.png"),
    }
    yield from cases({"predict pictures": "predict run photos --out new"}, alike)
    for name in PLACES:
        yield from cases(
            {"train with a cache": MAKERS["train"], "evaluate with a cache": "evaluate run"},
            {f"{name!r}": "new"}, HERE, code=(2, 5), environment={"SEGBENCH_CACHE": name},
        )  # fmt: skip


# Data roots, addresses, revisions
SERVER = "http://SERVER"  # stands for the address of the server in `wrong_inputs`
ADDRESSES = (
    "", "here", "gopher://127.0.0.1/a", "file:///etc/passwd", "data:text/plain,hello", "http://",
    "http://[", "http://127.0.0.1:port/", "http://127.0.0.1:999999/", f"http://127.0.0.1:9/{ESCAPE}",
    "http://127.0.0.1/\nHost: elsewhere", "http://127.0.0.1:9/\0", "http://127.0.0.1:9/",
    "http://no-such-host.invalid/", f"http://127.0.0.1:9/{'a' * 100_000}",
    "http://127.0.0.1:9/\N{SNOWMAN}",
    *(f"{SERVER}/{answer}" for answer in (
        "404", "500", "text", "nothing", "no-zip-but-its-head", "other", "escaping", "bomb",
        "redirects", "chunks")),
)  # fmt: skip
REVISIONS = (
    "mian", "", "--output=pwned", "$(touch pwned)", "ma\0in", "main\nmain", ESCAPE, "x" * 10_000,
    "main:notes.txt", "main..main", "0" * 40, "\udcff",
)  # fmt: skip


def repository(here):
    make_repository(here, "notes.txt", "hostile_nets.py")


def elsewhere():
    roots = {
        "data list in": "data list --data-root {}",
        "data check in": "data check camvid --data-root {}",
        "data fetch into": f"data fetch camvid --url {SERVER}/text --data-root {{}}",
    }
    yield from cases(roots, named("a\0b", LONG, ESCAPE, "notes.txt", "notes.txt/a", "itself"), HERE)
    missing = {
        "data check in": roots["data check in"],
        "train in": f"train {NARROW} --dataset camvid --data-root {{}}",
        "search retrain in": "search retrain found --data-root {}",
    }
    yield from cases(missing, named("nowhere"))
    fetch = {"data fetch from": "data fetch camvid --url {}"}
    yield from cases(fetch, named(*ADDRESSES), seconds=15)
    names = named("camvit", "cityscapes", "../camvid", "rooms", LONG, "a\0", "")
    yield from cases({"data fetch of": "data fetch {}"}, names)
    against = {"check against the revision": "check segfast --against={}"}
    yield from cases(against, named(*REVISIONS), repository, seconds=30)
    repositories = {
        "where there is none": None,
        "of a repository without one": make_repository,
        "of a damaged repository": all_of(
            repository, lambda here: shutil.rmtree(here / ".git" / "objects")
        ),
        "where .git is a file": text(".git", "gitdir: nowhere\n"),
    }
    yield from cases({"check against a revision": "check segfast --against main"}, repositories)
    options = named(
        "--limit=params <= 1", "--normalised", "--baseline=baseline.json", "--setup=a\0b"
    )
    more = {"check against main with": "check segfast --against main {}"}
    yield from cases(more, options, repository)
    commands = named("exit 7", "no-such-program", "printf '\\033[31mred\\n' >&2; exit 1")
    setup = {"check against main after": "check segfast --against main --setup {}"}
    yield from cases(setup, commands, repository, code=5, seconds=30)


CASES = [*reading(), *writing(), *elsewhere()]
