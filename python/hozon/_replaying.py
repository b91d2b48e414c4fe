"""Text, warnings, log records and displays of a computation: recorded while it runs, replayed on a hit.

What is recorded is what gets out of the computation: text that it redirects, and warnings that it
catches, stay inside. What belongs to a computation:

- all that its own thread shows, or, of a coroutine, its own task and the tasks that it starts;
- what threads show that run no computation of their own: they belong to all that are active;
- what a computation inside it shows. A thread that runs computations of its own feeds only those.

Not seen: what is written past `sys.stdout` and `sys.stderr` (by C code, by subprocesses), and a
warning that its filters had no longer shown (once for each place, say).

A library that is first loaded by the computation is recorded from `note_new_libraries` on. What its
handlers write before that is recorded as text.
"""

from __future__ import annotations

import _thread
import functools
import os
import sys
from _contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    Event = tuple[Any, ...]
    # The owner of an attribute, its name, and what makes the thing that stands there.
    Place = tuple[Any, str, Callable[["_Layer"], Any]]

# More characters than this are not kept.
MOST_TEXT = 8 * 1024 * 1024

_STREAMS = ("stdout", "stderr")
_ATOMS = (type(None), bool, int, float, str, bytes)

# The recordings of this task or thread, outermost first, and those of the process.
_current: ContextVar[tuple[Recording, ...]] = ContextVar("hozon_recordings", default=())
_active: tuple[Recording, ...] = ()

# Guards `_active` and the layers. A child process gets one of its own: its parent's may be taken.
_lock = _thread.RLock()


def _renew_lock() -> None:
    global _lock
    _lock = _thread.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class _Showing(_thread._local):
    """The recordings that have what this thread is about to show as a whole: its text is no news to them."""

    known_to: tuple[Recording, ...] = ()


_showing = _Showing()


class Recording:
    """What one computation shows, from `start` to `stop`.

    `is_task` says that it is a coroutine: then other tasks of its thread are no part of it.
    """

    def __init__(self, *, is_task: bool = False) -> None:
        self.is_task = is_task
        # Why the events cannot be kept: a sentence; None while they can.
        self.too_much: str | None = None
        self._events: list[Event] = []
        self._size = 0
        self._thread = 0
        self._layers: list[_Layer] = []

    def start(self) -> None:
        self.resume()

    def stop(self) -> None:
        self.pause()

    def resume(self) -> None:
        """Records again: a generator goes on, maybe in another thread."""
        global _active
        with _lock:
            if self in _active:
                return
            self._thread = _thread.get_ident()
            _active = (*_active, self)
            for place in self._places():
                self._attach(*place)
        _current.set((*_current.get(), self))

    def pause(self) -> None:
        """Records nothing until `resume`: a generator has given an item. Puts back what stood there."""
        global _active
        with _lock:
            if self not in _active:
                return
            _active = tuple(one for one in _active if one is not self)
            for layer in reversed(self._layers):
                layer.detach(self)
            self._layers.clear()
        _current.set(tuple(one for one in _current.get() if one is not self))

    def events(self) -> list[Event] | None:
        """What was recorded, as tuples that can be pickled; None if there was nothing.

        Raises `RuntimeError` with `too_much`, if that is set.
        """
        if self.too_much is not None:
            raise RuntimeError(self.too_much)
        return _folded(self._events) or None

    def _attach(self, owner: Any, name: str, make: Callable[[_Layer], Any]) -> None:
        layer = _layer_at(owner, name, make)
        if layer not in self._layers:
            layer.recordings = (*layer.recordings, self)
            self._layers.append(layer)

    def _note_new_libraries(self) -> None:
        known = [layer.owner for layer in self._layers]
        for owner, name, make in self._places():
            if all(owner is not one for one in known):
                self._attach(owner, name, make)

    def _places(self) -> Iterable[Place]:
        """Where what is shown passes."""
        return _places()

    def _add(self, event: Event, size: int = 0) -> None:
        self._size += size
        if self._size > MOST_TEXT:
            self.too_much = f"it writes more than {MOST_TEXT // 1024 // 1024} MiB of text"
            self._events.clear()
        if self.too_much is None:
            self._events.append(event)

    def _add_text(self, kind: str, stream: str, text: Any) -> None:
        """Adds text, or None for a flush, to what was last written if that was to the same stream."""
        last = self._events[-1] if self._events else None
        size = 0 if text is None else len(text)
        if last is not None and last[:2] == (kind, stream) and self._size + size <= MOST_TEXT:
            self._size += size
            last[2].append(text)
        else:
            self._add((kind, stream, [text]), size)


def note_new_libraries() -> None:
    """Records what a library shows that an import has just loaded: call it after imports."""
    with _lock:
        for recording in _active:
            recording._note_new_libraries()


def _folded(events: list[Event]) -> list[Event]:
    """Events as they are kept: writes in one piece, updated displays as they were in the end."""
    folded: list[Event] = []
    displays: dict[Any, int] = {}
    for kind, *parts in events:
        if kind == "text":
            stream, chunks = parts
            is_flushed = chunks[-1] is None
            folded.append((kind, stream, "".join(filter(None, chunks)), is_flushed))
        elif kind == "bytes":
            folded.append((kind, parts[0], b"".join(parts[1])))
        elif kind == "display":
            data, metadata, transient, is_update = parts
            name = transient.pop("display_id", None)
            if not is_update:
                displays[name] = len(folded)
                folded.append((kind, data, metadata, transient))
            elif name in displays:
                folded[displays[name]] = (kind, data, metadata, transient)
        else:
            folded.append((kind, *parts))
    return folded


# Layers ------------------------------------------------------------------------------------------


class _Layer:
    """Stands in an attribute for what stood there before, while recordings need it.

    There is one for all recordings, unless something else was put over it, a redirection say: what
    starts after that has a layer of its own on top, and only that one's recordings see what is shown.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self.owner = owner
        self.name = name
        self.original = getattr(owner, name)
        self.was_own = name in vars(owner)
        # Of a static method, `getattr` gives the function in it.
        self._stood = vars(owner).get(name)
        self.standing: Any = None
        # What stood for a stream's `write`, each time that it was set.
        self.replaced: list[Any] = []
        self.recordings: tuple[Recording, ...] = ()

    def detach(self, recording: Recording) -> None:
        self.recordings = tuple(one for one in self.recordings if one is not recording)
        if self.recordings or vars(self.owner).get(self.name) is not self.standing:
            return
        if self.was_own:
            setattr(self.owner, self.name, self._stood)
        else:
            delattr(self.owner, self.name)

    def receivers(self) -> tuple[Recording, ...]:
        """The recordings that what this thread shows here belongs to."""
        if not self.recordings:
            return ()
        own = _own_recordings()
        mine = self.recordings if own is None else tuple(one for one in own if one in self.recordings)
        return tuple(one for one in mine if one not in _showing.known_to)


def _own_recordings() -> tuple[Recording, ...] | None:
    """The active recordings of this task or thread; None for a thread that has none of its own."""
    active = _active
    thread = _thread.get_ident()
    own = tuple(one for one in _current.get() if one in active)
    if own:
        return own
    of_thread = [one for one in active if one._thread == thread]
    return tuple(one for one in of_thread if not one.is_task) if of_thread else None


def _layer_at(owner: Any, name: str, make: Callable[[_Layer], Any]) -> _Layer:
    standing = vars(owner).get(name)
    layer: _Layer | None = None
    if type(standing) is _Tee:
        layer = object.__getattribute__(standing, "_layer")
    elif type(standing) is _FUNCTION:
        layer = getattr(standing, "_hozon_layer", None)
    # Someone's wrapper around ours may carry its attributes.
    if layer is None or layer.standing is not standing:
        layer = _Layer(owner, name)
        layer.standing = make(layer)
        setattr(owner, name, layer.standing)
    return layer


def places_of_text() -> Iterator[Place]:
    """Where text passes."""
    for name in _STREAMS:
        if getattr(sys, name, None) is not None:
            yield sys, name, _Tee


def places_of_displays() -> Iterator[Place]:
    """Where displays of IPython pass."""
    publisher = _display_publisher()
    if publisher is not None:
        yield publisher, "publish", _published
        yield publisher, "clear_output", _cleared


def places_of_questions() -> Iterator[Place]:
    """Where code asks the person for something."""
    yield sys.modules["builtins"], "input", _asked
    getpass = sys.modules.get("getpass")
    if hasattr(getpass, "getpass"):
        yield getpass, "getpass", _asked


def _asked(layer: _Layer) -> Any:
    def wrapper(*args: Any, **named: Any) -> Any:
        for recording in layer.receivers():
            recording._add(("asked",))
        return layer.original(*args, **named)

    return hook(layer, wrapper)


def _places() -> Iterator[Place]:
    yield from places_of_text()
    warnings = sys.modules.get("warnings")
    if hasattr(warnings, "_showwarnmsg_impl"):
        yield warnings, "_showwarnmsg_impl", _shown_warning
        original = getattr(warnings, "_showwarning_orig", None)
        if getattr(warnings, "showwarning", original) is not original:
            yield warnings, "showwarning", _shown_warning_by_hook
    logging = sys.modules.get("logging")
    # It may be in the middle of its own import.
    if hasattr(logging, "Logger") and hasattr(logging, "LogRecord"):
        yield logging.Logger, "handle", _handled_record  # type: ignore[union-attr]
    yield from places_of_displays()


def _display_publisher() -> Any:
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if get_ipython is not None else None
    return getattr(shell, "display_pub", None)


def as_a_whole(
    layer: _Layer, event: Callable[[], Event | None], call: Callable[..., Any], *args: Any, **named: Any
) -> Any:
    """Records one event for a call; whatever the call shows in turn is not recorded."""
    receivers = layer.receivers()
    made = event() if receivers else None
    if made is not None:
        for recording in receivers:
            recording._add(made)
    known_to = _showing.known_to
    _showing.known_to = (*known_to, *receivers)
    try:
        return call(*args, **named)
    finally:
        _showing.known_to = known_to


def hook(layer: _Layer, wrapper: Any) -> Any:
    """Keys see through what is called `wrapper` and has a `__wrapped__`."""
    functools.update_wrapper(wrapper, layer.original)
    wrapper._hozon_layer = layer
    return wrapper


# Text --------------------------------------------------------------------------------------------


class _Tee:
    """Stands for a stream and records what is written to it. All else is the stream's own."""

    __slots__ = ("_layer",)

    def __init__(self, layer: _Layer) -> None:
        object.__setattr__(self, "_layer", layer)

    def __getattr__(self, name: str) -> Any:
        return getattr(_stream(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        stream = _stream(self)
        if name == "write":
            layer: _Layer = object.__getattribute__(self, "_layer")
            if getattr(value, "__self__", None) is not self:
                layer.replaced.append(getattr(stream, "__dict__", {}).get(name))
            elif layer.replaced:
                # Whoever has led it elsewhere puts back what was found here: this tee's own.
                value = layer.replaced.pop()
                if value is None:
                    delattr(stream, name)
                    return
        setattr(stream, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_stream(self), name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(_stream(self))

    def __repr__(self) -> str:
        return repr(_stream(self))

    def __eq__(self, other: object) -> bool:
        return self is other or bool(_stream(self) == other)

    def __hash__(self) -> int:
        return hash(_stream(self))

    def __iter__(self) -> Any:
        return iter(_stream(self))

    def __next__(self) -> Any:
        return next(_stream(self))

    def __enter__(self) -> Any:
        _stream(self).__enter__()
        return self

    def __exit__(self, *error: object) -> Any:
        return _stream(self).__exit__(*error)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _stream(self).__reduce_ex__(protocol)

    def write(self, text: Any) -> Any:
        layer: _Layer = object.__getattribute__(self, "_layer")
        written = layer.original.write(text)
        _record_text(layer, "text", text, str)
        return written

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> Any:
        layer: _Layer = object.__getattribute__(self, "_layer")
        for recording in layer.receivers():
            if recording._events:
                recording._add_text("text", layer.name, None)
        return layer.original.flush()

    @property
    def buffer(self) -> Any:
        return _TeeBuffer(object.__getattribute__(self, "_layer"), _stream(self).buffer)


class _TeeBuffer:
    """Stands for the binary stream under a text stream."""

    __slots__ = ("_buffer", "_layer")

    def __init__(self, layer: _Layer, buffer: Any) -> None:
        object.__setattr__(self, "_layer", layer)
        object.__setattr__(self, "_buffer", buffer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._buffer, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._buffer, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._buffer)

    def __iter__(self) -> Any:
        return iter(self._buffer)

    def __enter__(self) -> Any:
        self._buffer.__enter__()
        return self

    def __exit__(self, *error: object) -> Any:
        return self._buffer.__exit__(*error)

    def write(self, data: Any) -> Any:
        written = self._buffer.write(data)
        _record_text(self._layer, "bytes", bytes(data), bytes)
        return written

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)


def _stream(tee: _Tee) -> Any:
    return object.__getattribute__(tee, "_layer").original


def led_to(name: str) -> tuple[int, int]:
    """Where what this thread writes to a stream of `sys` goes, for comparison: in `marimo run` each thread
    has a stream of its own behind it, and `write` may have been replaced."""
    stream = getattr(sys, name, None)
    stream = _stream(stream) if type(stream) is _Tee else stream
    own = getattr(stream, "_get_stream", lambda: stream)()
    return id(own), id(getattr(stream, "__dict__", {}).get("write"))


def _record_text(layer: _Layer, kind: str, text: Any, cls: type) -> None:
    if isinstance(text, cls) and text:
        for recording in layer.receivers():
            recording._add_text(kind, layer.name, text)


# Warnings ----------------------------------------------------------------------------------------


def _shown_warning(layer: _Layer) -> Any:
    # A list that catches warnings in this context only (3.14) takes what the computation catches.
    log_before = _context_log()

    def wrapper(message: Any) -> Any:
        log = _context_log()
        if log is not None and log is not log_before:
            return layer.original(message)
        return as_a_whole(layer, lambda: _warning_event(message), layer.original, message)

    return hook(layer, wrapper)


def _context_log() -> Any:
    get_context = getattr(sys.modules.get("warnings"), "_get_context", None)
    return getattr(get_context(), "log", None) if get_context is not None else None


def _shown_warning_by_hook(layer: _Layer) -> Any:
    def wrapper(
        message: Any, category: Any, filename: Any, lineno: Any, file: Any = None, line: Any = None
    ) -> Any:
        def event() -> Event | None:
            import warnings

            return _warning_event(warnings.WarningMessage(message, category, filename, lineno, file, line))

        return as_a_whole(layer, event, layer.original, message, category, filename, lineno, file, line)

    return hook(layer, wrapper)


def _warning_event(shown: Any) -> Event | None:
    """The event of a warning; None for hozon's own, which are about the cache and not the computation."""
    category, message = shown.category, shown.message
    if category.__module__.partition(".")[0] == "hozon":
        return None
    args = getattr(message, "args", ())
    kept = args if type(message) is category and _is_plain(args) else None
    module = _module_at(shown.filename, shown.lineno)
    return "warning", _importable(category), kept, str(message), shown.filename, shown.lineno, module


def _is_plain(values: Any) -> bool:
    return type(values) is tuple and all(type(value) in _ATOMS for value in values)


def _importable(category: type) -> type:
    """The nearest base of a class that another process can find by its name."""
    for base in category.__mro__:
        found: Any = sys.modules.get(base.__module__)
        for name in base.__qualname__.split("."):
            found = getattr(found, name, None)
        if found is base:
            return base  # type: ignore[no-any-return]
    return UserWarning


def _module_at(filename: str, lineno: int) -> str | None:
    """The module of a place, as filters of warnings match it, from the frame that is there."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_lineno == lineno and frame.f_code.co_filename == filename:
            name = frame.f_globals.get("__name__")
            return name if isinstance(name, str) else None
        frame = frame.f_back  # type: ignore[assignment]
    return None


# Which warnings were replayed already, by file: filters may want each only once.
_registries: dict[str, dict[Any, Any]] = {}


def _replay_warning(
    category: Any, args: Any, text: str, filename: str, lineno: int, module: str | None
) -> None:
    import warnings

    message: Any = text
    if args is not None:
        try:
            message = category(*args)
        except Exception:
            message = text
        if str(message) != text:
            message = text
    if message is text:
        message, category = _from_text(category, text)
    warnings.warn_explicit(message, category, filename, lineno, module, _registry(filename, module))


def _from_text(category: Any, text: str) -> tuple[Warning, type[Warning]]:
    """A warning that says this text: of the category if a text is all that it is made of."""
    for base in category.__mro__:
        try:
            message = base(text)
        except Exception:
            continue
        if issubclass(base, Warning) and str(message) == text:
            return message, base
    return UserWarning(text), UserWarning


def _registry(filename: str, module: str | None) -> dict[Any, Any]:
    """The module's own registry if it has shown a warning in this process, else one of ours."""
    own = getattr(sys.modules.get(module or ""), "__warningregistry__", None)
    return own if type(own) is dict else _registries.setdefault(filename, {})


# Log records -------------------------------------------------------------------------------------

_RECORD_OWN = frozenset(
    {"name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info", "exc_text"}
    | {"stack_info", "lineno", "funcName", "created", "msecs", "relativeCreated", "thread", "threadName"}
    | {"processName", "process", "taskName", "message", "asctime"}
)


def _handled_record(layer: _Layer) -> Any:
    def wrapper(self: Any, record: Any) -> Any:
        return as_a_whole(layer, lambda: _record_event(self, record), layer.original, self, record)

    return hook(layer, wrapper)


def _record_event(logger: Any, record: Any) -> Event:
    message, args = record.msg, record.args
    if type(message) is not str or not (
        _is_plain(args) or (type(args) is dict and _is_plain(tuple(args.values())))
    ):
        message, args = _message_of(record), ()
    exception = record.exc_text
    if exception is None and record.exc_info:
        import logging

        exception = logging.Formatter().formatException(record.exc_info)
    extra = {
        name: value
        for name, value in vars(record).items()
        if name not in _RECORD_OWN and type(value) in _ATOMS
    }
    place = (record.pathname, record.lineno, record.funcName)
    return "log", logger.name, record.levelno, message, args, place, exception, record.stack_info, extra


def _message_of(record: Any) -> str:
    try:
        return str(record.getMessage())
    except Exception:
        # Arguments that do not fit: the handlers say so, and what was meant.
        return f"{record.msg} {record.args}"


def _replay_record(
    name: str,
    level: int,
    message: str,
    args: Any,
    place: tuple[str, int, str | None],
    exception: str | None,
    stack: str | None,
    extra: dict[str, Any],
) -> None:
    import logging

    logger = logging.getLogger(name)
    if not logger.isEnabledFor(level):
        return
    path, line, function = place
    given = (args,) if type(args) is dict else args
    record = logger.makeRecord(name, level, path, line, message, given, None, function, extra, stack)
    record.exc_text = exception
    logger.handle(record)


# Displays ----------------------------------------------------------------------------------------


def _published(layer: _Layer) -> Any:
    def wrapper(*args: Any, **named: Any) -> Any:
        return as_a_whole(layer, lambda: _display_event(*args, **named), layer.original, *args, **named)

    return hook(layer, wrapper)


def _display_event(
    data: Any, metadata: Any = None, *_: Any, transient: Any = None, update: bool = False, **named: Any
) -> Event:
    """A display. Its identity goes when events are folded: a hit has nothing of it to update."""
    return "display", dict(data), dict(metadata or {}), dict(transient or {}), bool(update)


def _cleared(layer: _Layer) -> Any:
    def wrapper(wait: bool = False) -> Any:
        return as_a_whole(layer, lambda: ("clear output", bool(wait)), layer.original, wait)

    return hook(layer, wrapper)


def _replay_display(data: Any, metadata: Any, transient: Any) -> None:
    publisher = _display_publisher()
    if publisher is not None:
        publisher.publish(data=data, metadata=metadata, **({"transient": transient} if transient else {}))


def _replay_clear(wait: bool) -> None:
    publisher = _display_publisher()
    if publisher is not None:
        publisher.clear_output(wait)


# Replay ------------------------------------------------------------------------------------------


def replay(events: list[Event] | None) -> None:
    """Shows again what a computation has shown, through the streams, filters, loggers and displays of now.

    Raises what showing it raises: a warning that a filter makes an error, a closed pipe.
    """
    for kind, *parts in events or ():
        _REPLAYS[kind](*parts)


def _replay_text(stream: str, text: str, is_flushed: bool) -> None:
    target = getattr(sys, stream, None)
    if target is None:
        return
    if text:
        target.write(text)
    if is_flushed:
        target.flush()


def _replay_bytes(stream: str, data: bytes) -> None:
    target = getattr(sys, stream, None)
    if target is None:
        return
    buffer = getattr(target, "buffer", None)
    if buffer is not None:
        buffer.write(data)
    else:
        target.write(data.decode(getattr(target, "encoding", None) or "utf-8", "replace"))


_REPLAYS: dict[str, Callable[..., None]] = {
    "text": _replay_text,
    "bytes": _replay_bytes,
    "warning": _replay_warning,
    "log": _replay_record,
    "display": _replay_display,
    "clear output": _replay_clear,
}

_FUNCTION = type(replay)
