"""Downloads into a file, gone on with where they ended, from servers that may say anything."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from segbench.data.errors import DataError, SpoiltError
from segbench.errors import WriteError, one_line
from segbench.progress import Progress

if TYPE_CHECKING:
    from http.client import HTTPMessage

TIMEOUT_S = 30.0  # without a byte
CHUNK_BYTES = 1 << 18
PARTIAL_CONTENT, RANGE_REFUSED = 206, 416  # of HTTP
SCHEMES = ("http", "https", "file")
GOES_ON = "the same command goes on from here"
BEGINS_ANEW = "what is there was removed, and the same command begins anew"
_COUNT = re.compile(r"\d{1,18}")
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


def check_url(url: str) -> None:
    """Refuse an address that nothing could be downloaded from.

    Raises:
        DataError: it is none of HTTP, HTTPS or a regular file, or lacks a host.

    >>> check_url("gopher://example.org/a.zip")
    Traceback (most recent call last):
    segbench.data.errors.DataError: cannot download 'gopher://example.org/a.zip': it begins with \
none of http://, https:// or file://
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is read only when asked for
    except ValueError as error:
        raise DataError(f"cannot download {url!r}: {one_line(str(error)).lower()}") from error
    if parts.scheme not in SCHEMES:
        wanted = ", ".join(f"{each}://" for each in SCHEMES[:-1])
        raise DataError(
            f"cannot download {url!r}: it begins with none of {wanted} or {SCHEMES[-1]}://"
        )
    if parts.scheme != "file" and not parts.hostname:
        raise DataError(f"cannot download {url!r}: it names no host")
    if parts.scheme == "file" and not _is_regular(urllib.request.url2pathname(parts.path)):
        raise DataError(f"cannot download {url!r}: there is no such file")


def _is_regular(path: str) -> bool:
    """Tell whether a path leads to a file that has an end."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - it may be no path at all
    except (OSError, ValueError):
        return False


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        WriteError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise WriteError(
            f"the disk of {str(folder)!r} has {free:,} bytes free, and {needed:,} are needed; make "
            f"room, and {GOES_ON}"
        )


def download(url: str, file: FileIO, folder: Path, *, most: int, progress: Progress) -> None:
    """Download into a file, from where it ends.

    Args:
        folder: where the file is.
        most: bytes that the file may have at the end.
        progress: called with what is done, bytes so far and bytes in all.

    Raises:
        DataError: what the address leads to cannot be had, or is too large.
        SpoiltError: what is in the file is of no use.
        WriteError: there is no room for it.
        OSError: the file cannot be written to.
    """
    have = file.seek(0, os.SEEK_END)
    reply = _ask(url, have)
    if reply is None:
        return
    with reply:
        begin, total = _extent(reply, url, have)
        if total is not None:
            if total > most:
                raise DataError(f"{url} has {total:,} bytes, and {most:,} are the most for it")
            check_room(folder, total - begin)
        file.truncate(begin)
        have = file.seek(begin)
        for chunk in _received(reply, url):
            have += len(chunk)
            if have > (limit := most if total is None else total):
                raise SpoiltError(f"{url} gave more than {limit:,} bytes; {BEGINS_ANEW}")
            _write(file, chunk)
            progress("downloading", have, max(total or 0, have))
    if total is not None and have < total:
        raise DataError(f"the download of {url} ended after {have:,} of {total:,} bytes; {GOES_ON}")


def _write(file: FileIO, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[file.write(left) :]


def _ask(url: str, have: int) -> Any | None:  # noqa: ANN401 - replies have several types
    """Return the reply to a request for all that a file lacks; None if it lacks nothing."""
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - its scheme is checked
        return _opener().open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()  # it is the reply too
        if error.code == RANGE_REFUSED and have:
            return None
        raise DataError(
            f"{url} answered {error.code} {one_line(str(error.reason)).lower()}"
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _broken_off(url, error) from error


def _broken_off(url: str, error: Exception) -> DataError:
    reason = str(getattr(error, "reason", None) or error) or type(error).__name__
    return DataError(f"cannot download {url}: {one_line(reason).lower()}; {GOES_ON}")


def _opener() -> urllib.request.OpenerDirector:
    """Return what opens addresses of the schemes that are read, and no others on the way."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.FileHandler,
        _RedirectHandler,
    ):
        opener.add_handler(handler())
    return opener


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows redirections without reading what comes with them, which might never end."""

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
    ) -> Any:  # noqa: ANN401 - as what it overrides
        fp.close()
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _extent(reply: Any, url: str, have: int) -> tuple[int, int | None]:  # noqa: ANN401
    """Return where in the file a reply begins, and the file's size if that is said."""
    if reply.headers.get_content_type() == "text/html":
        raise DataError(
            f"{url} gave a web page, no archive; open it in a browser to see what it asks for"
        )
    length = reply.headers.get("Content-Length")
    if length is not None and not _COUNT.fullmatch(length.strip()):
        raise DataError(f"{url} says that it has {length!r} bytes, which is no size")
    begin, size = 0, None
    if reply.status == PARTIAL_CONTENT:
        begin, size = _range_of(reply, url, have)
    return begin, begin + int(length) if size is None and length is not None else size


def _range_of(reply: Any, url: str, have: int) -> tuple[int, int | None]:  # noqa: ANN401
    """Return where a part begins, which is where the file ends, and the size of the whole."""
    said = reply.headers.get("Content-Range") or ""
    found = _RANGE.fullmatch(said.strip())
    if found is None or int(found[1]) != have:
        raise SpoiltError(
            f"{url} was asked for what follows byte {have:,}, and gave {said!r}; {BEGINS_ANEW}"
        )
    return have, None if found[3] == "*" else int(found[3])


def _received(reply: Any, url: str) -> Iterator[bytes]:  # noqa: ANN401
    """Give what a reply holds, part by part."""
    while True:
        try:
            chunk = reply.read(CHUNK_BYTES)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _broken_off(url, error) from error
        if not chunk:
            return
        yield chunk
