"""Blocks: `with hozon.cached_context("name") as block:`.

On a hit the body does not run, and the names that it binds are bound from the store.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from types import FunctionType, ModuleType

from hozon import _config, _results
from hozon._config import UNSET
from hozon._errors import BlockError, SourceChanged
from hozon._hozon import BlockSite, Hit, block_site
from hozon._running import Run, unwatched
from hozon._runtime import WAIT_SECONDS, store_of, warn_once
from hozon._skipping import CAN_DELETE, Exit, Skip, SkipBody, bind, find_exit, has_positions, position_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, FrameType, TracebackType
    from typing import Any

    from hozon._changes import Before
    from hozon._hozon import Keyed, Store, Turn

# The output that holds the names which a block bound: together, so that what they share stays shared.
_NAMES = "names"

# Where bodies can be left, by code object and the offset at which their manager was entered.
_exits: dict[tuple[CodeType, int], Exit | None] = {}


class CachedBlock:
    """One `with` block: what `as` binds.

    Attributes:
        hit: Whether the body was skipped and its names came from the store.
        key: The key in 64 hex digits; empty where caching is off.
        saved_seconds: On a hit, how long the body took when it ran.
    """

    def __init__(self, name: str | None, given: dict[str, Any], when: Any) -> None:
        if name is None:
            raise TypeError("a block needs a name: with hozon.persistent_cache('name'):")
        self.name = _config.label(name)
        self.hit = False
        self.key = ""
        self.saved_seconds = 0.0
        self._given = given
        self._when = when
        self._frame: FrameType | None = None
        self._site: BlockSite | None = None
        self._store: Store | None = None
        self._skip: Skip | None = None
        self._turn: Turn | None = None
        self._run: Run | None = None
        # Under which key a run was stored.
        self._stored_key: bytes | None = None
        self._made: tuple[CodeType, int] | None = None
        # Names of the source that the code has by another name.
        self._called: dict[str, str] = {}

    def made_at(self, frame: FrameType) -> CachedBlock:
        """Notes where the manager is made: on 3.11 only that tells managers of one `with` apart."""
        self._made = frame.f_code, frame.f_lasti
        return self

    def __enter__(self) -> CachedBlock:
        return self.enter(levels=2)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return self.leave(kind, error)

    def enter(self, levels: int) -> CachedBlock:
        """Looks the block up; `levels` is how many frames up the `with` statement stands."""
        if _config.disabled():
            return self
        frame = sys._getframe(levels)
        unwatched(self._begin, frame)
        if self._run is not None:
            self._run.__enter__()
        return self

    def _begin(self, frame: FrameType) -> None:
        self._frame = frame
        self._options = _config.resolve(_file_of(frame), self._given, name=self.name, when=self._when)
        try:
            self._site = site = self._find(frame)
        except SourceChanged as changed:
            where = f"{self.name}: its file has changed since it was loaded ({changed})"
            warn_once("source", self.name, f"{where}; the block runs, and nothing is stored")
            self._frame = None
            return
        self._called = dict(site.renamed)
        self._refuse_escapes(site)
        self._leave_at = self._exit_of(site, frame)
        local_names = None if site.scope == "module" else dict(frame.f_locals)
        self._before = self._bound_values(frame)
        self._may = self._may_stay(frame)
        self._keyed: Keyed = site.keyed(
            frame.f_globals,
            local_names,
            list(self._as_written(dict.fromkeys(self._may))),
            self.name,
            self._options.pins,
        )
        self.key = self._keyed.hex
        self._store = store_of(self._options.folder)
        if self._store is not None:
            self._look_up(self._store, frame)

    def _look_up(self, store: Store, frame: FrameType) -> None:
        begun = _results.begin(store, self._keyed, self._options, self.name)
        if isinstance(begun, Hit):
            outputs = self._restored(store, frame, begun)
            if outputs is not None:
                self._plan_skip(store, frame, begun, outputs)
                return
            begun = store.begin(self._keyed.key, self.name, WAIT_SECONDS, self._options.project)
            if isinstance(begun, Hit):
                return
        self._turn = begun
        bound = _results.accepted(store, self._keyed, self._options, self.name)
        outputs = None if bound is None else self._restored(store, frame, bound)
        if bound is not None and outputs is not None:
            begun.close()
            self._plan_skip(store, frame, bound, outputs)
            return
        _results.note_miss(store, self._keyed, begun, self.name)
        self._run = Run(self._keyed, self._options, self.name, self._objects(frame))

    def _restored(self, store: Store, frame: FrameType, hit: Hit) -> dict[str, tuple[str, Any]] | None:
        objects = self._objects(frame)
        return _results.restored(store, self._keyed, hit, self._options, self.name, frame.f_globals, objects)

    def _objects(self, frame: FrameType) -> Callable[..., Before]:
        """Numbers the objects that the body may change, when it is called. The names that it binds are
        its results."""
        assert self._site is not None
        bound = {*(name for names in self._binds() for name in names), *self._deletes()}
        if self._leave_at.unbound is not None:
            bound.add(self._leave_at.unbound)
        if self._site.managers_after:
            from hozon import _bodies

            bound.update(self._as_called(_bodies.bound_by_managers(*_place_of(frame), self._site.extent)))
        return functools.partial(_results.numbered, self._keyed, None, own=frame.f_globals, left_out=bound)

    def _plan_skip(
        self, store: Store, frame: FrameType, hit: Hit, outputs: dict[str, tuple[str, Any]]
    ) -> None:
        self._outputs = outputs
        self._skip = Skip(frame, self._leave_at)
        self.hit = True
        self.saved_seconds = hit.seconds
        store.record_hit(hit.key, self.name, hit.seconds)

    def _may_stay(self, frame: FrameType) -> list[str]:
        """Names that have a value already, which the body may leave them: then that is an input."""
        assert self._site is not None
        if not self._before:
            return []
        from hozon import _bodies

        bound = self._as_called(_bodies.surely_bound(*_place_of(frame), self._site.extent))
        return sorted(name for name in self._before if name not in bound)

    def _as_called(self, names: Iterable[str]) -> list[str]:
        """Names of the source as the code that runs has them: marimo calls private names otherwise."""
        return [self._called.get(name, name) for name in names]

    def _as_written(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values by their names in the source, by which they are stored: what they are called depends on
        where their cell stands."""
        written = {called: name for name, called in self._called.items()}
        return {written.get(name, name): value for name, value in values.items()}

    def _binds(self) -> tuple[list[str], list[str], list[str]]:
        assert self._site is not None
        local, of_module, outer = self._site.binds
        return self._as_called(local), self._as_called(of_module), self._as_called(outer)

    def _deletes(self) -> list[str]:
        assert self._site is not None
        return self._as_called(self._site.deletes)

    def _find(self, frame: FrameType) -> BlockSite:
        """The `with` statement that this manager was entered by."""
        code = frame.f_code
        if not has_positions(code):
            raise BlockError(
                f"block {self.name!r} cannot be cached: Python was told to leave out the columns of code "
                "(-X no_debug_ranges or PYTHONNODEBUGRANGES), by which a body is skipped exactly"
            )
        places = [frame.f_lasti]
        if self._made is not None and self._made[0] is code:
            places.insert(0, self._made[1])
        for offset in places:
            position = position_at(code, offset)
            module_name = str(frame.f_globals.get("__name__", ""))
            site = position and block_site(code, code.co_filename, module_name, *position)
            if site:
                return site
        raise BlockError(
            f"block {self.name!r} cannot be cached: its source is not to be had, or "
            f"has no `with` statement at {code.co_filename}:{frame.f_lineno} (made by exec, or "
            "entered by hand or through an ExitStack). Write it as a `with` statement in a file or a cell"
        )

    def _refuse_escapes(self, site: BlockSite) -> None:
        for word, line in site.escapes():
            raise BlockError(
                f"block {self.name!r} cannot be cached: line {line} leaves its body by `{word}`, which a "
                "hit could not do. Let the body end, and do that after the block"
            )

    def _exit_of(self, site: BlockSite, frame: FrameType) -> Exit:
        known = frame.f_code, frame.f_lasti
        if known not in _exits:
            _exits[known] = find_exit(*known, site.extent, site.managers_after)
        leave_at = _exits[known]
        if leave_at is None:
            raise BlockError(
                f"block {self.name!r} cannot be cached: its body begins with `try` behind several managers, "
                "or behind an `as` that is not a plain name, which Python 3.11 gives no way to skip. Put "
                "a statement before the `try`, or make this manager the last one"
            )
        return leave_at

    def leave(self, kind: type[BaseException] | None, error: BaseException | None) -> bool:
        """Binds the names on a hit, stores them after a run."""
        if self._run is not None:
            self._run.__exit__()
        frame, self._frame = self._frame, None
        if frame is None:
            return False
        if self._skip is not None:
            raised = self._skip.raised
            self._skip.end()
            if error is None or error is raised:
                self._bind(frame)
            self._outputs = {}
            return error is raised
        try:
            if error is None and self._run is not None:
                unwatched(self._keep, frame, self._run)
        finally:
            if self._turn is not None:
                self._turn.close()
        return False

    def _bind(self, frame: FrameType) -> None:
        assert self._site is not None
        local, of_module, outer = self._binds()
        values = {self._called.get(name, name): value for name, value in self._outputs[_NAMES][1].items()}
        gone = self._as_called(name for name, (codec, _) in self._outputs.items() if codec == "deleted")
        here: dict[str, Any] = {}
        if self._leave_at.of_module and self._leave_at.unbound is not None:
            frame.f_globals[self._leave_at.unbound] = self
        elif self._leave_at.unbound is not None:
            here[self._leave_at.unbound] = self
        for name in of_module:
            if name in values:
                frame.f_globals[name] = values[name]
            elif name in gone:
                frame.f_globals.pop(name, None)
        here.update((name, values[name]) for name in (*local, *outer) if name in values)
        gone = [name for name in gone if name not in of_module]
        bind(frame, here, gone, is_function=self._site.scope == "function")

    def _keep(self, frame: FrameType, run: Run) -> None:
        assert self._site is not None
        assert self._store is not None
        values = self._bound_values(frame)
        if not _results.is_worth(self._options.when, values, run.seconds, self.name):
            _results.note_run(self._store, self._keyed, self.name, run.seconds, "its `when` said no")
            return
        gone = [name for name in self._deletes() if name in self._before and name not in values]
        if self._site.scope == "function" and not CAN_DELETE and not set(gone) <= set(self._binds()[1]):
            names = ", ".join(f"`{name}`" for name in gone)
            why = "which a hit cannot do in a function on this Python"
            warn_once("deleted", self.name, f"block {self.name!r} deletes {names}, {why}: it is not stored")
            return
        stayed = [name for name in self._may if name in values and values[name] is self._before[name]]
        values = {name: value for name, value in values.items() if name not in stayed}
        kept = _results.keep(
            self._store,
            run,
            kind="block",
            place=self._site.place,
            namespace=frame.f_globals,
            results=lambda: self._bound_results(values, gone, frame),
        )
        self._stored_key = None if kept is None else kept.key

    def _bound_values(self, frame: FrameType) -> dict[str, Any]:
        """The names that the body may bind or delete and that have a value now."""
        local, of_module, outer = self._binds()
        found = {name: frame.f_globals[name] for name in of_module if name in frame.f_globals}
        here = frame.f_locals
        names = {*local, *outer, *self._deletes()}.difference(of_module)
        found.update((name, here[name]) for name in sorted(names) if name in here)
        return found

    def _bound_results(
        self, values: dict[str, Any], gone: list[str], frame: FrameType
    ) -> list[tuple[str, str, Any]]:
        assert self._site is not None
        for name, value in values.items():
            if _is_defined_inside(value, frame, self._site.extent):
                raise TypeError(f"`{name}` is defined in the block: move its definition out of it")
        modules = {name: _Module(value) for name, value in values.items() if isinstance(value, ModuleType)}
        deleted = self._as_written(dict.fromkeys(gone))
        kept = self._as_written({**values, **modules})
        return [(_NAMES, "pickle", kept), *((name, "deleted", None) for name in deleted)]

    def explain(self) -> str:
        """Why the body ran, or "hit"."""
        if self.hit:
            return "hit"
        if not self.key or self._store is None:
            return "caching is off"
        recipe = self._keyed.recipe(self._options.explain_values)
        project = self._options.project
        return "\n".join(self._store.explain(recipe, self.name, project, self._stored_key))

    def __reduce__(self) -> tuple[Any, ...]:
        """A block that another block's body binds is kept as what it tells."""
        return _told, (self.name, self.hit, self.key, self.saved_seconds)

    def __repr__(self) -> str:
        return f"<hozon block {self.name!r}, {'hit' if self.hit else 'ran'}, key {self.key[:12]}>"


class _Module:
    """Stands for a module in a pickle, which keeps it by its name."""

    def __init__(self, module: ModuleType) -> None:
        self.name = module.__name__

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, (self.name,)


def _told(name: str, hit: bool, key: str, saved_seconds: float) -> CachedBlock:
    block = CachedBlock(name, {}, None)
    block.hit, block.key, block.saved_seconds = hit, key, saved_seconds
    return block


def _file_of(frame: FrameType) -> str | None:
    import os

    file = frame.f_code.co_filename
    return file if os.path.isfile(file) else None


def _is_defined_inside(value: Any, frame: FrameType, extent: tuple[int, int, int, int]) -> bool:
    """Whether a function or class was made by the body: a hit, which skips it, could not find it."""
    if isinstance(value, type):
        from hozon import _bodies

        here = value.__module__ == frame.f_globals.get("__name__")
        return here and value.__name__ in _bodies.classes_made(*_place_of(frame), extent)
    return (
        isinstance(value, FunctionType)
        and value.__code__.co_filename == frame.f_code.co_filename
        and extent[0] <= value.__code__.co_firstlineno <= extent[2]
    )


def _place_of(frame: FrameType) -> tuple[str, str]:
    """File and module of a frame."""
    return frame.f_code.co_filename, str(frame.f_globals.get("__name__", ""))


def cached_context(
    name: str,
    *,
    save_path: Any = UNSET,
    ttl: Any = UNSET,
    pin_hozon_lib: str | None = UNSET,
    pin_sys_libs: str | None = UNSET,
    pin_local_libs: str | None = UNSET,
    track_files: bool = UNSET,
    allow: str | Iterable[str] = UNSET,
    replay: bool = UNSET,
    explain_values: bool = UNSET,
    when: Callable[[Any, float], bool] | None = None,
) -> CachedBlock:
    """Keeps what a block binds; on a hit its body does not run.

        with hozon.cached_context("expensive") as block:
            x = expensive_call()
            y = another_expensive_call(x)
        block.hit, block.key, block.saved_seconds, block.explain()

    The key is made of the body's code, the code that it reaches, the values that it reads, and the
    name. The names that the body binds are stored together. At module level, in functions, methods,
    loops, `if`, `try`; `async with` is not meant.

    Args:
        name: The label in listings, and part of the key.
        save_path, ttl, pin_hozon_lib, pin_sys_libs, pin_local_libs, track_files, allow, replay,
            explain_values, when: As for `persistent_cache`; `when` gets a dict of the names.

    Raises:
        BlockError: On entry: the body leaves by `return`, `break`, `continue` or `yield`, or its
            source is not to be had.
        UndigestibleError: On entry: a local variable that the body reads has no digest.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {name!r}")
    if not name:
        raise ValueError("the name is empty; a block needs one")
    given = {
        "save_path": save_path,
        "ttl": ttl,
        "pin_hozon_lib": pin_hozon_lib,
        "pin_sys_libs": pin_sys_libs,
        "pin_local_libs": pin_local_libs,
        "track_files": track_files,
        "allow": allow,
        "replay": replay,
        "explain_values": explain_values,
    }
    return CachedBlock(name, given, when).made_at(sys._getframe(1))


__all__ = ["CachedBlock", "SkipBody", "cached_context"]
