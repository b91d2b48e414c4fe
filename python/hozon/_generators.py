"""Generators that are recorded, and played back from what was stored."""

from __future__ import annotations

from hozon._runtime import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any

    from hozon._running import Run

# Types whose values no consumer can change.
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})


class Items:
    """What a generator has given: it can be stored if the consumer has changed none of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: list[Any] = []
        self.digests: list[bytes | None] = []
        self.interactive = False

    def add(self, item: Any) -> None:
        self.items.append(item)
        self.digests.append(None if type(item) in _ATOMS else _digest(item))

    def was_sent(self, sent: Any, thrown: BaseException | None) -> None:
        self.interactive = self.interactive or sent is not None or thrown is not None

    def hold(self) -> bool:
        if self.interactive:
            warn_once(
                "sent", self.name, f"{self.name} was sent values or exceptions, so its items are not stored"
            )
            return False
        for item, digest in zip(self.items, self.digests, strict=True):
            if digest is not None and _digest(item) != digest:
                warn_once("items", self.name, f"items of {self.name} were changed while it ran: not stored")
                return False
        return True


def _digest(value: Any) -> bytes | None:
    from hozon._errors import UndigestibleError
    from hozon._hozon import value_digest

    try:
        return value_digest(value)
    except UndigestibleError:
        return None


def recorded(generator: Generator[Any, Any, Any], seen: Items, run: Run) -> Generator[Any, Any, Any]:
    """Drives a generator as `yield from` does; watches it while it runs, and not its consumer."""
    with run:
        try:
            sent = thrown = None
            while True:
                try:
                    # `next` suits iterators that are no generators.
                    idle = sent is None and thrown is None
                    item = next(generator) if idle else _resumed(generator, sent, thrown)
                except StopIteration as stop:
                    return stop.value
                thrown = None
                seen.add(item)
                run.pause()
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:
                    sent, thrown = None, error
                finally:
                    run.resume()
                seen.was_sent(sent, thrown)
        finally:
            generator.close()


def _driven(
    generator: Generator[Any, Any, Any], sent: Any, thrown: BaseException | None
) -> Generator[Any, Any, Any]:
    """`yield from` for a generator that has begun and is sent something first."""
    try:
        while True:
            try:
                idle = sent is None and thrown is None
                item = next(generator) if idle else _resumed(generator, sent, thrown)
            except StopIteration as stop:
                return stop.value
            sent = thrown = None
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                thrown = error
    finally:
        generator.close()


def _resumed(generator: Generator[Any, Any, Any], sent: Any, thrown: BaseException | None) -> Any:
    return generator.send(sent) if thrown is None else generator.throw(thrown)


def played(
    items: list[Any], returned: Any, start: Callable[[], Generator[Any, Any, Any]]
) -> Generator[Any, Any, Any]:
    """Gives stored items. A value or an exception that is sent needs the generator itself, which is run
    to the same item then."""
    for index, item in enumerate(items):
        sent = thrown = None
        try:
            sent = yield item
        except GeneratorExit:
            raise
        except BaseException as error:
            thrown = error
        if sent is not None or thrown is not None:
            generator = start()
            for _ in range(index + 1):
                next(generator)
            return (yield from _driven(generator, sent, thrown))
    return returned


async def advanced(generator: AsyncGenerator[Any, Any], sent: Any, thrown: BaseException | None) -> Any:
    """The next item of an asynchronous generator that is sent something."""
    return await (generator.asend(sent) if thrown is None else generator.athrow(thrown))


async def recorded_async(
    generator: AsyncGenerator[Any, Any],
    seen: Items,
    run: Run,
    finish: Callable[[], None],
    close: Callable[[], None],
) -> AsyncGenerator[Any, Any]:
    """As `recorded`, for an asynchronous generator, which cannot give its end back: `finish` is called
    if it comes to its end by itself, `close` in any case."""
    try:
        with run:
            sent = thrown = None
            while True:
                try:
                    item = await advanced(generator, sent, thrown)
                except StopAsyncIteration:
                    break
                thrown = None
                seen.add(item)
                run.pause()
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:
                    sent, thrown = None, error
                finally:
                    run.resume()
                seen.was_sent(sent, thrown)
        finish()
    finally:
        await generator.aclose()
        close()


async def played_async(
    items: list[Any], start: Callable[[], AsyncGenerator[Any, Any]]
) -> AsyncGenerator[Any, Any]:
    """As `played`, for an asynchronous generator."""
    generator = None
    sent = thrown = None
    index = 0
    try:
        while True:
            if generator is None and (sent is not None or thrown is not None):
                generator = start()
                for _ in range(index):
                    await anext(generator)
            if generator is None and index == len(items):
                return
            try:
                item = items[index] if generator is None else await advanced(generator, sent, thrown)
            except StopAsyncIteration:
                return
            index += 1
            sent = thrown = None
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                thrown = error
    finally:
        if generator is not None:
            await generator.aclose()
