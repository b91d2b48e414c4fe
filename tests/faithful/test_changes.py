"""Inputs that a computation changes in place: applying the changes to equal inputs equals running."""

from __future__ import annotations

import array
import collections
import dataclasses
import random
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hozon import _changes
from hozon._changes import Before, Mismatch, Unsupported
from hozon._hozon import Computation, value_digest
from hozon._mutable import is_constant

Inputs = dict[str, Any]


def stored(before: Before, changes: Any, result: Any) -> tuple[bytes, list[Any]]:
    payload, buffers = before.dumps(changes, result)
    memory = []
    for buffer in buffers:
        raw = buffer.raw()
        memory.append(bytes(raw) if raw.readonly else bytearray(raw))
    return payload, memory


def ran(inputs: Inputs, run: Callable[..., Any]) -> tuple[Any, tuple[bytes, list[Any]] | None]:
    """Runs a function on a miss: its result, and what is stored if it changes anything."""
    before = Before(list(inputs.items()))
    digests = {name: value_digest(value) for name, value in inputs.items()}
    result = run(**inputs)
    changes = before.changed([name for name in inputs if value_digest(inputs[name]) != digests[name]])
    return result, changes and stored(before, changes, result)


def hit(inputs: Inputs, content: Any) -> Any:
    """What a hit gives, which changes its inputs."""
    loaded = Before(list(inputs.items()), snapshots=False).loads(*content)
    loaded.apply()
    return loaded.result


def assert_repeats(make: Callable[[], Inputs], run: Callable[..., Any]) -> tuple[Inputs, Any]:
    """A hit on equal inputs does what running does. Gives the inputs of the hit, and its result."""
    first, second = make(), make()
    result, content = ran(first, run)
    assert content is not None, "nothing was seen to change"
    again = hit(second, content)
    for name in first:
        assert value_digest(second[name]) == value_digest(first[name]), name
    assert value_digest(again) == value_digest(result)
    assert sharing(second, again) == sharing(first, result)
    return second, again


def sharing(*roots: Any) -> list[int]:
    """Which parts of values are one object."""
    seen: dict[int, int] = {}
    kept, met = [], []
    pending = list(roots)
    while pending:
        value = pending.pop()
        if is_constant(value):
            continue
        kept.append(value)
        is_new = id(value) not in seen
        met.append(seen.setdefault(id(value), len(seen)))
        if not is_new:
            continue
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list | tuple | collections.deque):
            pending.extend(value)
        if type(value).__module__ == __name__ and hasattr(value, "__dict__"):
            pending.extend(vars(value)[name] for name in sorted(vars(value)))
    return met


# Every kind of object ----------------------------------------------------------------------------


class Counter:
    """A class as people write them."""

    def __init__(self, start: int = 0) -> None:
        self.count = start
        self.seen: list[Any] = []

    def add(self, item: Any) -> int:
        self.count += 1
        self.seen.append(item)
        return self.count


class Slotted:
    __slots__ = ("__private", "gone", "left")

    def __init__(self) -> None:
        self.left, self.gone, self.__private = 1, 2, [3]

    def change(self) -> list[int]:
        del self.gone
        self.left = 9
        self.__private.append(4)
        return self.__private


class SlottedChild(Slotted):
    """With a __dict__ beside the slots."""


@dataclasses.dataclass(frozen=True)
class Frozen:
    items: list[int]
    name: str = "x"


class Tagged(list):  # type: ignore[type-arg]
    def append(self, item: Any) -> None:
        super().append(("tagged", item))


class Table(dict):  # type: ignore[type-arg]
    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("by no means")


class Hiding:
    """Pickles without what it keeps for itself."""

    def __init__(self) -> None:
        self.count, self.memo = 0, {}  # type: ignore[var-annotated]
        self.lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"count": self.count}


class Point(collections.namedtuple("Point", "x items")):
    __slots__ = ()


def frame() -> pd.DataFrame:
    values = {"a": [1, 2, 3], "b": [0.5, None, 1.5], "text": ["x", "y", None]}
    return pd.DataFrame(values, index=pd.Index([10, 20, 30], name="id"))


def frame_columns(value: pd.DataFrame) -> pd.DataFrame:
    value["c"] = value["a"] * 2
    del value["b"]
    return value


def frame_values(value: pd.DataFrame) -> None:
    value.loc[20, "a"] = 99
    value.loc[40] = [4, 2.5, "z"]
    value.attrs["source"] = "test"


def frame_index(value: pd.DataFrame) -> None:
    value.index = pd.Index(["x", "y", "z"], name="renamed")
    value["a"] = value["a"].astype("category")
    value.columns = pd.Index(["A", "B", "T"])
    value.flags.allows_duplicate_labels = False


def series_change(value: pd.Series[Any]) -> None:
    value.iloc[0] = 7
    value.name = "other"
    value.loc["new"] = 1


def change_masked(value: Any) -> None:
    value[0] = 5
    value[2] = np.ma.masked


def change_ordered(value: Any) -> None:
    value["c"] = value.pop("a")
    value.move_to_end("b")
    value.note = "kept"


def of(make: Callable[[], Any]) -> Callable[[], Inputs]:
    return lambda: {"value": make()}


CASES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "list": (lambda: [3, 1, 2], lambda value: value.sort()),
    "list shrinks": (lambda: [[1], [2], [3]], lambda value: value.pop(0)),
    "dict": (lambda: {"a": 1, "b": 2}, lambda value: value.update(c=[3], a=0)),
    "order of a dict": (lambda: {"a": 1, "b": 2}, lambda value: value.update(a=value.pop("a"))),
    "set": (lambda: {1, 2, (3, "x")}, lambda value: (value.discard(1), value.add("new"))),
    "1 and True in a set": (lambda: {1}, lambda value: (value.discard(1), value.add(True))),
    "set after one of instances": (lambda: [{Counter()}, {1}], lambda value: value[1].add(2)),
    "bytearray": (lambda: bytearray(b"abc"), lambda value: value.extend(b"d")),
    "deque": (lambda: collections.deque([1, 2], 3), lambda value: value.extendleft([0, -1])),
    "OrderedDict": (lambda: collections.OrderedDict(a=1, b=2), change_ordered),
    "defaultdict": (lambda: collections.defaultdict(list), lambda value: value["x"].append(1)),
    "factory": (
        lambda: collections.defaultdict(list),
        lambda value: setattr(value, "default_factory", None),
    ),
    "Counter": (lambda: collections.Counter("aab"), lambda value: value.update("bcc")),
    "array": (lambda: array.array("d", [1, 2]), lambda value: value.append(float("nan"))),
    "instance": (Counter, lambda value: value.add("x")),
    "new attribute": (Counter, lambda value: setattr(value, "more", {"y": value})),
    "deleted attribute": (Counter, lambda value: delattr(value, "seen")),
    "slots": (Slotted, lambda value: value.change()),
    "slots and dict": (SlottedChild, lambda value: (value.change(), setattr(value, "new", 1))),
    "frozen dataclass": (lambda: Frozen([1]), lambda value: object.__setattr__(value, "name", "y")),
    "list of a class": (lambda: Tagged([1]), lambda value: (value.append(2), setattr(value, "tag", value))),
    "dict of a class": (lambda: Table(a=1), lambda value: (dict.update(value, b=2), vars(value).update(c=3))),
    "namespace": (lambda: types.SimpleNamespace(a=1), lambda value: setattr(value, "b", 2)),
    "hidden state": (Hiding, lambda value: (value.memo.update(x=1), setattr(value, "count", 1))),
    "in a named tuple": (lambda: Point(1, []), lambda value: value.items.append(2)),
    "ndarray": (lambda: np.arange(6.0).reshape(2, 3), lambda value: value.__setitem__((0, 1), np.nan)),
    "ndarray in a list": (lambda: [np.arange(3), np.arange(3)], lambda value: value[1].fill(0)),
    "view": (lambda: np.arange(10)[::2], lambda value: value.fill(7)),
    "texts": (lambda: np.array(["a", "bc"]), lambda value: value.__setitem__(0, "zz")),
    "dates": (lambda: np.array(["2020-01-01"], "M8[D]"), lambda value: value.__iadd__(3)),
    "structured": (lambda: np.zeros(2, [("x", "i4"), ("y", "f8")]), lambda value: value["y"].fill(2)),
    "objects": (
        lambda: np.array([[1], None], object),
        lambda value: (value[0].append(2), value.fill(value[0])),
    ),
    "masked": (lambda: np.ma.array([1, 2, 3], mask=[0, 1, 0]), change_masked),
    "unmasked": (lambda: np.ma.array([1, 2, 3]), change_masked),
    "frame: columns": (frame, frame_columns),
    "frame: values": (frame, frame_values),
    "frame: index": (frame, frame_index),
    "frame in a dict": (lambda: {"x": frame(), "y": 1}, lambda value: frame_columns(value["x"])),
    "frame of objects": (
        lambda: pd.DataFrame({"x": pd.Series([[1], {"a": 1}], dtype=object)}),
        lambda value: value.loc[0, "x"].append(2),
    ),
    "series": (lambda: pd.Series([1, 2], index=["a", "b"], name="s"), series_change),
    "random.Random": (lambda: random.Random(1), lambda value: value.gauss(0, 1)),
    "Generator": (lambda: np.random.default_rng(1), lambda value: value.normal()),
    "RandomState": (lambda: np.random.RandomState(1), lambda value: value.randn()),
    "bit generator": (lambda: np.random.Philox(1), lambda value: value.random_raw()),
}


@pytest.mark.parametrize(("make", "run"), CASES.values(), ids=CASES.keys())
def test_a_change_is_repeated(make: Callable[[], Any], run: Callable[[Any], Any]) -> None:
    def run_and_return(value: Any) -> Any:
        run(value)
        return value

    inputs, result = assert_repeats(of(make), run_and_return)
    assert result is inputs["value"], "the result is the caller's own object"


def test_instances_keep_their_hidden_state() -> None:
    inputs, _ = assert_repeats(of(Hiding), CASES["hidden state"][1])
    assert inputs["value"].memo == {"x": 1}


def test_scikit_learn_estimators() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    data = np.arange(10.0).reshape(5, 2)

    def fit(value: Any) -> Any:
        return value.fit(data, data[:, 0])

    inputs, result = assert_repeats(of(linear_model.Ridge), fit)
    assert result is inputs["value"]
    assert inputs["value"].predict(data).shape == (5,)


def test_sparse_matrices() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    assert_repeats(of(lambda: sparse.csr_matrix(np.eye(3))), lambda value: value.data.fill(4))


# Identity and sharing ----------------------------------------------------------------------------


def test_an_argument_that_is_put_into_another_stays_itself() -> None:
    def run(a: list[Any], b: list[int]) -> int:
        a.append(b)
        return 1

    inputs, _ = assert_repeats(lambda: {"a": [], "b": [1]}, run)
    assert inputs["a"][0] is inputs["b"]


def test_a_new_object_that_is_shared_is_one_object() -> None:
    def run(a: Any, b: Any) -> Any:
        new = ["new"]
        a.append(new)
        b["new"] = new
        return {"result": new}

    inputs, result = assert_repeats(lambda: {"a": [], "b": {}}, run)
    assert inputs["a"][0] is inputs["b"]["new"] is result["result"]


def test_cycles() -> None:
    def run(a: list[Any]) -> Any:
        a.append(a)
        return [a]

    inputs, result = assert_repeats(lambda: {"a": []}, run)
    assert inputs["a"][0] is inputs["a"] is result[0]


def test_other_holders_of_an_object_see_its_change() -> None:
    _, content = ran({"a": {"inner": [1]}}, lambda a: a["inner"].append(2))
    inner = [1]
    hit({"a": {"inner": inner}}, content)
    assert inner == [1, 2]


def test_views_of_an_array_see_its_change() -> None:
    _, content = ran({"a": np.zeros(3)}, lambda a: a.fill(1))
    whole = np.zeros(6)
    hit({"a": whole[::2]}, content)
    assert whole.tolist() == [1, 0, 1, 0, 1, 0]


def test_shared_inputs_are_kept_apart_from_equal_ones() -> None:
    def run(a: list[int], b: list[int]) -> int:
        a.append(1)
        return len(b)

    _, content = ran({"a": [], "b": []}, run)
    one: list[int] = []
    with pytest.raises(Mismatch):
        hit({"a": one, "b": one}, content)
    assert one == []

    def make() -> Inputs:
        value: list[int] = []
        return {"a": value, "b": value}

    inputs, result = assert_repeats(make, run)
    assert (result, inputs["a"] is inputs["b"]) == (1, True)


def test_overlapping_arrays_are_kept_apart_from_equal_ones() -> None:
    def run(a: Any, b: Any) -> float:
        a.fill(1)
        return float(b.sum())

    _, content = ran({"a": np.zeros(3), "b": np.zeros(2)}, run)
    whole = np.zeros(3)
    with pytest.raises(Mismatch):
        hit({"a": whole, "b": whole[1:]}, content)
    assert whole.sum() == 0

    def make() -> Inputs:
        whole = np.zeros(3)
        return {"a": whole, "b": whole[1:]}

    assert_repeats(make, run)


def test_equal_constants_may_be_shared_or_not() -> None:
    def run(a: Any, b: Any) -> None:
        a.append(1)

    one = (1, ("x", 2.5))
    _, content = ran({"a": [one], "b": one}, run)
    inputs = {"a": [(1, tuple(iter(["x", 2.5])))], "b": (1, tuple(iter(["x", 2.5])))}
    hit(inputs, content)
    assert inputs["a"][1] == 1


# Refusals ----------------------------------------------------------------------------------------


class Odd(random.Random):
    """Written in Python over C."""


REFUSED: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], str]] = {
    "an iterator": (lambda: iter([1, 2]), next, "list_iterator"),
    "an iterator in a list": (
        lambda: [iter([1, 2]), 1],
        lambda value: (next(value[0]), value.append(2)),
        "iter",
    ),
    "state of C": (lambda: Odd(1), lambda value: value.random(), "Odd"),
    "another shape": (lambda: np.arange(4), lambda value: value.resize((2, 2), refcheck=False), "shape"),
    "read-only from now on": (lambda: [np.arange(4)], lambda value: value[0].setflags(write=False), "shape"),
    "a set of objects": (lambda: {Frozen([1], "a").name, frozenset({1})}, lambda value: None, ""),
    "another class": (lambda: Counter(), lambda value: setattr(value, "__class__", Hiding), "class"),
    "spawned": (lambda: np.random.default_rng(1), lambda value: (value.spawn(1), value.normal()), "spawned"),
    "a function's attributes": (lambda: [lambda: 1], lambda value: value.append(2) or value[0], ""),
}
REFUSED.pop("a set of objects")
REFUSED.pop("a function's attributes")


@pytest.mark.parametrize(("make", "run", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_repeated_is_refused(make: Any, run: Any, said: str) -> None:
    value = make()
    before = Before([("the_name", value)])
    run(value)
    with pytest.raises(Unsupported, match=said) as raised:
        before.changed(["the_name"])
    assert "`the_name`" in str(raised.value)


def test_a_change_that_is_not_found_is_refused() -> None:
    before = Before([("a", [1])])
    with pytest.raises(Unsupported, match="`a`"):
        before.changed(["a"])


def test_a_change_of_a_class_is_refused() -> None:
    with pytest.raises(Unsupported, match="`Counter`"):
        Before([]).changed([], ["Counter"])


def test_too_many_objects_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_changes, "MOST_OBJECTS", 10)
    value = [[1] for _ in range(20)]
    before = Before([("a", value)])
    assert before.changed([]) is None
    with pytest.raises(Unsupported, match="objects"):
        before.changed(["a"])


def test_what_cannot_take_the_change_is_left_alone() -> None:
    def run(a: list[int], b: Any) -> None:
        a.append(1)
        b[0] = 5

    _, content = ran({"a": [], "b": np.zeros(2)}, run)
    read_only = np.zeros(2)
    read_only.flags.writeable = False
    inputs: Inputs = {"a": [], "b": read_only}
    with pytest.raises(Mismatch):
        hit(inputs, content)
    assert inputs["a"] == []
    _, content = ran({"a": [], "b": bytearray(2)}, lambda a, b: (a.append(1), b.append(1)))
    inputs = {"a": [], "b": bytearray(2)}
    with memoryview(inputs["b"]), pytest.raises(Mismatch):
        hit(inputs, content)
    assert inputs == {"a": [], "b": bytearray(2)}


def test_results_that_refer_to_a_call_are_read_only_for_one() -> None:
    from hozon._pickling import loads

    value: list[Any] = []
    _, content = ran({"a": value}, lambda a: [a.append(1), a])
    assert content is not None
    with pytest.raises(Exception, match="objects of the call"):
        loads(*content)


# Names that are bound for good --------------------------------------------------------------------

counter = 0
fresh_name: Any
config: dict[str, Any] = {"a": 1}


def counts() -> int:
    global counter
    counter += 1
    return counter


def binds_without_reading() -> None:
    global fresh_name
    fresh_name = config


class Binder:
    def bind(self) -> None:
        global counter
        counter = 7


def binds_in_a_method() -> None:
    Binder().bind()


def closure() -> tuple[Callable[[], int], Callable[[], int]]:
    total = 0

    def add() -> int:
        nonlocal total
        total += 1
        return total

    return add, lambda: total


def keyed_of(function: Any) -> Any:
    computation = Computation(function, [], (None, None, None, "native"), None)
    return computation.keyed((), {})


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    namespace = globals()
    namespace["counter"] = 0
    namespace.pop("fresh_name", None)
    yield namespace
    namespace.pop("fresh_name", None)


def bound_again(function: Any, reset: Callable[[], None]) -> Any:
    """Runs a function, sets back what it did, and has a hit do it."""
    keyed = keyed_of(function)
    before = Before.of(keyed, function)
    result = function()
    changes = before.changed(keyed.changed_inputs(), keyed.changed_code(function))
    assert changes is not None
    content = stored(before, changes, result)
    reset()
    loaded = Before.of(keyed_of(function), function, snapshots=False).loads(*content)
    loaded.apply()
    assert loaded.result == result
    return loaded.result


def test_a_global_that_is_bound_again(names: dict[str, Any]) -> None:
    assert bound_again(counts, lambda: names.update(counter=0)) == 1
    assert names["counter"] == 1


def test_a_global_that_is_bound_for_the_first_time(names: dict[str, Any]) -> None:
    bound_again(binds_without_reading, lambda: names.pop("fresh_name"))
    assert names["fresh_name"] is config


def test_a_global_that_a_method_binds(names: dict[str, Any]) -> None:
    bound_again(binds_in_a_method, lambda: names.update(counter=0))
    assert names["counter"] == 7


def test_a_global_that_is_deleted(names: dict[str, Any]) -> None:
    def deletes() -> None:
        global counter
        del counter

    names["deletes"] = deletes
    try:
        bound_again(deletes, lambda: names.update(counter=0))
        assert "counter" not in names
    finally:
        del names["deletes"]


def test_a_closed_over_variable() -> None:
    (add, total), (other_add, other_total) = closure(), closure()
    keyed = keyed_of(add)
    before = Before.of(keyed, add)
    result = add()
    content = stored(before, before.changed(keyed.changed_inputs(), keyed.changed_code(add)), result)
    assert other_add.__code__ is add.__code__
    Before.of(keyed_of(other_add), other_add, snapshots=False).loads(*content).apply()
    assert (total(), other_total()) == (1, 1)


def test_names_that_a_block_binds_do_not_count(names: dict[str, Any]) -> None:
    before = Before([], [names], own=names, left_out={"counter"})
    names["counter"] = 5
    assert before.changed([]) is None


def test_names_that_others_bind_are_refused(names: dict[str, Any]) -> None:
    before = Before([], [names])
    names["by_another_thread"] = 1
    try:
        with pytest.raises(Unsupported, match="by_another_thread"):
            before.changed([])
    finally:
        del names["by_another_thread"]


def test_values_that_are_read_are_inputs() -> None:
    def reads() -> Any:
        config["b"] = 2
        return config

    keyed = keyed_of(reads)
    assert [label for label, value in keyed.inputs() if value is config] == ["config"]
    before = Before.of(keyed, reads)
    try:
        result = reads()
        content = stored(before, before.changed(keyed.changed_inputs()), result)
    finally:
        config.pop("b", None)
    loaded = Before.of(keyed_of(reads), reads, snapshots=False).loads(*content)
    loaded.apply()
    assert config.pop("b") == 2
    assert loaded.result is config


def test_a_class_that_is_given_an_attribute() -> None:
    def sets() -> None:
        Counter.limit = 3  # type: ignore[attr-defined]

    keyed = keyed_of(sets)
    try:
        sets()
        assert keyed.changed_code(sets) == [("Counter", Counter)]
    finally:
        del Counter.limit  # type: ignore[attr-defined]
    assert keyed_of(sets).changed_code(sets) == []


# Random programs ---------------------------------------------------------------------------------


class Program:
    """Makes random structures and changes them, the same way for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def atom(self) -> Any:
        return self.random.choice([0, 1, True, 2.5, "x", None, b"y", (1, "t")])

    def value(self, depth: int, made: list[Any]) -> Any:
        if made and self.random.random() < 0.25:
            return self.random.choice(made)
        if depth == 0 or self.random.random() < 0.2:
            return self.atom()
        value = self.container(depth, made)
        made.append(value)
        return value

    def container(self, depth: int, made: list[Any]) -> Any:
        parts = [self.value(depth - 1, made) for _ in range(self.random.randrange(4))]
        kind = self.random.randrange(11)
        if kind == 0:
            return tuple(parts)
        if kind == 1:
            return {self.random.choice("abcd"): part for part in parts}
        if kind == 2:
            counter = Counter(len(parts))
            counter.seen = parts
            return counter
        if kind == 3:
            return np.arange(float(len(parts) + 1))
        if kind == 4:
            return {self.random.randrange(9) for _ in parts}
        if kind == 5:
            return collections.deque(parts)
        if kind == 6:
            return bytearray(len(parts))
        if kind == 7:
            tagged = Tagged(parts)
            tagged.label = self.atom()  # type: ignore[attr-defined]
            return tagged
        if kind == 8:
            return pd.DataFrame({"a": np.arange(3), "b": ["x", "y", "z"]})
        if kind == 9:
            return collections.defaultdict(list, dict(enumerate(parts)))
        return parts

    def inputs(self) -> Inputs:
        made: list[Any] = []
        return {name: self.value(4, made) for name in "abc"}

    def run(self, **inputs: Any) -> Any:
        for _ in range(self.random.randrange(1, 8)):
            reachable = self.reachable(list(inputs.values()))
            if not reachable:
                return None
            target = self.random.choice(reachable)
            new = self.random.choice([*reachable, self.value(2, []), self.atom()])
            self.change(target, new)
        return self.random.choice([*inputs.values(), [self.random.choice(reachable)], 1])

    def reachable(self, roots: list[Any]) -> list[Any]:
        found, seen = [], set()
        pending = roots[::-1]
        while pending:
            value = pending.pop()
            if id(value) in seen or isinstance(value, int | float | str | bytes | type | None):
                continue
            seen.add(id(value))
            found.append(value)
            if isinstance(value, dict):
                pending.extend(value.values())
            elif isinstance(value, list | tuple | collections.deque):
                pending.extend(value)
            pending.extend(vars(value).values() if isinstance(value, Counter | Tagged) else ())
        return found

    def change(self, target: Any, new: Any) -> None:
        if isinstance(target, Counter):
            setattr(target, self.random.choice(["count", "seen", "new"]), new)
        elif isinstance(target, dict):
            target[self.random.choice("abcd")] = new
        elif isinstance(target, pd.DataFrame):
            target[self.random.choice("abn")] = self.random.randrange(5)
        elif isinstance(target, np.ndarray):
            target[0] = self.random.random()
        elif isinstance(target, set):
            target.add(self.random.randrange(20))
        elif isinstance(target, bytearray):
            target.append(self.random.randrange(256))
        elif isinstance(target, list | collections.deque):
            if target and self.random.random() < 0.3:
                target.pop()
            else:
                list.append(target, new) if isinstance(target, list) else target.append(new)


@pytest.mark.parametrize("group", range(10))
def test_random_programs(group: int) -> None:
    changed = 0
    for seed in range(group * 30, group * 30 + 30):
        program, same = Program(seed), Program(seed)
        first, second = program.inputs(), same.inputs()
        result, content = ran(first, program.run)
        if content is None:
            continue
        changed += 1
        again = hit(second, content)
        note = f"seed {seed}"
        for name in first:
            assert value_digest(second[name]) == value_digest(first[name]), note
        assert value_digest(again) == value_digest(result), note
        assert sharing(second, again) == sharing(first, result), note
    assert changed > 10, "the programs change too little"
