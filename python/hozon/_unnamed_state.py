"""State of the process that code reads without naming it, in keys and traces of functions and blocks.

Options of libraries and the context of decimals enter keys (`differing`), where code reaches the library and
they are not how it starts: so nothing is in a key where nobody has set anything, and a process that has not
loaded a library agrees with one that has. The time zone and the locale enter traces (`digests`): whether a
run has read them is seen.
"""

from __future__ import annotations

import functools
import operator
import sys
from _locale import LC_COLLATE, LC_MONETARY, LC_NUMERIC, LC_TIME, setlocale

from hozon._hozon import value_digest
from hozon._records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def differing(aspects: int) -> list[tuple[str, bytes, str]]:
    """What is not how its library starts: name, digest, and what may be told to people.

    Args:
        aspects: The aspects that are asked for: the bits of `process_state.rs`.
    """
    found = []
    for name, library in _names_of(aspects):
        if library in sys.modules:
            known = _known_of(name)
            if known.state:
                found.append((name, known.digest, known.shown))
    return found


@functools.cache
def _names_of(aspects: int) -> list[tuple[str, str]]:
    numbered = enumerate(_ASPECTS.items())
    return [(name, aspect.library) for bit, (name, aspect) in numbered if aspects & 1 << bit]


def known_state(name: str) -> dict[str, Any]:
    """What is not how the library starts, of one aspect."""
    return _known_of(name).state


def digests() -> list[tuple[str, bytes]]:
    """The names of the state that functions of the C library tell, each with 32 bytes of what it is."""
    return [(name, digest(name)) for name in _OF_TRACES]


def digest(name: str) -> bytes:
    """As `digests`, of one."""
    return _OF_TRACES[name]()


class _Known:
    """A state, and the library's own record of it by which another state is noticed."""

    def __init__(self, record: Any, state: dict[str, Any]) -> None:
        self.record = record
        self.state = state
        self.shown = _shown(state)
        try:
            self.digest = value_digest(state)
        except Exception:
            # An option without a digest: its text may name an address, which makes keys of this process only.
            self.digest = value_digest(repr(state))


def _shown(state: dict[str, Any]) -> str:
    """Numbers and the like, and names of one word; of others the type: they may be secrets."""
    parts = []
    for name, value in state.items():
        is_told = isinstance(value, int | float | None) or (isinstance(value, str) and value.isidentifier())
        told = str(value) if is_told else type(value).__name__
        parts.append(_shown(value) if isinstance(value, dict) else f"{name}={told}")
    return ", ".join(parts)


_known: dict[str, _Known] = {}


def _known_of(name: str) -> _Known:
    aspect = _ASPECTS[name]
    known = _known.get(name)
    try:
        if aspect.library not in sys.modules:
            return _NOTHING
        record = aspect.record()
        if known is None or not aspect.is_same(record, known.record):
            known = _Known(aspect.kept(record) if aspect.kept else record, aspect.state())
            if aspect.is_same(aspect.record(), known.record):
                # Else another thread has set something meanwhile.
                _known[name] = known
    except Exception:
        # A library that is not what it is known as, or is just being imported.
        return _NOTHING
    return known


_NOTHING = _Known(None, {})


def _copied(record: Any) -> Any:
    import copy

    return copy.deepcopy(record)


class _Aspect(Record):
    """What a library keeps of what was set.

    Attributes:
        library: The module without which nothing is set.
        record: Gives what it keeps: quick.
        state: Gives what is not how the library starts.
        is_same: Whether two records are of the same state.
        kept: Makes a copy of a record that the library does not change; none if it changes none.
    """

    library: str
    record: Callable[[], Any]
    state: Callable[[], dict[str, Any]]
    is_same: Callable[[Any, Any], bool] = operator.eq
    kept: Callable[[Any], Any] | None = None


def _decimal_record() -> tuple[Any, ...]:
    now = sys.modules["decimal"].getcontext()
    return now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp, now.traps


def _decimal_kept(record: tuple[Any, ...]) -> tuple[Any, ...]:
    *others, traps = record
    return *others, dict(traps)


def _numpy_record() -> tuple[Any, ...]:
    try:
        # From NumPy 2 on: objects that are replaced when something is set.
        printing = sys.modules["numpy._core.printoptions"].format_options
        return printing.get(), sys.modules["numpy._core.umath"]._extobj_contextvar.get()
    except (KeyError, AttributeError):
        numpy: Any = sys.modules["numpy"]
        return numpy.get_printoptions(), numpy.geterr()


def _pandas_record() -> Any:
    return sys.modules["pandas._config.config"]._global_config


def _matplotlib_record() -> Any:
    return sys.modules["matplotlib"].rcParams


def _matplotlib_kept(record: Any) -> Any:
    options = dict.items(record)
    return {name: list(value) if isinstance(value, list) else value for name, value in options}


def _matplotlib() -> dict[str, Any]:
    """What is not Matplotlib's own default: a person's matplotlibrc counts."""
    matplotlib: Any = sys.modules["matplotlib"]
    first = matplotlib.rcParamsDefault
    # Which backend draws, and whether it draws at once, is the host's matter.
    return {
        key: value
        for key, value in dict.items(matplotlib.rcParams)
        if not key.startswith("backend") and key != "interactive" and value != dict.get(first, key)
    }


def _torch_record() -> str:
    return str(sys.modules["torch"].get_default_dtype())


def _torch() -> dict[str, Any]:
    now = _torch_record()
    return {} if now == "torch.float32" else {"default dtype": now}


def _arguments_record() -> tuple[Any, ...]:
    # Those of a kernel are no person's: they name a file that is new each time.
    is_of_kernel = sys.argv and "ipykernel" in sys.argv[0]
    return () if is_of_kernel else tuple(sys.argv[1:])


def _arguments() -> dict[str, Any]:
    given = _arguments_record()
    return {"arguments": given} if given else {}


def _limits_record() -> dict[str, int]:
    return {"recursion": sys.getrecursionlimit(), "digits": sys.get_int_max_str_digits()}


def _limits() -> dict[str, Any]:
    usual = {"recursion": 1000, "digits": sys.int_info.default_max_str_digits}
    return {name: limit for name, limit in _limits_record().items() if limit != usual[name]}


def _told_to_cells(name: str) -> Callable[[], dict[str, Any]]:
    def state() -> dict[str, Any]:
        from hozon import _process_state

        found: dict[str, Any] = _process_state.state_of(name)
        return found

    return state


def _aspect(name: str, library: str, record: Callable[[], Any], **more: Any) -> _Aspect:
    return _Aspect(library=library, record=record, state=_told_to_cells(name), **more)


# In the order of the bits of `process_state.rs`.
_ASPECTS = {
    "the decimal context": _aspect("the decimal context", "decimal", _decimal_record, kept=_decimal_kept),
    "options of NumPy": _aspect("options of NumPy", "numpy", _numpy_record),
    "options of pandas": _aspect("options of pandas", "pandas", _pandas_record, kept=_copied),
    "options of Matplotlib": _Aspect(
        library="matplotlib",
        record=_matplotlib_record,
        state=_matplotlib,
        is_same=dict.__eq__,
        kept=_matplotlib_kept,
    ),
    "options of PyTorch": _Aspect(library="torch", record=_torch_record, state=_torch),
    "the program's arguments": _Aspect(library="sys", record=_arguments_record, state=_arguments),
    "Python's limits": _Aspect(library="sys", record=_limits_record, state=_limits),
}

# Those that nobody but code sets: a backend of Matplotlib sets options when it first draws.
SET_BY_CODE = ("the decimal context", "options of NumPy", "options of pandas")


# Told by functions of the C library ------------------------------------------------------------------


def _zone_digest() -> bytes:
    from hozon import _time_zone

    return _time_zone.digest()


_locales: dict[tuple[str, ...], bytes] = {}


def _locale_digest() -> bytes:
    # How texts are encoded is the machine's own matter.
    told = setlocale(LC_COLLATE), setlocale(LC_MONETARY), setlocale(LC_NUMERIC), setlocale(LC_TIME)
    found = _locales.get(told)
    if found is None:
        found = _locales[told] = value_digest(told)
    return found


_OF_TRACES = {"the time zone": _zone_digest, "the locale": _locale_digest}
