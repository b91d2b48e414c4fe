"""`cache`, `lru_cache` and `persistent_cache` take what those of marimo take, or say what to do."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import hozon

pytestmark = pytest.mark.usefixtures("fresh")

CACHES = {
    "cache": hozon.cache,
    "lru_cache": hozon.lru_cache,
    "persistent_cache": hozon.persistent_cache,
}


def version(x: int) -> str:
    return f"{pytest.__version__} {x}"


@pytest.mark.parametrize("cache", CACHES.values(), ids=CACHES)
def test_pin_modules_pins_whole_versions(cache: Any) -> None:
    pinned = cache(pin_modules=True)(version).cache_key(1)
    assert pinned == cache(pin_sys_libs="patch")(version).cache_key(1)
    plain = cache(pin_modules=False)(version).cache_key(1)
    assert plain == cache(version).cache_key(1)
    assert plain != pinned


def test_a_function_and_its_size_at_once() -> None:
    assert hozon.lru_cache(version, maxsize=3).cache_info().maxsize == 3
    with pytest.raises(TypeError, match="given twice"):
        hozon.lru_cache(3, maxsize=4)  # type: ignore[call-overload]


def test_where_marimo_takes_them_by_place(tmp_path: Any, runs: Any) -> None:
    def double(x: int) -> int:
        runs.add()
        return 2 * x

    folder = str(tmp_path / "store")
    for _ in range(2):
        assert hozon.persistent_cache("doubles", folder, "pickle")(double)(2) == 4
    assert len(runs) == 1
    assert (tmp_path / "store").is_dir()


def test_a_block_with_marimos_parameters(tmp_path: Any, runs: Any) -> None:
    hits = []
    for _ in range(2):
        with hozon.persistent_cache(name="block", save_path=str(tmp_path), method="lazy") as block:
            runs.add()
            value = [1]
        hits.append(block.hit)
    assert (hits, len(runs), value) == ([False, True], 1, [1])


REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda: hozon.cache("block"), TypeError, "with hozon.cached_context('block'):"),
    (lambda: hozon.cache(name="block"), TypeError, "with hozon.cached_context('block'):"),
    (lambda: hozon.lru_cache("block", maxsize=3), TypeError, "with hozon.cached_context('block'):"),
    (lambda: hozon.lru_cache(name="block"), TypeError, "with hozon.cached_context('block'):"),
    (lambda: hozon.cache(version, loader=object), TypeError, "hozon.persistent_cache"),
    (lambda: hozon.persistent_cache("x", method="json"), ValueError, "leave it out"),
    (lambda: hozon.persistent_cache("x", store=object()), TypeError, "give save_path"),
    (lambda: hozon.persistent_cache(fn=version), TypeError, "as the first argument"),
    (lambda: hozon.cache(version, pin_modules="yes"), TypeError, "True or False"),
    (lambda: hozon.cache(version, pin_modules=True, pin_sys_libs="major"), TypeError, "give one of them"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_hozon_does_not_do_says_what_to_do(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("name", CACHES)
def test_every_parameter_of_marimo_has_a_name_here(name: str) -> None:
    """So none is refused as unknown: with a new one of marimo's, this says so."""
    marimo = pytest.importorskip("marimo")
    theirs = {
        parameter.name
        for parameter in inspect.signature(getattr(marimo, name)).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD or parameter.kind is parameter.KEYWORD_ONLY
    }
    ours = inspect.signature(CACHES[name]).parameters
    assert {one for one in theirs if not one.startswith("_")} <= set(ours)
