"""From a computation's results to a store's outputs, and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from hozon._errors import StoreError
from hozon._hozon import Hit
from hozon._pickling import loads, packed
from hozon._running import apply
from hozon._runtime import WAIT_SECONDS, warn_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from hozon._config import Options
    from hozon._hozon import Keyed, Store, Trace, Turn
    from hozon._pickling import Output
    from hozon._running import Run


def unpacked(hit: Hit, namespace: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """The outputs of a hit by name, each with its codec."""
    return {
        name: (codec, None if codec == "deleted" else loads(payload, buffers, namespace=namespace))
        for name, codec, payload, buffers in hit.outputs()
    }


def begin(store: Store, keyed: Keyed, options: Options) -> Hit | Turn:
    """Looks a key up, or waits for the turn to compute it. What is older than its ttl is a miss."""
    begun = store.begin(keyed.key, WAIT_SECONDS, options.project)
    if not isinstance(begun, Hit) or not is_too_old(begun, options.ttl):
        return begun
    forget(store, keyed.key)
    return store.begin(keyed.key, WAIT_SECONDS, options.project)


def is_too_old(hit: Hit, ttl: float | None) -> bool:
    return ttl is not None and time.time() - hit.created >= ttl


def forget(store: Store, key: bytes) -> None:
    """Removes an entry that must not be used. A read-only store keeps it: then it is computed anew."""
    try:
        store.forget(key)
    except StoreError as error:
        warn_once("forget", "", str(error))


def note_miss(store: Store, keyed: Keyed, turn: Turn, name: str) -> None:
    """Counts a miss, and warns of what a person should know: damage, and code that cannot be followed."""
    store.record_miss(keyed.key, name, turn.why)
    if turn.fault:
        warn_once("damage", name, f"{name} is computed anew: {turn.why}")
    unseen = keyed.unseen()
    if unseen:
        what = ", ".join(f"`{part}`" for part in unseen)
        warn_once(
            "unseen",
            name,
            f"{name} uses {what}: hozon cannot follow the code that runs there, so an edit of it goes unseen",
        )


def restored(
    store: Store, keyed: Keyed, hit: Hit, options: Options, name: str, namespace: dict[str, Any]
) -> dict[str, tuple[str, Any]] | None:
    """The outputs of a hit, whose effects are done again; or None where they cannot be had: warned of,
    forgotten, a miss."""
    try:
        outputs = unpacked(hit, namespace)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        warn_once(
            "restore", name, f"the stored result of {name} cannot be restored ({why}); it is computed anew"
        )
        forget(store, keyed.key)
        return None
    apply(outputs, hit.trace, options)
    return outputs


class Kept(NamedTuple):
    """What was stored of a run."""

    key: bytes
    outputs: list[Output]
    trace: Trace


def keep(
    store: Store,
    run: Run,
    *,
    kind: str,
    place: str,
    namespace: dict[str, Any],
    results: Callable[[], list[tuple[str, str, Any]]],
) -> Kept | None:
    """Stores what a run gave: name, codec and value of each result. What cannot be stored is warned of
    once, and the result is the caller's all the same."""
    keyed, name = run.keyed, run.name
    if store.is_read_only():
        return None
    changed = keyed.changed_inputs()
    if changed:
        names = ", ".join(f"`{changed_name}`" for changed_name in changed)
        message = f"{name} changes {names} in place, so its result is not stored: a hit would not do that"
        warn_once("changed input", name, message)
        return None
    trace = run.trace()
    if trace is None:
        return None
    try:
        outputs = [packed(*result, namespace) for result in results()] + run.effects()
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        warn_once("unstorable", name, f"the result of {name} cannot be stored ({why})")
        return None
    try:
        key = store.put(keyed.key, keyed.recipe(), trace, name, kind, place, run.seconds, outputs, run.notes)
    except (StoreError, OSError) as error:
        warn_once("put", name, f"the result of {name} could not be stored: {error}")
        return None
    return Kept(key, outputs, trace)


def is_worth(when: Any, result: Any, seconds: float, name: str) -> bool:
    """What the user's `when` says of a result. A fault in it is warned of: then nothing is stored."""
    if when is None:
        return True
    try:
        return bool(when(result, seconds))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        warn_once("when", name, f"`when` of {name} failed ({why}), so the result is not stored")
        return False


async def begin_in_task(store: Store, keyed: Keyed, options: Options) -> Hit | Turn:
    """As `begin`, for a task of an event loop: it pauses instead of blocking the loop."""
    import asyncio

    task = id(asyncio.current_task())
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.001
    try:
        while True:
            begun = store.poll(keyed.key, task, options.project)
            if begun is not None and isinstance(begun, Hit) and is_too_old(begun, options.ttl):
                forget(store, keyed.key)
                continue
            if begun is not None:
                return begun
            if time.monotonic() > deadline:
                return store.compute_anyway(keyed.key, task)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)
    except BaseException:
        store.stop_waiting(task)
        raise
