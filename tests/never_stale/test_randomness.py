"""Global random generators: what a computation found in them is an input, what it left an output."""

from __future__ import annotations

import pickle
import random
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import numpy.random
import pytest

from hozon import _randomness
from hozon._randomness import RandomStates, restore, state_digest


@pytest.fixture(autouse=True)
def known_states() -> Iterator[None]:
    before = random.getstate(), np.random.get_state(legacy=False)
    random.seed(1)
    np.random.seed(1)
    yield
    random.setstate(before[0])
    np.random.set_state(before[1])


def observed(function: Callable[[], object]) -> RandomStates:
    states = RandomStates()
    states.start()
    try:
        function()
    finally:
        states.stop()
    return states


def names(states: RandomStates) -> list[str]:
    return [name for name, _ in states.inputs]


def outputs(states: RandomStates) -> list[str]:
    return list(states.after or {})


DRAWS = {"random": random.random, "numpy": np.random.rand}
SEEDS: dict[str, Callable[[Any], None]] = {
    "random": lambda seed: random.seed(seed),
    "numpy": lambda seed: np.random.seed(seed),
}
both = pytest.mark.parametrize("name", ["random", "numpy"])


def test_a_computation_without_randomness_has_none() -> None:
    states = observed(lambda: sum(range(10)))
    assert (states.inputs, states.after, states.interleaved, states.unseeded) == ([], None, False, [])


@both
def test_drawing_makes_the_state_an_input_and_an_output(name: str) -> None:
    draw = DRAWS[name]
    found = state_digest(name)
    states = observed(draw)
    assert states.inputs == [(name, found)]
    assert outputs(states) == [name]
    following = draw()
    SEEDS[name](1)
    assert state_digest(name) == found
    restore(pickle.loads(pickle.dumps(states.after)))
    assert draw() == following


@both
def test_a_computation_that_seeds_first_has_no_input(name: str) -> None:
    def seeded() -> None:
        SEEDS[name](7)
        DRAWS[name]()

    states = observed(seeded)
    assert (states.inputs, outputs(states), states.unseeded) == ([], [name], [])
    following = DRAWS[name]()
    SEEDS[name](99)
    restore(states.after)
    assert DRAWS[name]() == following


@both
def test_a_computation_that_draws_before_it_seeds_has_one(name: str) -> None:
    def late() -> None:
        DRAWS[name]()
        SEEDS[name](7)

    assert names(observed(late)) == [name]


@both
def test_the_same_seed_as_before_is_an_output_all_the_same(name: str) -> None:
    states = observed(lambda: SEEDS[name](1))
    DRAWS[name]()
    restore(states.after)
    following = DRAWS[name]()
    SEEDS[name](1)
    assert DRAWS[name]() == following


def test_a_state_that_is_put_back_hides_no_drawing() -> None:
    def put_back() -> None:
        kept = np.random.get_state()
        np.random.rand()
        np.random.set_state(kept)

    assert names(observed(put_back)) == ["numpy"]


def test_a_seed_of_ones_own_that_is_put_back_leaves_no_trace() -> None:
    def own_seed() -> None:
        kept = random.getstate()
        random.seed(3)
        random.random()
        random.setstate(kept)

    states = observed(own_seed)
    assert (states.inputs, states.after) == ([], None)


@both
def test_seeding_without_a_seed_is_named(name: str) -> None:
    states = observed(lambda: SEEDS[name](None))
    assert states.unseeded == [name]
    assert states.inputs == []


def test_the_second_number_of_a_pair_counts() -> None:
    digests = [state_digest("random"), state_digest("numpy")]
    random.gauss(0, 1)
    np.random.normal()
    state = random.getstate()
    random.setstate((*state[:2], None))
    assert state_digest("random") not in digests
    with_second = np.random.get_state(legacy=False)
    digest = state_digest("numpy")
    np.random.set_state({**with_second, "has_gauss": 0, "gauss": 0.0})
    assert state_digest("numpy") != digest
    random.seed(1)
    np.random.seed(1)
    assert [state_digest("random"), state_digest("numpy")] == digests


RANDOM_1 = "6c668cdde6be0d01"
NUMPY_1 = "839c4319a52da10d"


def test_digests_are_the_same_everywhere() -> None:
    assert state_digest("random").hex()[:16] == RANDOM_1
    assert state_digest("numpy").hex()[:16] == NUMPY_1


def test_a_generator_that_is_not_loaded_has_a_digest_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = state_digest("numpy")
    monkeypatch.delitem(sys.modules, "numpy.random.mtrand")
    assert len(state_digest("numpy")) == 32
    assert state_digest("numpy") not in (loaded, state_digest("torch"))


def test_another_kind_of_global_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    before = np.random.get_bit_generator()
    for kind in (np.random.PCG64, np.random.Philox, np.random.SFC64):
        np.random.set_bit_generator(kind(5))  # type: ignore[arg-type]
        try:
            found = state_digest("numpy")
            states = observed(np.random.rand)
            assert states.inputs == [("numpy", found)]
            following = np.random.rand(3).tolist()
            restore(pickle.loads(pickle.dumps(states.after)))
            assert np.random.rand(3).tolist() == following
        finally:
            np.random.set_bit_generator(before)


# Several computations ----------------------------------------------------------------------------


def test_functions_are_put_back() -> None:
    before = random.seed, np.random.seed, np.random.mtrand.set_state
    outer, inner = RandomStates(), RandomStates()
    outer.start()
    inner.start()
    assert random.seed is not before[0]
    outer.stop()
    assert random.seed is not before[0]
    inner.stop()
    inner.stop()
    assert (random.seed, np.random.seed, np.random.mtrand.set_state) == before


def test_a_function_that_the_computation_replaces_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = random.seed

    def own(*args: Any) -> None:
        return None

    try:
        states = observed(lambda: setattr(random, "seed", own))
        assert random.seed is own  # type: ignore[comparison-overlap]
    finally:
        random.seed = before
    assert states.after is None


def test_an_inner_hit_is_as_the_inner_run() -> None:
    def inner_run() -> None:
        random.seed(3)
        random.random()

    seeded = observed(inner_run).after
    drawing = observed(random.random).after
    assert names(observed(lambda: restore(seeded))) == []
    assert outputs(observed(lambda: restore(seeded))) == ["random"]
    random.seed(5)
    assert names(observed(lambda: restore(drawing))) == ["random"]


def test_threads_see_each_others_seeds() -> None:
    other = RandomStates()
    states = RandomStates()
    states.start()
    thread = threading.Thread(target=lambda: (other.start(), random.seed(4), other.stop()))
    thread.start()
    thread.join()
    states.stop()
    assert (names(states), names(other)) == ([], [])
    assert outputs(states) == outputs(other) == ["random"]


def stretches(first: Any, between: Any, second: Any) -> RandomStates:
    states = RandomStates()
    states.start()
    first()
    states.pause()
    between()
    states.resume()
    second()
    states.stop()
    return states


def nothing() -> None:
    pass


def test_what_the_caller_of_a_generator_draws() -> None:
    draw = random.random
    assert not stretches(draw, nothing, draw).interleaved
    assert not stretches(draw, np.random.rand, draw).interleaved
    assert not stretches(nothing, draw, nothing).interleaved
    assert stretches(draw, draw, draw).interleaved
    assert stretches(nothing, draw, draw).interleaved
    assert names(stretches(draw, np.random.rand, nothing)) == ["random"]


def test_a_generator_that_is_closed_between_items() -> None:
    states = RandomStates()
    states.start()
    random.random()
    states.pause()
    left = random.getstate()
    np.random.rand()
    states.stop()
    assert names(states) == outputs(states) == ["random"]
    random.seed(9)
    restore(states.after)
    assert random.getstate() == left


# Libraries that are loaded meanwhile -------------------------------------------------------------


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """NumPy's generator is not loaded until the function is called."""
    module = sys.modules["numpy.random.mtrand"]
    monkeypatch.delitem(sys.modules, "numpy.random.mtrand")
    return lambda: sys.modules.__setitem__("numpy.random.mtrand", module)


def test_a_library_that_is_only_loaded(unloaded: Any) -> None:
    states = observed(lambda: (unloaded(), _randomness.note_new_libraries()))
    assert (states.inputs, states.after, states.unseeded) == ([], None, [])


def test_drawing_from_what_has_just_been_loaded(unloaded: Any) -> None:
    states = observed(lambda: (unloaded(), _randomness.note_new_libraries(), np.random.rand()))
    assert (states.inputs, outputs(states), states.unseeded) == ([], ["numpy"], ["numpy"])


def test_seeding_what_has_just_been_loaded(unloaded: Any) -> None:
    states = observed(lambda: (unloaded(), _randomness.note_new_libraries(), np.random.seed(1)))
    assert (states.inputs, outputs(states), states.unseeded) == ([], ["numpy"], [])


def test_what_no_one_has_looked_at_counts_as_drawn_from(unloaded: Any) -> None:
    states = observed(unloaded)
    assert (states.inputs, outputs(states), states.unseeded) == ([], ["numpy"], ["numpy"])


class FakeTorch(ModuleType):
    """As much of torch as is used here."""

    uint8 = "uint8"

    def __init__(self) -> None:
        super().__init__("torch")
        self.content = bytes(8)
        self.default_generator = self
        self.manual_seed = lambda seed: setattr(self, "content", bytes([seed] * 8))
        self.set_rng_state = self.set_state

    def get_rng_state(self) -> Any:
        return self

    def numpy(self) -> bytes:
        return self.content

    def set_state(self, state: Any) -> None:
        self.content = bytes(state)

    def frombuffer(self, content: Any, dtype: str) -> Any:
        return content


def test_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch: Any = FakeTorch()
    monkeypatch.setitem(sys.modules, "torch", torch)
    found = state_digest("torch")

    def draw() -> None:
        torch.content = b"drawn..."

    states = observed(draw)
    assert states.inputs == [("torch", found)]
    torch.content = bytes(8)
    restore(states.after)
    assert torch.content == b"drawn..."
    assert names(observed(lambda: torch.manual_seed(4))) == []

    def forked() -> None:
        kept = torch.content
        draw()
        torch.set_rng_state(kept)

    torch.content = bytes(8)
    assert names(observed(forked)) == ["torch"]


# Keys --------------------------------------------------------------------------------------------


def test_the_state_of_generators_is_no_part_of_keys() -> None:
    import hozon

    @hozon.persistent_cache
    def draws() -> Any:
        random.seed(1)
        np.random.seed(1)
        return random.random(), random.shuffle([1, 2]), np.random.rand()

    key = draws.cache_key()
    random.random()
    np.random.rand()
    assert draws.cache_key() == key
    keys = []
    observed(lambda: keys.append(draws.cache_key()))
    assert keys == [key]


SCHEDULER = {"__name__": "distributed.fake", "random": random}
exec("def draw():\n    return random.random(), random.choice('ab')", SCHEDULER)


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Draws as Dask's workers do: in a thread and in code of their own."""
    monkeypatch.setitem(sys.modules, "distributed", ModuleType("distributed"))

    def draw() -> None:
        thread = threading.Thread(target=SCHEDULER["draw"])
        thread.start()
        thread.join()

    return draw


def test_what_a_scheduler_of_workers_draws_for_itself_is_no_input(scheduler: Callable[[], None]) -> None:
    states = observed(scheduler)
    assert (states.inputs, states.after) == ([], None)
    assert "random" not in vars(random._inst)  # type: ignore[attr-defined]


def test_what_a_computation_draws_beside_a_scheduler_is_one(scheduler: Callable[[], None]) -> None:
    found = []

    def draws_after_it() -> None:
        scheduler()
        found.append(state_digest("random"))
        random.random()
        scheduler()

    states = observed(draws_after_it)
    assert states.inputs == [("random", found[0])]
    assert outputs(states) == ["random"]
    assert names(observed(lambda: (random.gauss(0, 1), scheduler()))) == ["random"]


def test_a_draw_hidden_between_the_states_of_a_scheduler_is_one(
    scheduler: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = random.getstate

    def interrupted() -> Any:
        state = plain()
        random._inst.__class__.random(random._inst)  # type: ignore[attr-defined]
        return state

    def meanwhile() -> None:
        monkeypatch.setattr(random, "getstate", interrupted)
        scheduler()
        monkeypatch.setattr(random, "getstate", plain)

    assert names(observed(meanwhile)) == ["random"]


def test_other_code_in_another_thread_counts_beside_a_scheduler(scheduler: Callable[[], None]) -> None:
    def asked_of_a_thread() -> None:
        thread = threading.Thread(target=random.random)
        thread.start()
        thread.join()

    assert names(observed(asked_of_a_thread)) == ["random"]
    assert names(observed(SCHEDULER["draw"])) == ["random"]


def test_keys_do_not_see_what_stands_for_a_source_of_numbers(
    scheduler: Callable[[], None], fresh: Any
) -> None:
    import hozon

    @hozon.persistent_cache
    def draw() -> float:
        return random.random() + random.getrandbits(3) + random.choice([1, 2])

    before = draw.cache_key()
    during: list[str] = []
    observed(lambda: during.append(hozon.persistent_cache(draw.__wrapped__).cache_key()))
    assert during == [before]
