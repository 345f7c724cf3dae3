"""The server behind the page, on this computer's own address only. It prints nothing of what is asked."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import is_of_the_system, use_failed
from neurospineseg.viewer.answers import Answer, Missing, failure, got, posted
from neurospineseg.viewer.drops import MOST_BYTES
from neurospineseg.viewer.guard import HEADERS, Guard, comes_from_here
from neurospineseg.viewer.viewer import Viewer

ADDRESS = "127.0.0.1"
MOST_JSON = 1 << 20
"""Bytes that a request other than a file may bring."""
SILENT_SECONDS = 60.0
"""After which a connection that says nothing is closed."""
FORBIDDEN, NOWHERE = failure("Not allowed.", 403), failure("Nothing here.", 404)


class ViewerServer(ThreadingHTTPServer):
    """
    Args:
        port: 0 for any that is free.

    Attributes:
        heard: when a page last asked for something.

    Raises:
        OSError: the port is in use.
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let two programs share a port

    def __init__(self, viewer: Viewer, port: int = 0) -> None:
        self.viewer, self.guard, self.heard = viewer, Guard(), monotonic()
        super().__init__((ADDRESS, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def server_bind(self) -> None:
        """Without asking the network what this computer is called, as ``HTTPServer`` does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    @property
    def address(self) -> str:
        """Of the page, with the token."""
        return f"http://{ADDRESS}:{self.server_address[1]}/{self.guard.token}/"

    def ticket_address(self) -> str:
        """Leads to the page once."""
        return f"http://{ADDRESS}:{self.server_address[1]}/open/{self.guard.new_ticket()}"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the server and what it began."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()
        self.viewer.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no fault, and nothing of a request is printed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "NeuroSpineSeg", ""
    timeout = SILENT_SECONDS
    server: ViewerServer

    def log_message(self, format: str, *args: Any) -> None:
        """Paths hold the token and names of files; nothing is logged."""

    def do_GET(self) -> None:
        ticket = self.path.removeprefix("/open/")
        if comes_from_here(self.headers) and ticket != self.path and self.server.guard.takes_ticket(ticket):
            self._send(Answer(303, headers={"Location": f"/{self.server.guard.token}/"}))
            return
        self._answer(lambda parts, query: got(self.server.viewer, parts, query))

    def do_POST(self) -> None:
        self._answer(lambda parts, query: posted(self.server.viewer, parts, self._json()))

    def do_PUT(self) -> None:
        self._answer(self._received)

    def _received(self, parts: list[str], query: Mapping[str, str]) -> Answer:
        match parts:
            case ["drops", number, "files"]:
                drop, length = self.server.viewer.drops.of(number), self._length(MOST_BYTES)
                drop.receive(query.get("name", ""), length, self.rfile)
                self._unread = 0
                return Answer(204)
        raise Missing

    def _answer(self, work: Callable[[list[str], Mapping[str, str]], Answer]) -> None:
        """Answers a request that is allowed; a body that was not read ends the connection."""
        self._unread = self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers
        asked = urlsplit(self.path)
        inside = self.server.guard.inside(asked.path)
        if inside is None or not comes_from_here(self.headers):
            self._send(FORBIDDEN)
            return
        self.server.heard = monotonic()
        parts = [unquote(part) for part in inside.split("/")]
        self._send(_done(lambda: work(parts, dict(parse_qsl(asked.query)))))

    def _length(self, most: int) -> int:
        """How many bytes a request brings.

        Raises:
            InputError: it does not say so, or too many.
        """
        text = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (text.isascii() and text.isdigit() and len(text) < 20):
            raise InputError("The browser did not say how large a file is.")
        if int(text) > most:
            raise InputError(f"This file is larger than {most / 2**30:.3g} GB; use the shell for it.")
        return int(text)

    def _json(self) -> dict[str, Any]:
        """
        Raises:
            InputError: a request brings something else.
        """
        body = self.rfile.read(self._length(MOST_JSON))
        self._unread = 0
        try:
            said = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise InputError("The page asked for something that cannot be understood; load it again.")
        return said

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {**HEADERS, **answer.headers}.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(answer.body)))
        if getattr(self, "_unread", False):
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)


def _done(work: Callable[[], Answer]) -> Answer:
    """An answer, or a sentence on why there is none."""
    try:
        return work()
    except InputError as error:
        return failure(str(error), 400)
    except (Missing, KeyError, IndexError):
        return NOWHERE
    except OSError as error:
        return failure(str(use_failed(error)) if is_of_the_system(error) else "A file cannot be used.", 500)
    except MemoryError:
        return failure("The computer ran out of memory; close other programs.", 500)
    except Exception as error:  # a fault in one answer must not end the others
        return failure(f"This is a fault of the program ({type(error).__name__}).", 500)
