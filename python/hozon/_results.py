"""From a computation's results to a store's outputs, and back."""

from __future__ import annotations

import time

from hozon._errors import StoreError, said
from hozon._hozon import Hit
from hozon._pickling import loads, packed
from hozon._records import Record
from hozon._running import CHANGES, NotStored, apply, set_process_alike
from hozon._runtime import WAIT_SECONDS, tell_of_tiers, warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hozon._changes import Before, Loaded
    from hozon._config import Options
    from hozon._hozon import Keyed, Store, Trace, Turn
    from hozon._pickling import Output
    from hozon._running import Run


def unpacked(
    hit: Hit, namespace: dict[str, Any], before: Callable[..., Before] | None = None
) -> tuple[dict[str, tuple[str, Any]], Loaded | None]:
    """The outputs of a hit by name, each with its codec; and the changes of inputs, to be applied."""
    given = hit.outputs()
    loaded = None
    if before is not None and any(name == CHANGES for name, *_ in given):
        # The first is the result, in one pickle with the changes.
        (first, codec, payload, buffers), *given = given
        loaded = before(snapshots=False).loads(payload, buffers, namespace=namespace)
        outputs: dict[str, tuple[str, Any]] = {first: (codec, loaded.result)}
    else:
        outputs = {}
    for name, codec, payload, buffers in given:
        value = loads(payload, buffers, namespace=namespace) if payload else None
        outputs[name] = codec, value
    return outputs, loaded


def numbered(keyed: Keyed, root: Any = None, **named: Any) -> Before:
    """`Before.of`. A hit that changes nothing loads nothing for it."""
    from hozon._changes import Before

    return Before.of(keyed, root, **named)


def begin(store: Store, keyed: Keyed, options: Options, name: str) -> Hit | Turn:
    """Looks a key up, or waits for the turn to compute it. What is older than its ttl is a miss."""
    begun = store.begin(keyed.key, name, WAIT_SECONDS, options.project)
    if not isinstance(begun, Hit) or not is_too_old(begun, options.ttl):
        return begun
    forget(store, keyed.key, "expired")
    return store.begin(keyed.key, name, WAIT_SECONDS, options.project)


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
    if store.has_tiers:
        tell_of_tiers()
    if turn.fault:
        warn_once("damage", name, f"{name} is computed anew: {turn.why}")
    unseen = keyed.unseen()
    if unseen:
        what = ", ".join(f"`{part}`" for part in unseen)
        warn_once(
            "unseen",
            name,
            f"{name} uses {what}: hozon cannot follow the code that runs there, so every local source "
            "counts; what that code reads of other modules' state goes unseen",
        )


def accepted(store: Store, keyed: Keyed, options: Options, name: str) -> Hit | None:
    """At a miss: an earlier result that a person has said this code gives, by `hozon accept`."""
    if not store.has_acceptance(name):
        return None
    try:
        bound = store.accepted_entry(keyed.recipe(options.explain_values), name)
        return None if bound is None else store.get(keyed.key, name, options.project)
    except StoreError as error:
        warn_once("accept", name, f"what was accepted for {name} cannot be used: {error}")
        return None


def restored(
    store: Store,
    keyed: Keyed,
    hit: Hit,
    options: Options,
    name: str,
    namespace: dict[str, Any],
    before: Callable[..., Before],
) -> dict[str, tuple[str, Any]] | None:
    """The outputs of a hit, whose effects are had again; or None where they cannot be had: warned of,
    forgotten, a miss. `before` numbers the objects that this call may change."""
    try:
        outputs, loaded = unpacked(hit, namespace, before)
        set_process_alike(outputs)
    except Exception as error:
        from hozon._mutable import Mismatch

        if isinstance(error, Mismatch):
            return None
        why = said(error)
        warn_once(
            "restore", name, f"the stored result of {name} cannot be restored ({why}); it is computed anew"
        )
        forget(store, keyed.key, "unusable")
        return None
    if loaded is not None:
        loaded.apply()
    apply(outputs, hit.trace, options)
    return outputs


# Bytes.
_LARGE_PAYLOAD = 1 << 20


class NotWorth(NotStored):
    """The result may be stored, but that would save nothing: nobody has to be warned of it."""


class Kept(Record):
    """What was stored of a run."""

    key: bytes
    outputs: list[Output]
    trace: Trace | None


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
    once, and remembered for `hozon why`; the result is the caller's all the same."""
    from hozon._mutable import Unsupported

    if store.is_read_only():
        note_run(store, run.keyed, run.name, run.seconds, "the store can only be read")
        return None
    error: Exception
    try:
        kept = _stored(store, run, kind, place, namespace, results())
    except NotWorth as refusal:
        note_run(store, run.keyed, run.name, run.seconds, str(refusal))
        return None
    except NotStored as refusal:
        why_not, error = str(refusal), refusal
    except Unsupported as change:
        why_not, error = f"it changes an input in place, and a hit could not: {change}", change
    except (StoreError, OSError) as failure:
        why_not, error = f"it could not be stored: {failure}", failure
    except Exception as failure:
        why_not, error = f"it cannot be stored ({said(failure)})", failure
    else:
        run.warn()
        return kept
    message = f"the result of {run.name} is not stored: {why_not}"
    warn_once(f"unstored {type(error).__name__}", run.name, message)
    note_run(store, run.keyed, run.name, run.seconds, why_not)
    return None


def _stored(
    store: Store,
    run: Run,
    kind: str,
    place: str,
    namespace: dict[str, Any],
    results: list[tuple[str, str, Any]],
) -> Kept:
    trace = run.trace()
    first, *others = results
    outputs = [*run.packed(*first, namespace), *(packed(*other, namespace) for other in others)]
    if kind in ("function", "block"):
        _check_worth(outputs, run)
    outputs += run.effects()
    recipe = run.keyed.recipe(run.options.explain_values)
    most = run.options.max_size
    key = store.put(
        run.keyed.key, recipe, trace, run.name, kind, place, run.seconds, outputs, run.notes, most
    )
    # By the key of its entry, which is another one where the computation looked at something while it ran.
    store.record_run(key, run.name, run.seconds, "")
    return Kept(key=key, outputs=outputs, trace=trace if len(trace) else None)


def _check_worth(outputs: list[Output], run: Run) -> None:
    """Raises `NotWorth` if reading the result back would take longer than computing it.

    Unpickling takes at least as long as pickling, which has just been timed. Memory out of band is mapped,
    and costs nothing to read back; a small result is read in some microseconds, or had from memory.
    """
    in_band = sum(len(payload) for _, _, payload, _ in outputs)
    if in_band >= _LARGE_PAYLOAD and run.pickling_seconds > run.seconds:
        raise NotWorth("reading it back takes longer than computing it")


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


async def begin_in_task(store: Store, keyed: Keyed, options: Options, name: str) -> Hit | Turn:
    """As `begin`, for a task of an event loop: it pauses instead of blocking the loop."""
    import asyncio

    task = id(asyncio.current_task())
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.001
    try:
        while True:
            begun = store.poll(keyed.key, name, task, options.project)
            if begun is not None and isinstance(begun, Hit) and is_too_old(begun, options.ttl):
                forget(store, keyed.key, "expired")
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
