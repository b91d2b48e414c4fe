"""Tells the front end of a Jupyter kernel what came of each cell, by messages beside its outputs (a comm).

The kernel opens the comm with the first cell that it has something to tell of. A front end that knows no such
comm answers by closing it, and is told nothing more; a page that was loaded anew finds the comm, and opens
another one to be told everything again. `hozon.data` has JupyterLab's side. Nothing here may fail in a
person's way: where it cannot be told, it is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from hozon.hosts._live import LiveSession, Told

TARGET = "hozon.badges"

# A kernel with nothing to do for so many seconds looks up why cells ran: the larger the store,
# the longer that takes.
_IDLE_SECONDS = 0.2


class _Entered(NamedTuple):
    """The cell that runs now: its identity in the notebook, its text, and which cells gave what it reads."""

    id: str
    text: str
    reads: dict[str, int]


# Which cell gave a name its value, and that value's digest, if it has one.
_Version = tuple[int, bytes | None]


class Badges:
    """What came of the cells of a notebook, as its front end shows it."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._comm: Any = None
        # Whether the front end has no use for it.
        self._is_refused = False
        self._entered: _Entered | None = None
        # By the identity of each cell: what is told of it, and the values that it has seen.
        self._told: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, dict[str, _Version]] = {}
        # By the identity of each cell that is stale: a name that it reads, and that has another value now.
        self._stale: dict[str, str] = {}
        # The identities of the cells that the session has numbered, and the last number of each.
        self._ids: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        # What came of cells of which it is still to be told why they ran; and the call that will tell of one.
        self._unexplained: list[tuple[LiveSession, Told]] = []
        self._soon: asyncio.TimerHandle | None = None

    # What happens -------------------------------------------------------------------------------------

    def enter(self, info: Any) -> None:
        """A cell of the notebook is about to run. What runs for no cell has no identity, and no badge."""
        self._entered = None
        if self._soon is not None:
            self._soon.cancel()
        with contextlib.suppress(Exception):
            name = getattr(info, "cell_id", None) or self._shell.get_parent()["metadata"]["cellId"]
            self._entered = _Entered(str(name), info.raw_cell, {})

    def begin(self, session: LiveSession) -> None:
        """The session has looked it up."""
        if self._entered is not None and not self._is_refused:
            with contextlib.suppress(Exception):
                self._entered.reads.update(session.inputs())

    def end(self, session: LiveSession | None, told: Told | None) -> None:
        """It has ended; `told` is what came of it, if the session has watched it."""
        entered, self._entered = self._entered, None
        with contextlib.suppress(Exception):
            if entered is not None and not self._is_refused:
                self._tell(entered, session, told)
            self._explain_soon()

    def ask_again(self) -> None:
        """A person has switched hozon on: another front end may be there by now."""
        self._is_refused = False

    def close(self) -> None:
        with contextlib.suppress(Exception):
            comm, self._comm = self._comm, None
            if comm is not None:
                comm.close()

    # What is told -------------------------------------------------------------------------------------

    def _tell(self, entered: _Entered, session: LiveSession | None, told: Told | None) -> None:
        if session is not None and told is not None:
            self._note(entered, session, told)
            self._send([entered.id])
        elif self._told.pop(entered.id, None) is not None:
            # What was told is of an earlier run.
            self._send([entered.id])

    def _note(self, entered: _Entered, session: LiveSession, told: Told) -> None:
        self._ids[told.number] = entered.id
        self._numbers[entered.id] = told.number
        versions = {name: (cell, digest) for name, cell, digest in session.cells.versions()}
        self._told[entered.id] = {
            "state": told.state,
            "seconds": told.seconds,
            "why": [told.why] if told.why else [],
            "text": entered.text,
            "reads": {name: self._ids.get(giver) for name, giver in entered.reads.items()},
        }
        # A name that it has read and then given another value counts as it left it.
        self._seen[entered.id] = {name: versions[name] for name in entered.reads if name in versions}
        stale = {cell: _first_changed(self._seen[cell], versions) for cell in self._told}
        self._stale = {cell: name for cell, name in stale.items() if name is not None}
        if told.state == "stored":
            self._unexplained.append((session, told))

    def _explain_soon(self) -> None:
        if self._unexplained:
            self._soon = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._explain)

    def _explain(self) -> None:
        """Tells why one cell ran, the last of those of which it is still to be told."""
        session, told = self._unexplained.pop()
        name = self._ids[told.number]
        with contextlib.suppress(Exception):
            # Unless it has run again since.
            if name in self._told and self._numbers[name] == told.number:
                self._told[name]["why"] = told.reasons(session.why(told.number))
                self._send([name])
        self._explain_soon()

    def _message(self, cells: list[str]) -> dict[str, Any]:
        return {"cells": {cell: self._told.get(cell) for cell in cells}, "stale": self._stale}

    def _send(self, cells: list[str]) -> None:
        if self._comm is not None:
            self._comm.send(self._message(cells))
        elif "comm" in sys.modules and "__vsc_ipynb_file__" not in self._shell.user_ns:
            # VS Code knows no such comm, and would complain in its log.
            self._open()

    def _open(self) -> None:
        library = sys.modules["comm"]
        library.get_comm_manager().register_target(TARGET, self._tell_all)
        self._comm = library.create_comm(target_name=TARGET, data=self._message(list(self._told)))
        self._comm.on_close(self._refuse)

    def _tell_all(self, asking: Any, _message: Any) -> None:
        """A page has opened a comm to be told everything. Called in any thread."""
        asking.close()
        if self._comm is not None:
            self._comm.send(self._message(list(self._told)))

    def _refuse(self, _message: Any) -> None:
        self._comm = None
        self._is_refused = True


def _first_changed(seen: dict[str, _Version], now: dict[str, _Version]) -> str | None:
    return next((name for name in sorted(seen) if _is_other(seen[name], now.get(name))), None)


def _is_other(seen: _Version, now: _Version | None) -> bool:
    """Whether a name has another value; one without a digest is another wherever a cell gave it anew."""
    if now is None:
        return True
    is_same = seen[1] is not None and seen[1] == now[1]
    return seen[0] != now[0] and not is_same
