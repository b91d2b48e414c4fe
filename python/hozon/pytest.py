"""`hozon.pytest.fixture`: fixtures whose values are kept on disk.

    import hozon.pytest

    @hozon.pytest.fixture(scope="session")
    def table(rows):
        return expensive(rows)

pytest is imported by this module alone: `import hozon` does without.
"""

from __future__ import annotations

import functools
import inspect

import pytest

from hozon._errors import HozonError
from hozon._persistent import persistent_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["fixture"]


class Request:
    """What a cached fixture sees of pytest's `request`: the parameter, which enters the key."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        # Without parameters there is no such attribute.
        if hasattr(request, "param"):
            self.param = request.param

    def __hozon_digest__(self) -> object:
        return vars(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "param":
            raise HozonError("a cached fixture reads request.param, but it has no parameters (params=[...])")
        raise HozonError(
            f"a cached fixture reads request.{name}, which cannot enter its key: it sees request.param "
            "alone. Let it take what it needs as an argument: another fixture that gives it"
        )


def fixture(
    function: Callable[..., Any] | None = None,
    *,
    scope: Any = "function",
    params: Iterable[object] | None = None,
    autouse: bool = False,
    ids: Any = None,
    name: str | None = None,
    **cache: Any,
) -> Any:
    """A pytest fixture whose value is kept on disk, as `persistent_cache` keeps that of a function.

    A stored value is used again only if the fixture's code and all that it reaches, the values of the
    fixtures that it takes as arguments, `request.param`, and the files, environment variables and random
    states that it looked at are what they were. Each use in its scope gets a value of its own, as pytest
    gives it. Under pytest-xdist one process computes, and the others wait for its result.

        @hozon.pytest.fixture(scope="session")
        def model(table): ...

        @hozon.pytest.fixture(params=[10, 100], ignore=["tmp_path"])
        def rows(request, tmp_path): ...

    Args:
        function: The fixture's function.
        scope, params, autouse, ids, name: As those of `pytest.fixture`.
        **cache: The parameters of `persistent_cache` but for its name: `ttl`, `ignore`, `save_path`, ...

    Raises:
        TypeError: When decorating: the fixture yields or is a coroutine function, or a parameter is
            neither pytest's nor `persistent_cache`'s.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        _refuse(function)
        cached = _with_request(persistent_cache(**cache)(function), function)
        return pytest.fixture(scope=scope, params=params, autouse=autouse, ids=ids, name=name)(cached)

    return decorate if function is None else decorate(function)


def _refuse(function: Any) -> None:
    """Raises TypeError for what cannot be a cached fixture."""
    if not inspect.isfunction(function):
        what = "a fixture already" if "ixture" in type(function).__name__ else f"{function!r}"
        raise TypeError(
            f"hozon.pytest.fixture stands in place of pytest.fixture, on a function, not on {what}"
        )
    where = f"the cached fixture {function.__name__!r}"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{where} is async: let a plain function return the value, or use pytest.fixture")
    if inspect.isgeneratorfunction(function):
        raise TypeError(
            f"{where} yields: what stands behind its `yield` would not be done for a stored value. Let it "
            "return the value, and clean up in a fixture of pytest's that takes it as an argument"
        )


def _with_request(cached: Any, function: Callable[..., Any]) -> Any:
    if "request" not in inspect.signature(function).parameters:
        return cached

    @functools.wraps(function)
    def with_request(*args: Any, request: pytest.FixtureRequest, **named: Any) -> Any:
        return cached(*args, request=Request(request), **named)

    return with_request
