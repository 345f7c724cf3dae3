"""Which requests are answered: those of the page itself, which holds the token, at the computer's own address."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from email.message import Message
from urllib.parse import urlsplit

OWN_NAMES = ("127.0.0.1", "localhost")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer: the page runs nothing but its own files, lies in no other page's frame, and leaves nothing in the browser's cache."""


class Guard:
    """The token of one server, and the ticket that a browser is started with.

    Attributes:
        token: stands first in the path of every request.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self._ticket: str | None = None

    def new_ticket(self) -> str:
        """Leads to the page once: other users of the computer may see with what a browser was started."""
        self._ticket = secrets.token_urlsafe(32)
        return self._ticket

    def takes_ticket(self, given: str) -> bool:
        """Whether it is the ticket, which is void from then on."""
        ticket, self._ticket = (self._ticket, None) if _same(given, self._ticket) else (None, self._ticket)
        return ticket is not None

    def inside(self, path: str) -> str | None:
        """What follows the token in a path; None where it is wrong."""
        first, _, rest = path.removeprefix("/").partition("/")
        return rest if path.startswith("/") and _same(first, self.token) else None


def _same(given: str, right: str | None) -> bool:
    return right is not None and hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def comes_from_here(headers: Mapping[str, str] | Message) -> bool:
    """Whether a request names this computer as its host, not a name that leads here, and no other site sends it."""
    host = headers.get("Host", "")
    if host_name(host) not in OWN_NAMES:
        return False
    origin = headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        return False
    return headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without the port; empty for one that is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "") if not (parts.path or parts.username or parts.port == 0) else ""
    except ValueError:
        return ""
