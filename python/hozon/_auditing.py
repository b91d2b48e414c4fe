"""`hozon audit`: runs a program, computes a sample of its hits again, and compares.

A call site on the way of a hit looks at `_runtime.auditor`; where that is a function, it gets the hit's
value and how to compute it again.
"""

from __future__ import annotations

import math
import random
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from hozon._errors import UndigestibleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hozon._hozon import Keyed

# So many differences of one hit are told.
_MOST_TOLD = 5
_MOST_DEPTH = 200

USAGE = """\
usage: hozon audit [--sample N] [--tolerance REL] [--seed SEED] (FILE | -m MODULE) [ARGUMENTS ...]

Runs the program. Of its hits, a sample is computed again and compared with what the store gave.

  --sample N        how many hits are surely checked; of later ones ever fewer, at random (20)
  --tolerance REL   the relative difference of floats that does not count (0)
  --seed SEED       makes the same choice again
"""


class Difference(NamedTuple):
    """Where a stored result and a new one differ, and what stands there."""

    place: str
    stored: str
    computed: str

    def __str__(self) -> str:
        return f"{self.place}: {self.stored} → {self.computed}"


class Finding(NamedTuple):
    """A hit that a new computation does not agree with."""

    name: str
    key: str
    differences: list[Difference]
    causes: list[str]


class Audit:
    """One audited run: which hits are checked, and what was found."""

    def __init__(self, sample: int, tolerance: float, seed: int) -> None:
        self.sample = sample
        self.tolerance = tolerance
        self.seed = seed
        self.random = random.Random(seed)
        self.seen: set[bytes] = set()
        self.checked = 0
        self.findings: list[Finding] = []
        self.is_checking = False

    def chooses(self, key: bytes) -> bool:
        """Whether a hit is checked: the first ones all, later ones with falling chance, each key once."""
        if self.is_checking or key in self.seen:
            return False
        self.seen.add(key)
        return self.random.random() * len(self.seen) < self.sample

    def audited(self, hit_value: Any, recompute: Callable[[], Any], name: str, keyed: Keyed) -> None:
        """Compares the value of a hit with one that is computed anew, if the hit is in the sample."""
        if not self.chooses(keyed.key):
            return
        self.is_checking = True
        try:
            self.checked += 1
            found = self.compared(hit_value, recompute)
        finally:
            self.is_checking = False
        if found:
            causes = [
                *keyed.likely_causes(),
                *(f"code that cannot be followed (`{it}`)" for it in keyed.unseen()),
            ]
            self.findings.append(Finding(name, keyed.hex, found, causes))

    def compared(self, hit_value: Any, recompute: Callable[[], Any]) -> list[Difference]:
        try:
            computed = recompute()
        except Exception as error:
            return [Difference("result", _told(hit_value), f"raises {type(error).__name__}")]
        return differences(hit_value, computed, self.tolerance)

    def report(self) -> str:
        """What was found, in lines."""
        hits = _counted(len(self.seen), "hit", "hits")
        lines = [f"audit: {self.checked} of {hits} computed again (seed {self.seed})"]
        if not self.findings:
            lines.append("audit: all agree" if self.checked else "audit: there was nothing to compare")
        for finding in self.findings:
            lines.append(f"audit: {finding.name} ({finding.key[:12]}) differs:")
            lines += [f"  {difference}" for difference in finding.differences[:_MOST_TOLD]]
            more = len(finding.differences) - _MOST_TOLD
            if more > 0:
                lines.append(f"  … and {more} more places")
            lines.append(f"  likely cause: {', '.join(finding.causes) or 'unknown'}")
        return "\n".join(lines)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


# Comparison.


def differences(stored: Any, computed: Any, tolerance: float = 0.0) -> list[Difference]:
    """Where two results differ: by digest first, then part by part, floats up to a relative tolerance."""
    if _same_digest(stored, computed):
        return []
    return list(_Comparison(tolerance).parts("result", stored, computed, 0))


def _same_digest(one: Any, other: Any) -> bool:
    from hozon._hozon import value_digest

    try:
        return value_digest(one) == value_digest(other)
    except (UndigestibleError, RecursionError):
        return False


class _Comparison:
    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.open: set[tuple[int, int]] = set()

    def parts(self, place: str, one: Any, other: Any, depth: int) -> Iterator[Difference]:
        pair = id(one), id(other)
        if one is other or pair in self.open:
            return
        if depth > _MOST_DEPTH:
            yield Difference(place, "too deep", "to compare")
            return
        self.open.add(pair)
        try:
            yield from self.of_type(place, one, other, depth)
        finally:
            self.open.discard(pair)

    def of_type(self, place: str, one: Any, other: Any, depth: int) -> Iterator[Difference]:
        if type(one) is not type(other):
            yield Difference(place, _told(one), _told(other))
        elif isinstance(one, (bool, int, float, complex)) or one is None:
            if not self.same_number(one, other):
                yield Difference(place, _told(one), _told(other))
        elif isinstance(one, (str, bytes, bytearray)):
            if one != other:
                yield Difference(place, *_told_texts(one, other))
        elif isinstance(one, dict):
            yield from self.of_dicts(place, one, other, depth)
        elif isinstance(one, (list, tuple)):
            yield from self.of_sequences(place, one, other, depth)
        elif isinstance(one, (set, frozenset)):
            if one != other:
                yield Difference(place, _told(one), f"{_told(other)}, {len(one ^ other)} items differ")
        else:
            yield from self.of_objects(place, one, other, depth)

    def same_number(self, one: Any, other: Any) -> bool:
        if isinstance(one, complex):
            return self.same_number(one.real, other.real) and self.same_number(one.imag, other.imag)
        if not isinstance(one, float):
            return bool(one == other)
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        if one == other:
            return self.tolerance > 0 or math.copysign(1.0, one) == math.copysign(1.0, other)
        if math.isinf(one) or math.isinf(other):
            return False
        return bool(abs(one - other) <= self.tolerance * max(abs(one), abs(other)))

    def of_dicts(
        self, place: str, one: dict[Any, Any], other: dict[Any, Any], depth: int
    ) -> Iterator[Difference]:
        for key, value in one.items():
            inside = f"{place}[{_key(key)}]"
            if key in other:
                yield from self.parts(inside, value, other[key], depth + 1)
            else:
                yield Difference(inside, _told(value), "nothing")
        for key, value in other.items():
            if key not in one:
                yield Difference(f"{place}[{_key(key)}]", "nothing", _told(value))
        if list(one) != list(other) and set(one) == set(other):
            yield Difference(place, "its keys", "the same keys in another order")

    def of_sequences(
        self, place: str, one: Sequence[Any], other: Sequence[Any], depth: int
    ) -> Iterator[Difference]:
        if len(one) != len(other):
            yield Difference(f"len({place})", str(len(one)), str(len(other)))
        for index, (left, right) in enumerate(zip(one, other, strict=False)):
            yield from self.parts(f"{place}[{index}]", left, right, depth + 1)

    def of_objects(self, place: str, one: Any, other: Any, depth: int) -> Iterator[Difference]:
        columns = _columns(one), _columns(other)
        if columns[0] is not None and columns[1] is not None:
            yield from self.of_columns(place, columns[0], columns[1], depth)
            return
        arrays = _array(one), _array(other)
        if arrays[0] is not None and arrays[1] is not None:
            yield from self.of_arrays(place, *arrays, depth)
            return
        if _same_digest(one, other):
            return
        states = _state(one), _state(other)
        if states[0] is None or states[1] is None:
            if states[0] is None and states[1] is None and _equal(one, other):
                return
            yield Difference(place, _told(one), f"{_told(other)} of another content")
            return
        found = list(self.of_dicts(f"{place}.", states[0], states[1], depth))
        yield from (item._replace(place=_as_attribute(item.place)) for item in found)
        if (
            not found
            and not any(isinstance(value, float) for value in states[0].values())
            and self.tolerance == 0
        ):
            yield Difference(place, _told(one), f"{_told(other)} of another content")

    def of_columns(
        self, place: str, one: dict[Any, Any], other: dict[Any, Any], depth: int
    ) -> Iterator[Difference]:
        """Frames and series, column by column."""
        yield from self.of_dicts(place, one, other, depth)

    def of_arrays(self, place: str, one: Any, other: Any, depth: int) -> Iterator[Difference]:
        import numpy as np

        if one.shape != other.shape or one.dtype != other.dtype:
            yield Difference(place, f"{one.dtype} {one.shape}", f"{other.dtype} {other.shape}")
            return
        if one.dtype.names or one.dtype.kind == "O":
            flat = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
            for index, (left, right) in enumerate(flat):
                yield from self.parts(f"{place}[{_position(index, one.shape)}]", left, right, depth + 1)
            return
        for at in np.flatnonzero(self.unlike(one.ravel(), other.ravel())).tolist():
            left, right = one.ravel()[at].item(), other.ravel()[at].item()
            yield Difference(f"{place}[{_position(at, one.shape)}]", _told(left), _told(right))

    def unlike(self, one: Any, other: Any) -> Any:
        """Where two flat arrays of one type differ."""
        import numpy as np

        unequal = one != other
        if one.dtype.kind not in "fc":
            if one.dtype.kind in "mM":
                unequal &= ~(np.isnat(one) & np.isnat(other))
            return unequal
        unequal &= ~(np.isnan(one) & np.isnan(other))
        if self.tolerance > 0:
            with np.errstate(invalid="ignore", over="ignore"):
                size = np.maximum(np.abs(one), np.abs(other))
                near = np.abs(one - other) <= self.tolerance * size
            unequal &= ~(near & np.isfinite(one) & np.isfinite(other))
        elif one.dtype.kind == "f":
            unequal |= (one == 0) & (np.signbit(one) != np.signbit(other)) & (other == 0)
        return unequal


def _columns(value: Any) -> dict[Any, Any] | None:
    """The columns of a frame or a table, with its index; the values of a series."""
    module = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    if module == "pandas" and name == "DataFrame":
        columns = {column: value.iloc[:, at].to_numpy() for at, column in enumerate(value.columns)}
        if len(columns) == value.shape[1]:
            return {**columns, "index": value.index.to_numpy()}
    if module == "pandas" and name == "Series":
        return {"values": value.to_numpy(), "index": value.index.to_numpy()}
    if module == "polars" and name == "DataFrame":
        return {column: value[column].to_list() for column in value.columns}
    if module == "polars" and name == "Series":
        return {"values": value.to_list()}
    if module == "pyarrow" and name == "Table":
        return {column: value[column].to_pylist() for column in value.column_names}
    return None


def _array(value: Any) -> Any:
    """A NumPy view of an array, a scalar or a tensor; None for anything else."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return numpy.asarray(value)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        try:
            return value.detach().cpu().numpy()
        except (RuntimeError, TypeError):
            return None
    return None


def _state(value: Any) -> dict[Any, Any] | None:
    """The attributes of an object of a Python class."""
    state = dict(getattr(value, "__dict__", None) or {})
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__") and hasattr(value, name):
                state[name] = getattr(value, name)
    return state or None


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:
        return False


def _as_attribute(place: str) -> str:
    """`result.['x'][0]` as `result.x[0]`."""
    head, _, rest = place.partition(".['")
    name, _, tail = rest.partition("']")
    return f"{head}.{name}{tail}" if rest else place


def _position(index: int, shape: tuple[int, ...]) -> str:
    parts = []
    for length in reversed(shape):
        parts.append(index % length)
        index //= length
    return ", ".join(str(part) for part in reversed(parts))


def _key(key: Any) -> str:
    text = repr(key) if isinstance(key, (str, int, float, bool, bytes, tuple)) or key is None else _told(key)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _told(value: Any) -> str:
    """What is told of a value: numbers in clear, else type and size."""
    if value is None or isinstance(value, (bool, int, float, complex)):
        return repr(value)[:40]
    name = type(value).__name__
    try:
        return f"{name} of {len(value)}"
    except Exception:
        return name


def _told_texts(one: Any, other: Any) -> tuple[str, str]:
    """Two texts: their sizes and where they part, not what they say."""
    pairs = enumerate(zip(one, other, strict=False))
    at = next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))
    return _told(one), f"{_told(other)}, from {at} on"


# The command.


def main(arguments: list[str]) -> int:
    """Runs a program under audit; gives the exit code: 1 if anything differs."""
    asked = _parsed(arguments)
    if isinstance(asked, str):
        wants_help = not asked
        print(
            USAGE if wants_help else f"error: {asked}\n\n{USAGE}",
            file=sys.stdout if wants_help else sys.stderr,
        )
        return 0 if wants_help else 2
    audit, is_module, program = asked
    code = _run(audit, is_module, program)
    print(audit.report(), file=sys.stderr)
    return 1 if audit.findings else code


def _parsed(arguments: list[str]) -> tuple[Audit, bool, list[str]] | str:
    """What was asked for; a complaint; or an empty text for help."""
    values: dict[str, Any] = {
        "--sample": 20,
        "--tolerance": 0.0,
        "--seed": random.SystemRandom().randrange(10**6),
    }
    readers: dict[str, Callable[[str], Any]] = {"--sample": int, "--tolerance": float, "--seed": int}
    rest = list(arguments)
    while rest and rest[0].startswith("--"):
        option, has_value, text = rest.pop(0).partition("=")
        if option == "--help":
            return ""
        if option not in readers or (not has_value and not rest):
            return f"{option} is not known" if option not in readers else f"{option} needs a value"
        text = text if has_value else rest.pop(0)
        try:
            values[option] = readers[option](text)
        except ValueError:
            return f"{option} is {text!r}; it must be a number"
        if values[option] < 0 or values[option] != values[option]:
            return f"{option} is {text!r}; it must not be less than 0"
    if rest[:1] == ["-h"]:
        return ""
    is_module = rest[:1] == ["-m"]
    program = rest[1:] if is_module else rest
    if not program or (not is_module and program[0].startswith("-")):
        return "a program is needed: a file, or -m and a module"
    return Audit(values["--sample"], values["--tolerance"], values["--seed"]), is_module, program


def _run(audit: Audit, is_module: bool, program: list[str]) -> int:
    """Runs the program as Python would; gives its exit code."""
    import os
    import runpy
    import traceback

    from hozon import _runtime

    earlier = sys.argv, sys.path[0]
    sys.argv = program
    sys.path[0] = os.getcwd() if is_module else os.path.dirname(os.path.abspath(program[0]))
    _runtime.auditor = audit.audited
    try:
        if is_module:
            runpy.run_module(program[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(program[0], run_name="__main__")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        _runtime.auditor = None
        sys.argv, sys.path[0] = earlier
        sys.stdout.flush()
    return 0
