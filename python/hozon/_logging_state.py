"""What code sets of `logging`, as a value that pickles, and how it is set again.

Only what differs from how Python starts is told. Handlers are told that write to the streams of the
process or to files, with formatters of `logging` itself; of others only that they are there, so that they are
in keys, and nothing sets them again.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any

_FIRST_LEVEL_NAMES = {
    0: "NOTSET",
    10: "DEBUG",
    20: "INFO",
    30: "WARNING",
    40: "ERROR",
    50: "CRITICAL",
}


def told() -> dict[str, Any]:
    """What is set now. `logging` is loaded."""
    import logging

    names = {level: name for level, name in logging._levelToName.items() if level not in _FIRST_LEVEL_NAMES}
    states = {name: _state(logger) for name, logger in sorted(_loggers().items())}
    found = {
        "disabled": logging.root.manager.disable or None,
        "level names": names or None,
        "loggers": {name: state for name, state in states.items() if state} or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def set_again(state: dict[str, Any]) -> None:
    """Sets what `told` has told. Loggers of libraries that it does not name stay."""
    import logging

    logging.disable(state.get("disabled", 0))
    for level, name in state.get("level names", {}).items():
        logging.addLevelName(level, name)
    wanted = state.get("loggers", {})
    for name, logger in _loggers().items():
        if name not in wanted and name.partition(".")[0] not in sys.modules:
            _set(logger, {})
    for name, settings in wanted.items():
        _set(logging.getLogger(name or None), settings)


def _loggers() -> dict[str, logging.Logger]:
    """Those that exist, by name; the root's is empty."""
    import logging

    made = logging.root.manager.loggerDict.items()
    return {"": logging.root, **{name: one for name, one in list(made) if isinstance(one, logging.Logger)}}


def _first_level(logger: logging.Logger) -> int:
    return 30 if logger.parent is None else 0


def _state(logger: logging.Logger) -> dict[str, Any]:
    import logging

    handlers = [_handler(one) for one in logger.handlers if not isinstance(one, logging.NullHandler)]
    found = {
        "level": None if logger.level == _first_level(logger) else logger.level,
        "propagate": None if logger.propagate else False,
        "disabled": True if logger.disabled else None,
        "handlers": handlers or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _set(logger: logging.Logger, state: dict[str, Any]) -> None:
    import logging

    before = _state(logger)
    if before == state:
        return
    logger.setLevel(state.get("level", _first_level(logger)))
    logger.propagate = state.get("propagate", True)
    logger.disabled = state.get("disabled", False)
    if before.get("handlers") != state.get("handlers"):
        kept = [one for one in logger.handlers if isinstance(one, logging.NullHandler)]
        made = [_made(one) for one in state.get("handlers", [])]
        logger.handlers[:] = kept + [one for one in made if one is not None]


def _handler(handler: logging.Handler) -> dict[str, Any]:
    import logging

    cls, formatter = type(handler), handler.formatter
    found: dict[str, Any] = {"class": f"{cls.__module__}.{cls.__qualname__}", "level": handler.level}
    if type(formatter) is logging.Formatter:
        styles: dict[Any, str] = {kind: sign for sign, (kind, _) in logging._STYLES.items()}
        style = styles.get(type(formatter._style), "%")
        found["formatter"] = (formatter._fmt, formatter.datefmt, style)
    if isinstance(handler, logging.FileHandler):
        found["file"] = (handler.baseFilename, handler.encoding)
    elif isinstance(handler, logging.StreamHandler):
        found["stream"] = next(
            (name for name in ("stdout", "stderr") if handler.stream is getattr(sys, name)), None
        )
    return found


def _made(state: dict[str, Any]) -> logging.Handler | None:
    """A handler as it was told; a file is opened once something is written to it, and goes on."""
    import logging

    handler: logging.Handler
    if state["class"] == "logging.StreamHandler" and state["stream"]:
        handler = logging.StreamHandler(getattr(sys, state["stream"]))
    elif state["class"] == "logging.FileHandler":
        path, encoding = state["file"]
        handler = logging.FileHandler(path, "a", encoding, delay=True)
    else:
        return None
    handler.setLevel(state["level"])
    if "formatter" in state:
        text, dates, style = state["formatter"]
        handler.setFormatter(logging.Formatter(text, dates, style))
    return handler
