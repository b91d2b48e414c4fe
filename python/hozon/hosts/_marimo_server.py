"""Badges on the page of `marimo edit`: what was restored and what it saved, what ran and why.

marimo loads this into its server by its entry point `marimo.server.asgi.middleware`, behind its own check of
who asks. Where cells are kept, a script is added to the page of a notebook, which asks for what the kernel
has told. Everything else passes as it is; so does everything with a marimo that hozon does not know.
"""

from __future__ import annotations

import html
import json
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SCRIPT = b'<script src="./_hozon/badges.js" defer></script>'
_FILE_NAME = re.compile(rb"<marimo-filename[^>]*>([^<]+)</marimo-filename>")


class Badges:
    """ASGI middleware."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not _may_edit(scope):
            await self._app(scope, receive, send)
        elif scope["path"].endswith("/_hozon/badges.js"):
            await _answer(send, "text/javascript", _badges())
        elif scope["path"].endswith("/_hozon/cells"):
            await _answer(send, "application/json", _cells(scope))
        elif scope["path"].endswith("/"):
            await self._app(scope, receive, _Adding(send))
        else:
            await self._app(scope, receive, send)


class _Adding:
    """Sends on, with the script in a notebook's page."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: dict[str, Any] | None = None
        self._body = b""

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page(self._start)
        else:
            await self._send(message)

    async def _send_page(self, start: dict[str, Any]) -> None:
        body = _with_script(self._body)
        headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
        await self._send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})


def _may_edit(scope: Scope) -> bool:
    """Whether marimo's own check has let the asker edit; in apps nobody may."""
    return "edit" in getattr(scope.get("auth"), "scopes", ())


def _is_page(start: dict[str, Any]) -> bool:
    headers = {name.lower(): value for name, value in start["headers"]}
    is_html = headers.get(b"content-type", b"").startswith(b"text/html")
    return start["status"] == 200 and is_html and b"content-encoding" not in headers


def _with_script(page: bytes) -> bytes:
    found = _FILE_NAME.search(page)
    try:
        if found is None or not _is_kept(os.path.abspath(html.unescape(found[1].decode()))):
            return page
    except Exception:
        return page
    head, end, rest = page.partition(b"</head>")
    return head + _SCRIPT + end + rest if end else page


def _is_kept(path: str) -> bool:
    """Whether cells of a notebook are kept; only then is anything loaded that takes time."""
    from hozon._config import cells_are_kept

    if not cells_are_kept(path):
        return False
    from hozon.hosts._marimo_cells import is_known

    return is_known()


def _badges() -> bytes:
    with open(os.path.join(os.path.dirname(__file__), "_marimo_badges.js"), "rb") as file:
        return file.read()


def _cells(scope: Scope) -> bytes:
    from hozon.hosts._marimo_told import told_of

    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    try:
        return json.dumps(told_of(asked.get("file", [None])[0])).encode()
    except Exception:
        # A file that somebody has damaged.
        return b"{}"


async def _answer(send: Send, kind: str, body: bytes) -> None:
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


middleware = Middleware(Badges)
