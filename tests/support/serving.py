"""A server on this machine for downloads, which says and does what a test wants."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """A server of one archive.

    Attributes:
        cut: bytes after which the first reply breaks off.
        resumes: whether it gives parts.
        status: what it answers instead of the archive.
        headers: what it says besides, or instead where it would say the same.
        chunked: whether it sends the archive in chunks.
        ranges: what was asked for, in order.
    """

    def __init__(self, content):
        self.content = content
        self.cut = None
        self.resumes = True
        self.status = None
        self.headers = {}
        self.chunked = False
        self.ranges = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/master.zip"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    def answer(self, handler):
        asked = handler.headers.get("Range")
        self.ranges.append(asked)
        if self.status is not None and not self.headers:
            handler.send_error(self.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.resumes else 0
        if start >= len(self.content):
            handler.send_error(416)
            return
        rest, size = self.content[start:], len(self.content)
        headers = {} if self.chunked else {"Content-Length": str(len(rest))}
        headers |= {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        headers |= {"Transfer-Encoding": "chunked"} if self.chunked else {}
        handler.send_response(self.status or (206 if start else 200))
        for name, value in (headers | self.headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        self._send(handler.wfile, rest[: self.cut])
        self.cut = None

    def _send(self, target, content):
        if self.chunked:
            content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
        with contextlib.suppress(ConnectionError):  # who refuses it hangs up
            target.write(content)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
