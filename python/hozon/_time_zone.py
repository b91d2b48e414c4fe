"""The time zone that local times are told in, by what it says and not by its name."""

from __future__ import annotations

import os
import time

from hozon._hozon import value_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Moments, half a year apart, whose local times tell most zones apart. Where a zone has a file, a few of them
# tell that it is the one that holds.
_MOMENTS = range(0, 2**31 - 1, 15_778_800)
_FEW_MOMENTS = _MOMENTS[::15]

_FOLDERS = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")

# Beneath `os.environ`: this is asked at every hit.
_VARIABLES = getattr(os.environ, "_data", os.environ)
_TZ = os.environ.encodekey("TZ")

_known: dict[tuple[Any, ...], bytes] = {}

_MOST_KNOWN = 64


def digest() -> bytes:
    """32 bytes: the same for the same zone, however it was set."""
    # What `time.tzset` has taken in, what a function of C's may take in next, and what holds now.
    told = time.tzname, _VARIABLES.get(_TZ), time.localtime(_MOMENTS[0]), time.localtime(_MOMENTS[-1])
    found = _known.get(told)
    if found is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        found = _known[told] = value_digest(_in_full())
    return found


def _hour(moment: int) -> tuple[Any, ...]:
    local = time.localtime(moment)
    return local[:6], local.tm_isdst, local.tm_zone


def _in_full() -> tuple[Any, ...]:
    hours = [_hour(moment) for moment in _FEW_MOMENTS]
    if {hour[1:] for hour in hours} == {(0, "UTC")}:
        # A zone of this name is the same with and without a file.
        return time.tzname, hours
    return time.tzname, hours, _file() or [_hour(moment) for moment in _MOMENTS]


def _file() -> bytes | None:
    """What the zone's file holds; None where there is none."""
    wanted = os.environ.get("TZ")
    if wanted is None:
        files = ["/etc/localtime"]
    else:
        folders = [os.environ["TZDIR"]] if "TZDIR" in os.environ else _FOLDERS
        files = [os.path.join(folder, wanted.removeprefix(":")) for folder in folders]
    for file in files:
        try:
            with open(file, "rb") as opened:
                return opened.read()
        except (OSError, ValueError):
            continue
    return None
