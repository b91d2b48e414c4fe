"""What code sets for its whole process, and later code notices: options of libraries, `sys.path`.

States are what differs from how Python and the libraries start, so that a process that has loaded a
library and one that has not yet agree where nobody has set anything. All are told and set without
importing anything that is not loaded.

Cells of notebooks keep all of it as effects; functions and blocks what `left_behind` tells. What of it
is in keys and traces of functions is in `_unnamed_state.py`.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from _locale import LC_ALL, setlocale

from hozon import _logging_state, _unnamed_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FIRST_PATH = list(sys.path)


def snapshot() -> dict[str, Any]:
    """What is set now, by what it is called: values that pickle, and are equal if nothing was set."""
    found = {}
    for name, (library, look, _) in _ASPECTS.items():
        if library is None or library in sys.modules:
            try:
                state = look()
            except Exception:
                # A library that is not what it is known as: nothing of it is told, nor set.
                continue
            if state:
                found[name] = state
    return found


def restore(states: dict[str, Any]) -> None:
    """Sets what a cell has set. Imports the libraries concerned."""
    for name, state in states.items():
        library, _, apply = _ASPECTS[name]
        if library is not None:
            __import__(library)
        apply(state)


def state_of(name: str) -> Any:
    """What is set now of one aspect, whose library is loaded."""
    return _ASPECTS[name][1]()


def left_behind() -> dict[str, Any]:
    """What is set now of what a function or block may leave set, whether Python starts so or not."""
    return {
        "the locale": {"locale": setlocale(LC_ALL)},
        "the time zone": {"zone": _unnamed_state.digest("the time zone")},
        **{name: _unnamed_state.known_state(name) for name in _unnamed_state.SET_BY_CODE},
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The states that are others than before; an empty one where nothing is set any more."""
    names = {*before, *after}
    nothing: dict[str, Any] = {}
    return {
        name: after.get(name, nothing)
        for name in sorted(names)
        if after.get(name, nothing) != before.get(name, nothing)
    }


# Python's own -----------------------------------------------------------------------------------------


def _path() -> Any:
    return {} if sys.path == _FIRST_PATH else {"path": list(sys.path)}


def _set_path(state: Any) -> None:
    sys.path[:] = state.get("path", _FIRST_PATH)


def note_start(host: str = "script") -> None:
    """What is set so far, and the working folder, is how the process starts."""
    _START["host"] = host
    _FIRST_PATH[:] = sys.path
    _START["folder"] = os.getcwd()
    _START["filters"] = _filters()
    _START["limits"] = _limits()
    _START["locale"] = setlocale(LC_ALL)
    _START["digests"] = _unnamed_state.digests()
    _START["zone"] = _unnamed_state.digest("the time zone")


def first_digests() -> list[tuple[str, bytes]]:
    """`_unnamed_state.digests` of how the process started."""
    return _START.get("digests") or _unnamed_state.digests()


_START: dict[str, Any] = {}


def _folder() -> Any:
    now = os.getcwd()
    return {} if now == _START.get("folder", now) else {"folder": now}


def _set_folder(state: Any) -> None:
    os.chdir(state.get("folder", _START["folder"]))


def _filters() -> list[Any]:
    """The filters for warnings that say something of all of Python: libraries add ones of their own."""
    found = []
    for action, message, category, module, line in warnings.filters:
        if isinstance(category, type) and category.__module__ == "builtins":
            texts = [
                part if part is None or isinstance(part, str) else part.pattern for part in (message, module)
            ]
            found.append((action, texts[0], getattr(category, "__name__", ""), texts[1], line))
    return found


def _general_filters() -> Any:
    now = [entry for entry in _filters() if entry[1] is None and entry[3] is None]
    first = [entry for entry in _START.get("filters", now) if entry[1] is None and entry[3] is None]
    return {} if now == first else {"filters": now}


def _set_filters(state: Any) -> None:
    import builtins

    for action, _, category, _, line in reversed(state.get("filters", [])):
        warnings.simplefilter(action, getattr(builtins, category), line)


# The limit of recursion that jedi sets when it is loaded.
_OF_JEDI = 3000


def _limits() -> dict[str, Any]:
    """What Python allows: a cell that needs more than it starts with has raised it before."""
    return {"recursion": sys.getrecursionlimit(), "digits": sys.get_int_max_str_digits()}


def _other_limits() -> Any:
    now, first = _limits(), _START.get("limits", {})
    found = {name: value for name, value in now.items() if value != first.get(name, value)}
    if found.get("recursion") == _OF_JEDI and "jedi" in sys.modules:
        # IPython loads it, whichever cell needs IPython first.
        del found["recursion"]
    return found


def _set_limits(state: Any) -> None:
    if _other_limits() == state:
        return
    wanted = {**_START["limits"], **state}
    sys.setrecursionlimit(wanted["recursion"])
    sys.set_int_max_str_digits(wanted["digits"])


# Libraries --------------------------------------------------------------------------------------------


def _pandas() -> Any:
    from pandas._config import config

    registered = config._registered_options
    found = {}
    for key, option in registered.items():
        value = config.get_option(key) if key not in config._deprecated_options else option.defval
        if value != option.defval:
            found[key] = value
    return found


def _set_pandas(state: Any) -> None:
    from pandas._config import config

    for key in config._registered_options:
        if key not in config._deprecated_options:
            default = config._registered_options[key].defval
            wanted = state.get(key, default)
            if config.get_option(key) != wanted:
                config.set_option(key, wanted)


_NUMPY_DEFAULTS = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "legacy": False,
    "override_repr": None,
}


def _numpy() -> Any:
    np: Any = sys.modules["numpy"]
    options = np.get_printoptions()
    found = {key: value for key, value in options.items() if value != _NUMPY_DEFAULTS.get(key, value)}
    errors = np.geterr()
    default = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
    return {**found, **({"errors": errors} if errors != default else {})}


def _set_numpy(state: Any) -> None:
    np: Any = sys.modules["numpy"]
    given = dict(state)
    errors = given.pop("errors", {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"})
    known = np.get_printoptions()
    np.set_printoptions(
        **{key: given.get(key, value) for key, value in _NUMPY_DEFAULTS.items() if key in known}
    )
    np.seterr(**errors)


def _matplotlib_first() -> dict[str, Any]:
    """How Matplotlib starts. In Jupyter, the backend turns `interactive` on when the first figure is drawn:
    that is nothing that a cell has set."""
    import matplotlib

    is_drawing = any(name in sys.modules for name in _JUPYTER_BACKENDS)
    is_on = is_drawing and _START.get("host") == "jupyter"
    return {**dict(dict.items(matplotlib.rcParamsOrig)), **({"interactive": True} if is_on else {})}


# Of a host, as they may be named: no cell has chosen them.
_HOSTS_BACKENDS = (
    "inline",
    "module://matplotlib_inline.backend_inline",
    "module://hozon.hosts._matplotlib",
    "module://marimo._output.mpl",
)

_JUPYTER_BACKENDS = ("matplotlib_inline.backend_inline", "hozon.hosts._matplotlib")


def _matplotlib() -> Any:
    import matplotlib

    # Found out by looking at files when it is first asked for: not by whichever cell draws first.
    _ = matplotlib.__version__
    first = _matplotlib_first()
    now = matplotlib.rcParams
    backend = dict.get(now, "backend")
    is_chosen = isinstance(backend, str) and backend not in (os.environ.get("MPLBACKEND"), *_HOSTS_BACKENDS)
    return {
        key: dict.__getitem__(now, key)
        for key in now
        if not key.startswith("backend") and dict.__getitem__(now, key) != first.get(key)
    } | ({"backend": backend} if is_chosen else {})


def _set_matplotlib(state: Any) -> None:
    import matplotlib

    if "backend" in state:
        matplotlib.use(state["backend"])
    if "interactive" in state and _START.get("host") == "jupyter":
        import matplotlib.pyplot as plt

        # Loads the backend, which would turn it on later.
        plt.switch_backend(matplotlib.get_backend())
    first = _matplotlib_first()
    for key in matplotlib.rcParams:
        if not key.startswith("backend"):
            dict.__setitem__(matplotlib.rcParams, key, state[key] if key in state else first.get(key))


def _locale() -> Any:
    now = setlocale(LC_ALL)
    return {} if now == _START.setdefault("locale", now) else {"locale": now}


def _set_locale(state: Any) -> None:
    setlocale(LC_ALL, state.get("locale", _START.get("locale", "")))


def _zone() -> Any:
    now = _unnamed_state.digest("the time zone")
    return {} if now == _START.setdefault("zone", now) else {"zone": now}


def _set_zone(state: Any) -> None:
    # The variable that names it is set by whoever restores the environment.
    if hasattr(time, "tzset"):
        time.tzset()


# Decimals ---------------------------------------------------------------------------------------------

_DECIMAL_DEFAULTS = {
    "prec": 28,
    "rounding": "ROUND_HALF_EVEN",
    "Emin": -999999,
    "Emax": 999999,
    "capitals": 1,
    "clamp": 0,
    "traps": ("DivisionByZero", "InvalidOperation", "Overflow"),
}


def _decimal() -> Any:
    context = sys.modules["decimal"].getcontext()
    now = {name: getattr(context, name) for name in _DECIMAL_DEFAULTS}
    now["traps"] = tuple(sorted(signal.__name__ for signal, is_on in now["traps"].items() if is_on))
    return {name: value for name, value in now.items() if value != _DECIMAL_DEFAULTS[name]}


def _set_decimal(state: Any) -> None:
    decimal: Any = sys.modules["decimal"]
    context = decimal.getcontext()
    wanted = {**_DECIMAL_DEFAULTS, **state}
    traps = wanted.pop("traps")
    for name, value in wanted.items():
        setattr(context, name, value)
    for signal in context.traps:
        context.traps[signal] = signal.__name__ in traps


# What it is called, the library that it is of, how it is told, how it is set.
_ASPECTS: dict[str, tuple[str | None, Callable[[], Any], Callable[[Any], None]]] = {
    "the working directory": (None, _folder, _set_folder),
    "sys.path": (None, _path, _set_path),
    "limits of Python": (None, _other_limits, _set_limits),
    "filters of warnings": (None, _general_filters, _set_filters),
    "the settings of logging": ("logging", _logging_state.told, _logging_state.set_again),
    "the locale": (None, _locale, _set_locale),
    "the time zone": (None, _zone, _set_zone),
    "the decimal context": ("decimal", _decimal, _set_decimal),
    "options of NumPy": ("numpy", _numpy, _set_numpy),
    "options of pandas": ("pandas", _pandas, _set_pandas),
    "options of Matplotlib": ("matplotlib", _matplotlib, _set_matplotlib),
}
