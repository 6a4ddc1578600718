"""What is done to the folder of a trial before a command runs in it."""

import functools
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

Prepare = Callable[[Path], object]

ESCAPE = "\x1b[31mred\x1b[2J"
LONG = "n" * 300
DEEP = "[" * 100_000 + "]" * 100_000
HUGE = "1" + "0" * 400
DIGITS = "1" * 30
GONE = object()  # in place of a value: take the key away


def named(*words: str) -> dict[str, str]:
    """Return words by what to call them, which is as they are written."""
    return {repr(word)[:60]: word for word in words}


def all_of(*steps: Prepare) -> Prepare:
    """Do one after the other."""
    return lambda here: [step(here) for step in steps]


def in_place(make: Callable[..., object]) -> Callable[..., Prepare]:
    """Turn what makes a file into a step, which clears the place for it first."""

    @functools.wraps(make)
    def step(name: str, *arguments: Any, **others: Any) -> Prepare:
        def prepare(here: Path) -> None:
            clear(here / name)
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            make(here / name, *arguments, **others)

        return prepare

    return step


def clear(path: Path) -> None:
    """Remove whatever is at a path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


raw = in_place(Path.write_bytes)
folder = in_place(Path.mkdir)
link = in_place(Path.symlink_to)
fifo = in_place(os.mkfifo)  # that nobody writes to or reads from
gone = in_place(lambda _: None)


def text(name: str, content: str) -> Prepare:
    """Write a text."""
    return raw(name, content.encode("utf-8", "surrogatepass"))


def written(name: str, *contents: str) -> dict[str, Prepare]:
    """Return the ways to write each text, by what to call it, which is as it begins."""
    return {repr(content)[:60]: text(name, content) for content in contents}


def loop(name: str) -> Prepare:
    """Make a link that leads to itself."""
    return link(name, Path(name).name)


def broken(name: str) -> Prepare:
    """Make a link that leads nowhere."""
    return link(name, "nowhere/at/all")


def zero(name: str) -> Prepare:
    """Make a link to a file without an end."""
    return link(name, "/dev/zero")


def cut(name: str) -> Prepare:
    """Leave the first half of a file."""
    return lambda here: os.truncate(here / name, (here / name).stat().st_size // 2)


def copy(name: str, to: str) -> Prepare:
    """Copy a file."""
    return lambda here: raw(to, (here / name).read_bytes())(here)


def changed(fields: Any, keys: str, value: Any) -> Any:
    """Change one value in what JSON gave; the keys are written with dots."""
    *way, last = (int(key) if key.isdigit() else key for key in keys.split("."))
    holder = fields
    for key in way:
        holder = holder[key]
    if value is GONE:
        del holder[last]
    else:
        holder[last] = value(holder[last]) if callable(value) else value
    return fields


def damaged(name: str, keys: str, value: Any) -> Prepare:
    """Change one value of a JSON file, or take it away with `GONE`."""

    def prepare(here: Path) -> None:
        fields = json.loads((here / name).read_text())
        (here / name).write_text(json.dumps(changed(fields, keys, value)))

    return prepare


def no_files(name: str) -> dict[str, Prepare]:
    """Return what may be at a path where a command expects a file, by what to call it."""
    # A user may name a pipe; a folder of ours has none.
    pipes = {"is a pipe without a writer": fifo(name)} if "/" in name else {}
    return {
        "is missing": gone(name),
        "is a folder": folder(name),
        "is a broken link": broken(name),
        "is a link to itself": loop(name),
        "is /dev/null": link(name, "/dev/null"),
        "has no end": zero(name),
        **pipes,
    }


def no_texts(name: str) -> dict[str, Prepare]:
    """Return files that are no JSON of an object, by what to call them."""
    contents = (
        "", '{"name": "segfast", ', "{\0}", DEEP, '{"a":' * 100_000 + "1" + "}" * 100_000,
        f'{{"schema": {HUGE}}}', '{"a": 1e999}', "NaN", "[1, 2]", "null", "{}",
        '{"schema": "\\ud800", "name": "\\ud800"}', '{"\\u001b[31mred": "\\u001b[2J\\n"}',
        '{"version": 3, "dependencies": {}}', json.dumps({"schema": "x" * 2_000_000, "name": "x"}),
    )  # fmt: skip
    ways = {f"is {what}": way for what, way in written(name, *contents).items()}
    ways["is not text"] = raw(name, b"\xff\xfe\x00\x9f" * 9)
    ways["is UTF-16"] = raw(name, '{"name": "segfast"}'.encode("utf-16"))
    return ways


def png(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size that its data has not."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n"
    for chunk in (b"IHDR" + header, b"IDAT" + zlib.compress(b""), b"IEND"):
        whole += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return whole


@in_place
def picture(
    path: Path, *, size: tuple[int, int] = (32, 24), mode: str = "RGB", value: Any = 100
) -> None:
    """Write a picture of one colour, (width, height)."""
    Image.new(mode, size, value).save(path)


def no_pictures(name: str) -> dict[str, Prepare]:
    """Return files that are no picture, though their ending says so."""
    contents = {
        "is empty": b"",
        "is text": b"not a picture",
        "claims 60,000 times 60,000 pixels": png(60_000, 60_000),
        "claims no pixels": png(0, 0),
        "has no data": png(32, 24),
        "is a zip archive": b"PK\x05\x06" + bytes(18),
    }
    ways = {what: raw(name, content) for what, content in contents.items()}
    return {"is cut off": cut(name), **ways}
