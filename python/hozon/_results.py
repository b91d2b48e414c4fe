"""From a computation's results to a store's outputs, and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hozon._errors import StoreError, said
from hozon._hozon import Hit
from hozon._pickling import dumps, loads
from hozon._runtime import WAIT_SECONDS, warn_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from hozon._hozon import Keyed, Store, Turn

    Output = tuple[str, str, bytes, list[tuple[Any, bool]]]


def packed(name: str, codec: str, value: Any, namespace: dict[str, Any]) -> Output:
    """One result as an output. Raises what pickle raises where it cannot be stored.

    `namespace` is where the computation's own classes are found again, whatever its module is called.
    """
    payload, buffers = dumps(value, namespace=namespace)
    return name, codec, payload, [(buffer, _is_read_only(buffer)) for buffer in buffers]


def _is_read_only(buffer: Any) -> bool:
    with buffer.raw() as view:
        return bool(view.readonly)


def unpacked(hit: Hit, namespace: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """The outputs of a hit by name, each with its codec."""
    return {
        name: (codec, None if codec == "deleted" else loads(payload, buffers, namespace=namespace))
        for name, codec, payload, buffers in hit.outputs()
    }


def begin(store: Store, keyed: Keyed, ttl: float | None) -> Hit | Turn:
    """Looks a key up, or waits for the turn to compute it. What is older than `ttl` is a miss."""
    begun = store.begin(keyed.key, WAIT_SECONDS)
    if not isinstance(begun, Hit) or not is_too_old(begun, ttl):
        return begun
    forget(store, keyed.key, "expired")
    return store.begin(keyed.key, WAIT_SECONDS)


def is_too_old(hit: Hit, ttl: float | None) -> bool:
    return ttl is not None and time.time() - hit.created >= ttl


def forget(store: Store, key: bytes, why: str) -> None:
    """Removes an entry that must not be used. A read-only store keeps it: then it is computed anew."""
    try:
        store.forget(key, why)
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


def accepted(store: Store, keyed: Keyed, name: str, turn: Turn) -> Hit | None:
    """At a miss: an earlier result that a person has said this code gives, by `hozon accept`.

    The turn is closed where there is one; else the caller goes on to compute.
    """
    if not store.has_acceptance(name):
        return None
    try:
        key = store.accepted_entry(keyed.recipe(), name)
        hit = None if key is None else store.get(key)
    except StoreError as error:
        warn_once("accept", name, f"what was accepted for {name} cannot be used: {error}")
        return None
    if hit is not None:
        turn.close()
    return hit


def restored(
    store: Store, keyed: Keyed, hit: Hit, name: str, namespace: dict[str, Any]
) -> dict[str, tuple[str, Any]] | None:
    """The outputs of a hit, or None where they cannot be had: warned of, forgotten, a miss."""
    try:
        return unpacked(hit, namespace)
    except Exception as error:
        why = said(error)
        warn_once(
            "restore", name, f"the stored result of {name} cannot be restored ({why}); it is computed anew"
        )
        forget(store, keyed.key, "unusable")
        return None


def keep(
    store: Store,
    keyed: Keyed,
    *,
    name: str,
    kind: str,
    place: str,
    seconds: float,
    pack: Callable[[], list[Output]],
    explain_values: bool = False,
) -> list[Output] | None:
    """Stores results; what cannot be stored is warned of once. Gives what was stored.

    A result is stored only if the computation has left its inputs as they were: a hit would not
    change them again.
    """
    if store.is_read_only():
        note_run(store, keyed, name, seconds, "the store can only be read")
        return None
    changed = keyed.changed_inputs()
    if changed:
        names = ", ".join(f"`{changed_name}`" for changed_name in changed)
        message = f"{name} changes {names} in place, so its result is not stored: a hit would not do that"
        warn_once("changed input", name, message)
        note_run(store, keyed, name, seconds, f"it changes {names} in place")
        return None
    try:
        outputs = pack()
    except Exception as error:
        why = said(error)
        warn_once("unstorable", name, f"the result of {name} cannot be stored ({why})")
        note_run(store, keyed, name, seconds, f"it cannot be stored ({why})")
        return None
    try:
        store.put(keyed.key, keyed.recipe(explain_values), name, kind, place, seconds, outputs)
    except (StoreError, OSError) as error:
        warn_once("put", name, f"the result of {name} could not be stored: {error}")
        note_run(store, keyed, name, seconds, f"it could not be stored: {error}")
        return None
    note_run(store, keyed, name, seconds)
    return outputs


def note_run(store: Store, keyed: Keyed, name: str, seconds: float, unstored: str = "") -> None:
    """Remembers for `hozon why` that a computation ran, and why its result was not stored."""
    store.record_run(keyed.key, name, seconds, unstored)


def is_worth(when: Any, result: Any, seconds: float, name: str) -> bool:
    """What the user's `when` says of a result. A fault in it is warned of: then nothing is stored."""
    if when is None:
        return True
    try:
        return bool(when(result, seconds))
    except Exception as error:
        why = said(error)
        warn_once("when", name, f"`when` of {name} failed ({why}), so the result is not stored")
        return False


async def begin_in_task(store: Store, keyed: Keyed, ttl: float | None) -> Hit | Turn:
    """As `begin`, for a task of an event loop: it pauses instead of blocking the loop."""
    import asyncio

    task = id(asyncio.current_task())
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.001
    try:
        while True:
            begun = store.poll(keyed.key, task)
            if begun is not None and isinstance(begun, Hit) and is_too_old(begun, ttl):
                forget(store, keyed.key, "expired")
                ttl = None
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
