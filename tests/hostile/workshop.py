"""A folder with one of everything that a command takes, small: what wrong inputs are made from."""

import dataclasses
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
from PIL import Image

TESTS = Path(__file__).parents[1]
SIZE = (24, 32)
NARROW = "segfast,decoder_width=16:16:16,expand1=8,expand3=8,squeeze=8,stem_width=8"
QUICK = "--size 24x32 --batch 2 --epochs 1"  # of training
SEARCH = (
    "search --study two.py --dataset rooms --size 24x32 --train-size 24x32 --batch 2 --epochs 3 "
    "--sampler random --trials 2 --out new"
)
TIME = "latency.forward.p50_s"
HELD = f"check segfast --limit '{TIME} <= 1.05 * baseline'"
BEST = "run/best.safetensors"

STUDY = """
from segbench.search.layer_costs import conv
from segbench.search.space import Study, Width
from zoo.spec import ModelSpec

def build(values):
    wide = values["wide"]
    return ModelSpec("segfast", {"stem_width": values["stem"], "squeeze": 8, "expand1": wide,
        "expand3": wide, "decoder_width": (16, 16, 16)})

def layers(values, *, size, classes):
    height, width = size
    return [conv(3, values["stem"], height * width // 4, kernel=3),
            conv(8, values["wide"], height * width // 16)]

STUDY = Study(name="two", summary="two widths",
    dimensions=(Width("stem", 8, 32), Width("wide", 8, 64)), build=build, layers=layers,
    first=({"stem": 16, "wide": 16}, {"stem": 8, "wide": 8}))
"""

NETS = """
import os
import sys

from torch import nn

NUMBER = 3


class Small(nn.Module):
    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.last = nn.Conv2d(3, classes, 1)

    def forward(self, images):
        return self.last(images)


class Half(Small):
    def forward(self, images):
        return super().forward(images)[:, :, ::2, ::2]


class Nothing(Small):
    def forward(self, images):
        super().forward(images)


class Raises(Small):
    def forward(self, images):
        raise RuntimeError("the bridge\\n is \\x1b[31mout")


class Weightless(nn.Module):
    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, images):
        return images[:, :1].expand(-1, self.classes, -1, -1)


class Dies(Small):
    def forward(self, images):
        os._exit(3)


def raises(classes=2):
    raise ValueError("no \\x1b[31mbridge\\nhere")


def gives_up(classes=2):
    sys.exit(7)


def never_ends(classes=2):
    return never_ends(classes)


def of_none(classes=2):
    return None


def wants_more(needed, classes=2):
    return Small(classes)


def without_classes():
    return Small()


def open_raising(root):
    raise OSError("the disk\\nis \\x1b[31mgone")


BUILT = Small()
open_none = of_none
"""


def load_beside(folder: str, name: str) -> object:
    """Import a module of another folder of tests, whatever `sys.path` is."""
    spec = importlib.util.spec_from_file_location(f"hostile_{name}", TESTS / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Give the address of a server on this machine, which answers by a function."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def make_repository(here: Path, *names: str) -> None:
    """Make a repository of git with a commit of some files; of none without names."""
    who = {
        f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    alone = who | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    steps = [("add", *names), ("commit", "-q", "-m", "all")] if names else []
    for step in (("init", "-q", "-b", "main"), *steps):
        command = [shutil.which("git") or "git", "-C", str(here), *step]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **alone})


def make_rooms(home: Path, *, train: int = 4, val: int = 2) -> None:
    """Write scenes of dark floors and bright walls, with some void."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for kind in ("images", "labels"):
            (home / split / kind).mkdir(parents=True)
        for number in range(count):
            label = (rng.random((3, 4)) < 0.5).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            image = np.clip(60 + 120 * label[..., None] + rng.normal(0, 40, (*SIZE, 3)), 0, 255)
            label[:2] = 255
            Image.fromarray(image.astype(np.uint8)).save(home / split / "images" / f"{number}.png")
            Image.fromarray(label).save(home / split / "labels" / f"{number}.png")
    (home / "classes.csv").write_text("name\nfloor\nwall\n")


def make_video(path: Path, *, frames: int = 4) -> None:
    """Write a video whose left half is dark and right half bright."""
    import av

    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        for _ in range(frames):
            pixels = np.full((48, 64, 3), 60, np.uint8)
            pixels[:, 32:] = 180
            target.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        target.mux(stream.encode())


def make_results(folder: Path) -> None:
    """Write a result of each kind that no machine measured."""
    from segbench.results.baseline import Baseline
    from segbench.results.dataset import DataFindings, SplitFindings
    from segbench.results.store import save

    made_up = load_beside("support", "made_up_results")
    split = SplitFindings("train", 4, {"24x32": 4}, {"floor": 1500, "wall": 1316}, 256)
    results = {
        "profile": made_up.make_profile(layers=made_up.make_layers()),
        "comparison": made_up.make_comparison(),
        "check": made_up.make_check(),
        "baseline": Baseline((made_up.make_profile(),), made_up.make_latencies(0.5)),
        "data": DataFindings("rooms", "folders, in rooms", (split,), ("a.png has no partner",)),
        "evaluation": made_up.make_evaluation(),
        "reproduction": made_up.make_reproduction(),
        "search": make_search(),
        "retraining": made_up.make_retraining(),
    }
    for name, result in results.items():
        save(result, folder / f"{name}.json")


def make_search() -> object:
    """Return a search of the rooms, two of whose networks are of its front."""
    return dataclasses.replace(
        load_beside("support", "made_up_results").make_search(),
        dataset="rooms",
        protocol="strict",
        size=SIZE,
        train_size=SIZE,
        study="two",
    )


def make_workshop(folder: Path) -> None:
    """Write one of everything but what has to be trained."""
    folder.mkdir(parents=True)
    make_rooms(folder / "rooms")
    make_results(folder)
    make_video(folder / "drive.mp4")
    (folder / "photos").mkdir()
    for path in ("street.png", "photos/a.png", "photos/b.png"):
        pixels = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(folder / path)
    (folder / "two.py").write_text(STUDY)
    (folder / "hostile_nets.py").write_text(NETS)
    (folder / "notes.txt").write_text("not what was asked for\n")
    (folder / "model.json").write_text(json.dumps({"name": "segfast", "options": {}}))
    (folder / "found").mkdir()
    (folder / "found" / "search.json").write_bytes((folder / "search.json").read_bytes())


def train_one(folder: Path, environment: dict[str, str]) -> None:
    """Train a network on the rooms of a workshop, by the command, in a process of its own."""
    command = ("train", NARROW, "--dataset", "rooms", "--out", "run", *QUICK.split())
    subprocess.run(
        [sys.executable, "-P", "-m", "segbench", *command],
        cwd=folder,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )


def begin_search(folder: Path) -> None:
    """Leave the storage of a search that has tried nothing in the folder `begun` of a workshop.

    It is that of `SEARCH`. The present folder is the workshop.
    """
    from segbench.search.config import SearchConfig
    from segbench.search.run import SearchRun
    from segbench.training.config import Job
    from zoo import allowed

    getattr(allowed, "allow_file", lambda _: None)(folder / "two.py")
    job = Job(model="segfast", dataset="rooms", size=SIZE, epochs=3, batch=2)
    plan = SearchConfig(study="two.py", job=job, trials=2, size=SIZE, sampler="random")
    SearchRun(plan, Path("begun")).close()
