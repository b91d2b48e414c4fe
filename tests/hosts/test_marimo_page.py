"""The line under each cell of marimo's editor: what the server adds to its page, and for whom. (In a browser:
`make test-marimo`.)"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("marimo")

from hozon.hosts import _marimo_told
from hozon.hosts._marimo_server import Badges

PAGE = b"<html><head></head><body><marimo-filename hidden>nb.py</marimo-filename></body></html>"
SCRIPT = b'<script src="./_hozon/badges.js" defer></script>'


def asked(path: str, *, scopes: tuple[str, ...] = ("read", "edit"), query: str = "") -> tuple[int, bytes]:
    """The status and the body that a request gets; without hozon always a page, in two pieces."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [
            (b"Content-Type", b"text/html; charset=utf-8"),
            (b"Content-Length", str(len(PAGE)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE[:10], "more_body": True})
        await send({"type": "http.response.body", "body": PAGE[10:]})

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
    scope["auth"] = SimpleNamespace(scopes=scopes)
    asyncio.run(Badges(app)(scope, None, send))  # type: ignore[arg-type]
    body = b"".join(message.get("body", b"") for message in sent)
    lengths = [int(value) for name, value in sent[0]["headers"] if name.lower() == b"content-length"]
    assert lengths == [len(body)]
    return sent[0]["status"], body


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOZON_CELLS", "1")
    monkeypatch.setenv("HOZON_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("path", ["/", "/base/"])
def test_a_script_is_added_to_the_page_of_a_notebook(path: str) -> None:
    assert asked(path) == (200, PAGE.replace(b"</head>", SCRIPT + b"</head>"))
    assert asked(path + "api/status") == (200, PAGE)


@pytest.mark.usefixtures("kept")
def test_nothing_is_added_where_cells_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOZON_CELLS", "0")
    assert asked("/") == (200, PAGE)


@pytest.mark.usefixtures("kept")
def test_nothing_is_added_with_a_marimo_that_hozon_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marimo.__version__", "9.1.0")
    assert asked("/") == (200, PAGE)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("path", ["/", "/_hozon/badges.js", "/_hozon/cells"])
@pytest.mark.parametrize("scopes", [(), ("read",)])
def test_who_may_not_edit_gets_what_marimo_gives(path: str, scopes: tuple[str, ...]) -> None:
    assert asked(path, scopes=scopes) == (200, PAGE)


def test_what_the_kernel_has_told(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The kernel is a child of the server.
    monkeypatch.setattr(os, "getppid", os.getpid)
    first = _marimo_told.Teller(str(kept / "nb.py"))
    first.tell("Hbol", {"state": "stored", "seconds": 1.5, "why": ["first run"]})
    first.tell("MJUe", {"state": "ran", "seconds": 0.1, "why": ["<b>"]})
    first.tell("MJUe", None)
    told = {"Hbol": {"state": "stored", "seconds": 1.5, "why": ["first run"]}}
    assert json.loads(asked("/_hozon/cells")[1]) == told
    second = _marimo_told.Teller(str(kept / "other" / "nb.py"))
    second.tell("Hbol", {"state": "restored", "seconds": 2.0, "why": []})
    assert json.loads(asked("/_hozon/cells", query="file=other/nb.py")[1])["Hbol"]["seconds"] == 2.0
    assert json.loads(asked("/_hozon/cells", query="file=nb.py")[1]) == told
    # Two notebooks, and no word which.
    assert json.loads(asked("/_hozon/cells")[1]) == {}
    # A kernel that was started again knows nothing yet.
    _marimo_told.Teller(str(kept / "other" / "nb.py"))
    assert json.loads(asked("/_hozon/cells", query="file=other/nb.py")[1]) == {}
    assert json.loads(asked("/_hozon/cells", query="file=none.py")[1]) == {}


def test_what_another_server_was_told_is_not_shown(kept: Path) -> None:
    _marimo_told.Teller(str(kept / "nb.py")).tell("Hbol", {"state": "ran", "seconds": 0.0, "why": []})
    assert json.loads(asked("/_hozon/cells")[1]) == {}


def test_a_damaged_file_harms_nobody(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getppid", os.getpid)
    _marimo_told.Teller(str(kept / "nb.py"))
    (file,) = (kept / "home" / "marimo").iterdir()
    for content in ("", "[]", '{"path": 1}'):
        file.write_text(content)
        assert asked("/_hozon/cells") == (200, b"{}")
