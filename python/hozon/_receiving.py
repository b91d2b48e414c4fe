"""The run of a notebook for a program: what goes to the cells, and what comes back from them.

The cells run in a process of their own, as those of `hozon run` do, and never here. A key says nothing
of what is loaded and set in the process of a caller (an older version of a local module, options of
libraries, seeds): there, a cell could give another value than its key stands for. The values come back
through the store, and what is not stored through a file of this run.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import sys
import tempfile
import types
import warnings
from typing import TYPE_CHECKING, Any

from hozon._calling import Namespace
from hozon._config import store_bound
from hozon._errors import CellError, HozonWarning, NotebookError, UndigestibleError, said
from hozon._hosting import Host, Settings
from hozon._hozon import note_open, note_unverifiable, run_notebook, value_digest
from hozon._notebooks import KernelProcess
from hozon._restoring import Names, given_file, parameter_file
from hozon._running import unwatched
from hozon._runtime import seal_key_file

if TYPE_CHECKING:
    from collections.abc import Iterator

# A parameter whose literal is longer goes to the cells as a pickle.
_LONGEST_LITERAL = 1000

# The types whose values literals may say exactly.
_LITERALS = (bool, int, float, complex, str, bytes, type(None), list, tuple, dict, set)


def called(path: str | os.PathLike[str], parameters: dict[str, Any]) -> Namespace:
    """Does what `hozon.run` says."""
    file = os.fspath(path)
    os.stat(file)
    host = _CallingHost({name: _Parameter(name, value) for name, value in parameters.items()})
    receiving = _Receiving(host)
    note_open(file, os.O_RDONLY)
    note_unverifiable("subprocess", f"hozon.run of {os.path.basename(file)}")
    shown = [(parameter.name, parameter.shown) for parameter in host.parameters.values()]
    try:
        notes, failed, interrupted = unwatched(
            run_notebook, os.path.abspath(file), shown, seal_key_file(), store_bound, host, receiving
        )
        if interrupted:
            raise KeyboardInterrupt
        for note in [*notes, *host.notes]:
            warnings.warn(note.removeprefix("note: "), HozonWarning, stacklevel=3)
        if failed:
            raise _error_of(failed, host, receiving)
        return receiving.namespace
    finally:
        unwatched(host.close)


class _Parameter:
    """A value for a name. Raises `NotebookError` if it cannot be used."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value
        try:
            self.digest = value_digest(value)
        except UndigestibleError as error:
            raise NotebookError(
                f"the parameter `{name}` has no digest, so that no key can be made with it: it is or holds a "
                f"{error.type_name}. Give what it is made of, and make it in a cell"
            ) from None
        literal = self._literal()
        self.shown = type(value).__name__ if literal is None else literal
        # How the process of the cells gets it; None: by the literal.
        self.pickled = None if literal is not None else self._pickled()

    def _literal(self) -> str | None:
        """The literal that says the value exactly, if there is one and it is short."""
        import ast

        if type(self.value) not in _LITERALS or (
            hasattr(self.value, "__len__") and len(self.value) > _LONGEST_LITERAL
        ):
            return None
        text = repr(self.value)
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            if len(text) <= _LONGEST_LITERAL and value_digest(ast.literal_eval(text)) == self.digest:
                return text
        return None

    def _pickled(self) -> tuple[bytes, list[pickle.PickleBuffer]]:
        from hozon._pickling import dumps

        named: set[str] = set()
        try:
            payload, buffers = dumps(self.value, named=named)
        except Exception as error:
            why = said(error)
        else:
            if not named:
                return payload, buffers
            why = f"it is or holds `{min(named)}`, which only this program defines"
        raise NotebookError(f"the parameter `{self.name}` cannot be given to the cells: {why}")


class _CallingHost(Host):
    """Starts the process of the cells, and keeps what it says beside what the run needs.

    Attributes:
        found: The settings of the notebook, once they were asked for.
        notes: What a person should know of the cells that ran.
        raised: By the position of the cell, the pickled exception.
    """

    def __init__(self, parameters: dict[str, _Parameter]) -> None:
        super().__init__()
        self.parameters = parameters
        self.found: Settings | None = None
        self.notes: list[str] = []
        self.raised: dict[int, str] = {}
        self.path = ""
        # Where values are that neither a request nor the store holds; made with the process.
        self.exchange: str | None = None

    def settings(self, path: str | os.PathLike[str], parameters: list[tuple[str, str]]) -> Settings:
        given = [(each.name, each.shown, each.digest) for each in self.parameters.values()]
        self.path = os.path.abspath(path)
        self.found = super().settings(path, [])._replace(parameters=given)
        return self.found

    def process(self, settings: dict[str, Any]) -> KernelProcess:
        if self.exchange is None:
            self.exchange = tempfile.mkdtemp(prefix="hozon-")
            for parameter in self.parameters.values():
                if parameter.pickled is not None:
                    with open(parameter_file(self.exchange, parameter.name), "wb") as file:
                        pickle.dump(parameter.pickled, file, protocol=5)
        return _HeardProcess({**settings, "exchange": self.exchange}, self)

    def close(self) -> None:
        if self.exchange is not None:
            shutil.rmtree(self.exchange, ignore_errors=True)


class _HeardProcess(KernelProcess):
    """Notes what cells raise, and what there is to warn of."""

    def __init__(self, settings: dict[str, Any], host: _CallingHost) -> None:
        super().__init__(settings)
        self._host = host

    def ask(self, request: dict[str, Any], on_shown: Any = None) -> dict[str, Any]:
        reply = super().ask(request, on_shown)
        if request["do"] == "run":
            self._host.notes += reply.get("notes", [])
            if reply.get("raised"):
                self._host.raised[request["cell"]] = reply["raised"]
            if reply.get("unstored") and request["key"] is not None:
                self._host.notes.append(f"{request['name']} is not stored: {reply['unstored']}")
        return reply


class _Receiving:
    """Gets the values of a notebook's names, in a namespace of their own.

    Attributes:
        namespace: What comes of it.
    """

    def __init__(self, host: _CallingHost) -> None:
        self._host = host
        self._made: _HeldNames | None = None
        self.namespace = Namespace()

    @property
    def _names(self) -> _HeldNames:
        if self._made is None:
            self._made = _HeldNames(self._host)
        return self._made

    def take(self, step: dict[str, Any]) -> str | None:
        """Takes a step; a text says why that cannot be."""
        try:
            with self._names.importing():
                self._names.take(step)
        except Exception as error:
            return said(error)
        return None

    def miss(self, name: str, why: str) -> None:
        """Hears that a value is not to be had."""
        self.namespace.unavailable.setdefault(name, why)

    def end(self, names: list[tuple[str, str | None]]) -> None:
        """Hears which names there are at the end, and their digests."""
        held = self._names.namespace
        for name, digest in names:
            if name in self.namespace.unavailable or name not in held:
                continue
            if digest is not None and not self._names.is_as_it_was(held[name], digest):
                self.miss(name, "it is code that this process has loaded before its file changed")
                continue
            self.namespace[name] = held[name]
        # What was only wanted for others is nobody's loss by itself.
        last = {name for name, _ in names}
        for name in [name for name in self.namespace.unavailable if name in held and name not in last]:
            del self.namespace.unavailable[name]

    def exception(self, pickled: str) -> BaseException | None:
        """The exception of a cell, if it can be had here."""
        from hozon._pickling import loads

        try:
            payload, buffers = pickle.loads(bytes.fromhex(pickled))
            with self._names.importing():
                error = loads(payload, buffers, namespace=self._names.namespace)
        except Exception:
            return None
        return error if isinstance(error, BaseException) else None


class _HeldNames(Names):
    """The names of a notebook whose cells run elsewhere."""

    def __init__(self, host: _CallingHost) -> None:
        found = host.found
        assert found is not None
        settings = {
            "path": host.path,
            "store": found.store,
            "project": found.project,
            "site_folders": found.site_folders,
        }
        super().__init__(settings, {"__name__": "__main__", "__file__": host.path})
        self._host = host
        self._given: Any = None

    @contextlib.contextmanager
    def importing(self) -> Iterator[None]:
        """Lets the modules beside the notebook be found, as its cells find them."""
        folder = os.path.dirname(self._host.path)
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):
                sys.path.remove(folder)

    def parameter(self, name: str, source: str) -> Any:
        return self._host.parameters[name].value

    def given(self) -> dict[str, Any]:
        from hozon._pickling import unpickler

        if self._given is None:
            assert self._host.exchange is not None
            with open(given_file(self._host.exchange), "rb") as file:
                self._given = unpickler(file.read(), self.namespace)
        values: dict[str, Any] = self._given.load()
        return values

    def is_as_it_was(self, value: Any, digest: str) -> bool:
        """Whether code that came by its name is what the cells had. Other values are what was stored."""
        if not isinstance(value, type | types.FunctionType):
            return True
        found, *_ = self.reach().value(value, False)
        return found is not None and found.hex() == digest


def _error_of(
    failed: list[tuple[int, str, str, str, str]], host: _CallingHost, receiving: _Receiving
) -> CellError:
    cell, called, state, why, text = failed[0]
    others = [called for _, called, *_ in failed[1:]]
    error = CellError(f"{called} {state}: {why}", cell + 1, receiving.namespace)
    if text:
        error.add_note(text.rstrip())
    if others:
        error.add_note(f"these came to nothing as well: {', '.join(others)}")
    if cell in host.raised:
        error.__cause__ = receiving.exception(host.raised[cell])
    return error
