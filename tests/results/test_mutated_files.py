"""Any saved file, however damaged: it is read, or refused in one line with code 2; nothing else."""

import contextlib
import dataclasses
import io
import json
import os
import re
import struct
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_results import (
    make_check,
    make_comparison,
    make_compression,
    make_evaluation,
    make_layers,
    make_profile,
    make_reproduction,
    make_retraining,
    make_search,
)

from segbench.cli import main
from segbench.results.baseline import Baseline
from segbench.results.dataset import DataFindings, SplitFindings
from segbench.results.store import to_json

EXAMPLES = int(os.environ.get("SEGBENCH_EXAMPLES", "60"))  # of each kind of file
FORMATS = ("table", "json", "csv", "markdown")
ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
DATA = DataFindings(
    "rooms", "folders", (SplitFindings("val", 2, {"8x8": 2}, {"floor": 128}, 0),), ("a.png: cut",)
)
RESULTS = {
    "profile": lambda: dataclasses.replace(make_profile(), layers=make_layers()),
    "comparison": make_comparison,
    "check": make_check,
    "baseline": lambda: Baseline((make_profile(),), make_profile().latency),
    "data": lambda: DATA,
    "evaluation": make_evaluation,
    "reproduction": make_reproduction,
    "search": make_search,
    "retraining": make_retraining,
    "compression": make_compression,
}
BUDGETS = """
baseline = "base.json"

[workload]
size = "32x32"
threads = 1

[[budget]]
model = "segfast, classes=2"
limits = ["params <= 603_288", "latency.forward.p50_s <= 0.25 * segnet + 5 %"]
workload = { batch = 2 }
"""
# What takes the place of a value in JSON.
VALUES = st.sampled_from(
    [
        *(None, True, 0, -1, 1, 1 << 40, -(1 << 62), 0.0, -0.5, 1e-320, 1e300, "", "x", "[/red]"),
        *("\x1b[2J", "segfast", "os:system", "a\nb", "\ud800", "é" * 300),
        *([], {}, [[]], {"name": 3}, [1, "a"]),
    ]
)
RAW = st.sampled_from(
    [
        *(b"NaN", b"Infinity", b"-1e999", b"1" * 400, b"[" * 5000, b'"\\u001b[31m"', b"\xff\xfe"),
        *(b"\0", b"null", b"{}", b'"\\ud800"', b"\x80", b",", b"\xef\xbb\xbf", b"=", b"\r", b'"'),
    ]
)


def leaves(found, path=()):
    """Yield the path of every value within a JSON object."""
    inner = found.items() if isinstance(found, dict) else enumerate(found)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))


@st.composite
def damaged_bytes(draw, content):
    """Cut, change, repeat or put something else into a file, at one to three places."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["cut", "flip", "insert", "remove", "repeat"])):
            case "cut":
                content = content[:at]
            case "flip" if content:
                changed = bytes([content[at] ^ (1 << draw(st.integers(0, 7)))])
                content = content[:at] + changed + content[at + 1 :]
            case "insert":
                content = content[:at] + draw(RAW) + content[at:]
            case "remove":
                content = content[:at] + content[at + draw(st.integers(1, 40)) :]
            case _:
                content = content[:at] + content[max(0, at - 200) :]
    return content


@st.composite
def damaged_json(draw, fields):
    """Change or remove one to three values of a JSON object, or damage its text."""
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged_bytes(json.dumps(fields).encode()))
    found = json.loads(json.dumps(fields))
    for _ in range(draw(st.integers(1, 3))):
        places = list(leaves(found))
        if not places:
            break
        *path, last = draw(st.sampled_from(places))
        holder = found
        for key in path:
            holder = holder[key]
        if draw(st.booleans()):
            holder[last] = draw(VALUES)
        elif isinstance(holder, dict) or draw(st.booleans()):
            del holder[last]
        else:
            holder.append(holder[last])
    return json.dumps(found).encode()


def run(*arguments):
    """Run a command in this process; return its code, what it printed and what it said."""
    out, said = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(said),
        warnings.catch_warnings(action="always"),
        pytest.raises(SystemExit) as ended,
    ):
        main(list(arguments))
    return ended.value.code, out.getvalue(), said.getvalue()


def judge(code, out, said):
    """Hold that a file was read, or refused in one line."""
    assert code in {0, 2}, said
    assert "Traceback" not in said
    assert not ORDERS.search(out + said)
    lines = said.splitlines()
    assert all(line.startswith("segbench: ") and len(line) < 1200 for line in lines)
    if code == 2:
        assert (out, len(lines)) == ("", 1)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work in a folder of its own."""
    here, before = tmp_path_factory.mktemp("mutated"), Path.cwd()
    os.chdir(here)
    yield here
    os.chdir(before)


def examples(count=EXAMPLES):
    return settings(
        max_examples=count,
        deadline=None,
        derandomize="SEGBENCH_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("kind", RESULTS)
def test_a_damaged_result_is_shown_or_refused(kind):
    whole = json.loads(to_json(RESULTS[kind]()))

    @examples()
    @given(damaged_json(whole), st.sampled_from(FORMATS))
    def try_it(content, form):
        Path("x.json").write_bytes(content)
        judge(*run("report", "x.json", "--format", form))

    try_it()


@examples()
@given(damaged_json(json.loads(to_json(make_search()))), st.sampled_from(["show", "export"]))
def test_a_damaged_search_is_shown_or_refused(content, command):
    Path("found").mkdir(exist_ok=True)
    Path("found/search.json").write_bytes(content)
    extra = ("--force",) if command == "export" else ("--format", "csv")
    code, out, said = run("search", command, "found", *extra)
    drawn = [line for line in said.splitlines() if not line.startswith("drawn: ")]
    judge(code, out, "".join(f"{line}\n" for line in drawn))


@examples()
@given(damaged_bytes(BUDGETS.encode()))
def test_a_damaged_budget_file_is_refused(content):
    Path("b.toml").write_bytes(content)
    code, out, said = run("check", "--budget", "b.toml", "--baseline", "none.json")
    judge(code, out, said)
    assert code == 2  # for there is no such baseline


@examples()
@given(damaged_json({"name": "segfast", "options": {"classes": 3, "squeeze": [16] * 8}}))
def test_a_damaged_model_file_is_read_or_refused(content):
    Path("net.json").write_bytes(content)
    code, out, said = run("check", "net.json", "--limit", "params <= 1", "--baseline", "none.json")
    judge(code, out, said)
    assert code == 2  # for nothing is held against that baseline


@pytest.fixture(scope="module")
def trained(folder):
    """Train a network for an epoch on four scenes, and return the contents of its run."""
    import numpy as np
    from PIL import Image

    from segbench.training.allocator import MARK

    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / "rooms" / split / kind).mkdir(parents=True)
            pixels = np.zeros((32, 32, 3) if kind == "images" else (32, 32), np.uint8)
            for number in range(2):
                Image.fromarray(pixels).save(folder / "rooms" / split / kind / f"{number}.png")
    (folder / "rooms/classes.csv").write_text("name,red,green,blue\nfloor,1,2,3\nwall,200,0,0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGBENCH_CACHE", str(folder / "cache"))
        patch.setenv(MARK, "1")
        small = ("--dataset", "rooms", "--size", "32x32", "--epochs", "1", "--batch", "2")
        code, _, said = run("train", "segfast", *small, "--out", "run")
        assert code == 0, said
        yield {path.name: path.read_bytes() for path in Path("run").iterdir() if path.is_file()}


@pytest.mark.parametrize("name", ["run.json", "history.csv", "speed.csv"])
def test_a_damaged_run_hides_no_other(trained, name):
    @examples()
    @given(damaged_bytes(trained[name]))
    def try_it(content):
        Path("run", name).write_bytes(content)
        Path("other").mkdir(exist_ok=True)
        for other in ("run.json", "history.csv", "speed.csv"):
            Path("other", other).write_bytes(trained[other])
        code, out, said = run("runs", ".")
        judge(code, out, said)
        assert code == 0
        assert "other" in out

    try_it()
    Path("run", name).write_bytes(trained[name])


def as_safetensors(metadata, tensors):
    header = metadata
    return struct.pack("<Q", len(header)) + header + tensors


def test_damaged_weights_are_used_or_refused(trained):
    whole = trained["best.safetensors"]
    (size,) = struct.unpack("<Q", whole[:8])
    header, tensors = whole[8 : 8 + size], whole[8 + size :]
    fields = json.loads(header)
    about = json.loads(fields["__metadata__"]["segbench"])

    @st.composite
    def damaged(draw):
        if draw(st.integers(0, 2)) == 0:
            return as_safetensors(draw(damaged_bytes(header)), tensors)
        said = draw(damaged_json(about)).decode("utf-8", "replace")
        changed = fields | {"__metadata__": {"segbench": said}}
        text = json.dumps(changed).encode("utf-8", "replace")
        return as_safetensors(text, tensors)

    @examples(EXAMPLES // 2)
    @given(damaged())
    def try_it(content):
        Path("best.safetensors").write_bytes(content)
        judge(*run("evaluate", "best.safetensors"))

    try_it()


def test_a_damaged_state_goes_on_or_is_refused(trained):
    whole = trained["last.safetensors"]
    (size,) = struct.unpack("<Q", whole[:8])
    small = ("--dataset", "rooms", "--size", "32x32", "--epochs", "1", "--batch", "2")

    @examples(EXAMPLES // 3)
    @given(damaged_bytes(whole[8 : 8 + size]))
    def try_it(header):
        for name, content in trained.items():
            Path("run", name).write_bytes(content)
        Path("run/last.safetensors").write_bytes(as_safetensors(header, whole[8 + size :]))
        code, out, said = run("train", "segfast", *small, "--out", "run", "--resume")
        epochs = [line for line in said.splitlines() if not line.startswith("epoch ")]
        judge(code, out, "".join(f"{line}\n" for line in epochs))

    try_it()


@pytest.mark.usefixtures("trained")
@examples()
@given(damaged_bytes(b"name,red,green,blue\nfloor,1,2,3\nwall,200,0,0\n"))
def test_a_damaged_class_file_is_read_or_refused(content):
    Path("rooms/classes.csv").write_bytes(content)
    code, out, said = run("data", "check", "rooms")
    if code == 5:  # a class is gone, and labels have it
        assert "problem" in out
        code = 0
    judge(code, out, said)


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "tiff", "webp", "ppm", "tga"])
def test_a_damaged_picture_is_seen_or_refused(ending):
    from PIL import Image

    content = io.BytesIO()
    picture = Image.radial_gradient("L").resize((32, 32)).convert("RGB")
    picture.save(content, Image.registered_extensions()[f".{ending}"])

    @examples(EXAMPLES // 2)
    @given(damaged_bytes(content.getvalue()))
    def try_it(damaged):
        Path(f"seen.{ending}").write_bytes(damaged)
        code, out, said = run(
            "predict", "segfast-streets", f"seen.{ending}", "--out", "out", "--force"
        )
        judge(code, out, said)

    try_it()
