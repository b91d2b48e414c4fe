"""hozon: cached results for notebooks and scripts. Never stale, never lost, never in the way, fast."""

from __future__ import annotations

from hozon._blocks import cached_context
from hozon._digests import register_digest
from hozon._errors import (
    BlockError,
    HozonError,
    HozonWarning,
    NotSavedError,
    StoreError,
    UndigestibleError,
)
from hozon._hozon import __version__
from hozon._persistent import persistent_cache
from hozon._saved import load, save

__all__ = [
    "BlockError",
    "HozonError",
    "HozonWarning",
    "NotSavedError",
    "StoreError",
    "UndigestibleError",
    "__version__",
    "cached_context",
    "load",
    "persistent_cache",
    "register_digest",
    "save",
]
