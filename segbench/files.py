"""Files, read as types and written whole or not at all; folders, locked by one process at a time.

A file is written without a name beside its place, and gets its name when it is whole. So a process
that is killed leaves nothing behind. Where the file system cannot do that, the partial file's name
says whose it is.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import secrets
import socket
import stat
import sys
import tempfile
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from segbench.errors import UsageError, WriteError, os_reason
from zoo.files import FileError, parse_json, read_text

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from PIL import Image
    from pydantic import TypeAdapter

T = TypeVar("T")

LOCK = ".segbench.lock"
WAIT_S = 5.0  # the kernel may still be ending a worker whose parent was killed
PARTIAL = ".segbench-{}.part"  # what a file is called until it is whole, where it needs a name
COPY_BYTES = 1 << 20


def read_as(path: str | os.PathLike[str], kind: type[T], *, what: str) -> T:
    """Read a JSON file as an object of a type, strictly.

    Args:
        what: what to call it in an error.

    Raises:
        UsageError: it cannot be read, or does not hold such an object.
    """
    source = f"{what} {os.fspath(path)!r}"
    try:
        text = read_text(path, what=what)
    except FileError as error:
        raise UsageError(str(error)) from error
    return parse_as(text, kind, source=source)


def parse_as(text: str, kind: type[T], *, source: str) -> T:
    """Read a JSON text as an object of a type, strictly; see :func:`read_as`.

    >>> from segbench.results.dataset import SplitFindings
    >>> text = '{"split": "val", "scenes": 1, "sizes": {}, "pixels": {}, "void_pixels": 0}'
    >>> parse_as(text, SplitFindings, source="it").scenes
    1
    """
    return fields_as(parse_fields(text, source=source), kind, source=source)


def parse_fields(text: str, *, source: str) -> Any:  # noqa: ANN401 - JSON may be anything
    """Return what a JSON text stands for, see :func:`zoo.files.parse_json`.

    Raises:
        UsageError: it is not JSON, or not such as segbench reads.
    """
    try:
        return parse_json(text, source=source)
    except FileError as error:
        raise UsageError(str(error)) from error


def fields_as(fields: Any, kind: type[T], *, source: str) -> T:  # noqa: ANN401 - JSON
    """Make an object of a type from what JSON gave, strictly; see :func:`read_as`."""
    import json  # noqa: PLC0415 - with pydantic; only readers wait for it

    from pydantic import ValidationError  # noqa: PLC0415

    try:
        # As text, for there JSON's lists are tuples, which they are not among Python's objects.
        found: T = _adapter(cast("Hashable", kind)).validate_json(json.dumps(fields), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "its top"
        says = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{source} is damaged at {where}: {says[:1].lower()}{says[1:]} "
            f"({error.error_count()} such places)"
        ) from error
    return found


@functools.cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - only readers wait for it

    return TypeAdapter(cast("Any", kind))


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse a target before hours of work go into what could not be written.

    Raises:
        UsageError: it is a folder or a disk; it exists and ``force`` is not given; or its folder
            cannot be written to.
    """
    mode = _mode_of(path)
    if mode is not None:
        if stat.S_ISDIR(mode):
            raise UsageError(f"cannot write {str(path)!r}: it is a folder; name a file in it")
        if stat.S_ISBLK(mode):
            raise UsageError(f"cannot write {str(path)!r}: it is a disk; name a file")
        if _is_special(path, mode):
            return  # a terminal, a pipe: what is written there replaces nothing
        if not force:
            raise UsageError(f"{str(path)!r} exists already; choose another name or add --force")
    folder = _place_of(path).parent
    if not folder.is_dir():
        raise UsageError(f"cannot write {str(path)!r}: folder {str(path.parent)!r} does not exist")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {str(path)!r}: no permission in {str(path.parent)!r}")
    try:
        partial, name = _open_partial(folder)
    except OSError as error:  # some folders of the kernel's look writable
        raise UsageError(f"cannot write {str(path)!r}: {os_reason(error)}") from error
    os.close(partial)
    if name is not None:
        (folder / name).unlink()


def _mode_of(path: Path) -> int | None:
    """Return the kind and rights of what is there, links followed; None if nothing is.

    Raises:
        UsageError: there can be nothing of this name.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = os_reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot write {str(path)!r}: {reason}") from error


def _is_special(path: Path, mode: int) -> bool:
    """Tell whether a target is written into and never replaced: a device, a pipe, an open stream.

    Standard output may be a regular file, which the shell that opened it would lose.
    """
    return not stat.S_ISREG(mode) or _stream_of(path) is not None


def _stream_of(path: Path) -> int | None:
    """Return the standard stream that a path is a name of, such as /dev/stdout."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(number)):
                return number
    return None


def _place_of(path: Path) -> Path:
    """Return where a file will be: for a link, what it leads to."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


class Claim:
    """A name that no other process of this user writes to meanwhile, claimed before hours of work.

    It is an address of the kernel's, which goes with the process, however that ends.

    Raises:
        UsageError: another process has claimed it.

    >>> first = Claim(Path("result.json"))
    >>> Claim(Path("result.json"))
    Traceback (most recent call last):
    segbench.errors.UsageError: another segbench is about to write 'result.json'; name another file
    >>> first.release()
    """

    def __init__(self, path: Path) -> None:
        self._held: socket.socket | None = None
        if sys.platform != "linux":
            return  # such addresses are Linux's own
        place = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]
        held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            held.bind(f"\0segbench-{os.getuid()}-{place}")
        except OSError as error:
            held.close()
            if error.errno == errno.EADDRINUSE:
                raise UsageError(
                    f"another segbench is about to write {str(path)!r}; name another file"
                ) from error
            return  # a system that has none; the name is looked at again before it is given
        self._held = held

    def __del__(self) -> None:
        self.release()

    def release(self) -> None:
        """Let others have the name."""
        if self._held is not None:
            self._held.close()
            self._held = None


def write_text(path: Path, text: str, *, force: bool) -> None:
    """Write a text file as UTF-8, as :func:`write_bytes` does.

    Raises:
        UsageError: the file exists and ``force`` is not given.
        WriteError: it cannot be written.
    """
    write_bytes(path, text.encode(), force=force)


def write_bytes(path: Path, content: bytes, *, force: bool) -> None:
    """Write a file so that it is either there as a whole or as it was before.

    Raises:
        UsageError: the file exists and ``force`` is not given.
        WriteError: it cannot be written.
    """
    with whole_file(path, force=force) as partial:
        partial.write_bytes(content)


def write_picture(path: Path, picture: Image.Image, *, force: bool) -> None:
    """Write a picture in the format that its ending names, as :func:`write_bytes` does.

    Raises:
        UsageError: the ending names no format, or the file exists and ``force`` is not given.
        WriteError: it cannot be written.
    """
    import io  # noqa: PLC0415 - with Pillow; most writers need neither

    from PIL import Image  # noqa: PLC0415

    form = Image.registered_extensions().get(path.suffix.lower())
    if form is None or form not in Image.SAVE:
        raise UsageError(
            f"no format for pictures belongs to the ending of {str(path)!r}; end it in .png or .jpg"
        )
    content = io.BytesIO()
    picture.save(content, form)
    write_bytes(path, content.getvalue(), force=force)


@contextlib.contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Give a path to write into; what is there takes the target's place at the end.

    Where anything is raised meanwhile, the target stays as it was. A link is followed, and what is
    no regular file, a device or a pipe, is written into and never replaced.

    Raises:
        UsageError: the file exists and ``force`` is not given.
        WriteError: it cannot be written.
    """
    mode = _mode_of(path)
    is_special = mode is not None and _is_special(path, mode)
    if mode is not None and not is_special and not force:
        check_writable(path, force=False)
    try:
        if is_special:
            yield from _into_special_file(path)
        else:
            yield from _into_folder(_place_of(path), force=force)
    except OSError as error:
        raise WriteError(f"cannot write {str(path)!r}: {os_reason(error)}") from error


def _into_special_file(path: Path) -> Iterator[Path]:
    """Collect what is written, and hand it on to a device or a pipe."""
    with tempfile.TemporaryFile() as collected:
        yield Path(f"/proc/self/fd/{collected.fileno()}")
        collected.seek(0)
        with open(_open_special_file(path), "wb", buffering=0) as target:
            while chunk := collected.read(COPY_BYTES):
                target.write(chunk)


def _open_special_file(path: Path) -> int:
    """Open what is written into; a standard stream goes on from where it is."""
    stream = _stream_of(path)
    return os.open(path, os.O_WRONLY | os.O_NOCTTY) if stream is None else os.dup(stream)


def _into_folder(place: Path, *, force: bool) -> Iterator[Path]:
    """Give a file without a name; it gets that of its place when it is whole."""
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    partial = name = None
    try:
        partial, name = _open_partial(place.parent)
        yield Path(place.parent, name) if name else Path(f"/proc/self/fd/{partial}")
        os.fsync(partial)
        source = name or f"/proc/self/fd/{partial}"
        if not force:
            _link(source, place.name, folder)
            return
        if name is None:
            name = PARTIAL.format(secrets.token_hex(8))
            _link(source, name, folder)
        os.replace(name, place.name, src_dir_fd=folder, dst_dir_fd=folder)
        name = None
    except FileExistsError:
        check_writable(place, force=False)  # it appeared meanwhile
        raise
    finally:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
        if partial is not None:
            os.close(partial)
        os.close(folder)


def _open_partial(folder: Path) -> tuple[int, str | None]:
    """Open a new file for writing, without a name where the file system can do that."""
    flags = os.O_RDWR | os.O_CLOEXEC
    if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
        try:
            return os.open(folder, flags | os.O_TMPFILE, 0o666), None
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT}:
                raise
    name = PARTIAL.format(secrets.token_hex(8))
    exclusive = flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.open(folder / name, exclusive, 0o666), name


def _link(source: str, name: str, folder: int) -> None:
    """Give an open file a name; it must not be taken."""
    # With descriptors of folders Python asks the kernel to follow the link that /proc has.
    os.link(source, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)


def is_partial(path: Path) -> bool:
    """Tell whether a file is one that segbench left half-written, where it needed a name.

    >>> is_partial(Path("run/.segbench-00ff00ff00ff00ff.part")), is_partial(Path("run/.env.local"))
    (True, False)
    """
    before, after = PARTIAL.split("{}")
    middle = path.name.removeprefix(before).removesuffix(after)
    is_ours = path.name == f"{before}{middle}{after}"
    return is_ours and not set(middle) - set("0123456789abcdef") and bool(middle)


def is_unused(folder: Path) -> bool:
    """Tell whether a folder holds nothing, or only what a killed segbench left half-written.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return folder.is_dir() and all(
            path.name == LOCK or is_partial(path) for path in folder.iterdir()
        )
    except OSError as error:
        raise UsageError(f"cannot read folder {str(folder)!r}: {os_reason(error)}") from error


def lock_folder(folder: Path, *, wait_s: float = WAIT_S) -> BaseFileLock:
    """Make a folder if there is none, and keep other processes out until the lock is released.

    The lock is the kernel's; a process that ends or is killed leaves none.

    Raises:
        UsageError: another process has it, or it cannot be made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock_folder(Path(folder)).is_locked
    True
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - few need it

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {str(folder)!r}: {os_reason(error)}") from error
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise UsageError(
            f"another process is at work in {str(folder)!r}; wait for it, or name another folder "
            "with --out"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot lock the folder {str(folder)!r}: {os_reason(error)}") from error
    return lock


def give_up(lock: BaseFileLock) -> None:
    """Release a lock, and remove its folder if nothing has been put there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     give_up(lock_folder(Path(folder, "new")))
    ...     Path(folder, "new").exists()
    False
    """
    path = Path(lock.lock_file)
    with contextlib.suppress(OSError):  # it is gone, or another process has just come
        if list(path.parent.iterdir()) == [path]:
            path.unlink()
            path.parent.rmdir()
    lock.release()
