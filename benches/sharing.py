"""What whole blobs, content-defined pieces and zstd leave to be stored or sent of a value that was edited.

    make bench-sharing            or: python benches/sharing.py

For each edit, both versions are packed as hozon stores them; columns and arrays are blobs of their own. Told
is how much of the second version is new beside the first: with whole blobs, with pieces of about 1 MiB
(FastCDC), and what zstd leaves of it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import fastcdc
import numpy as np
import pandas as pd
import zstandard
from sklearn.ensemble import RandomForestRegressor

from hozon._pickling import dumps

ROWS = 1_000_000
RANDOM = np.random.default_rng(0)


def frame(rows: int = ROWS) -> pd.DataFrame:
    numbers = np.random.default_rng(1)
    count = max(rows, ROWS)
    return pd.DataFrame(
        {
            "number": numbers.random(count),
            "count": numbers.integers(0, 1000, count),
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(count), unit="s"),
            "text": np.char.add("row ", numbers.integers(0, 100_000, count).astype(str)),
        }
    ).head(rows)


def appended() -> tuple[Any, Any]:
    whole = frame(ROWS)
    return whole.head(ROWS - ROWS // 100).copy(), whole


def one_column() -> tuple[Any, Any]:
    before = frame()
    return before, before.assign(number=before["number"] * 2)


def a_row_removed() -> tuple[Any, Any]:
    before = frame()
    return before, before.drop(index=ROWS // 3).reset_index(drop=True)


def sorted_otherwise() -> tuple[Any, Any]:
    before = frame()
    return before, before.sort_values("number").reset_index(drop=True)


def some_cells() -> tuple[Any, Any]:
    before = RANDOM.random(12_500_000)
    after = before.copy()
    after[RANDOM.integers(0, after.size, 10)] = 0
    return before, after


def scaled() -> tuple[Any, Any]:
    before = RANDOM.random(12_500_000)
    return before, before * 1.01


def more_trees() -> tuple[Any, Any]:
    x = np.random.default_rng(2).random((4000, 10))
    fitted = [
        RandomForestRegressor(count, random_state=0, n_jobs=1).fit(x, x.sum(axis=1)) for count in (50, 55)
    ]
    return fitted[0], fitted[1]


def longer_list() -> tuple[Any, Any]:
    made = [{"id": n, "name": f"n{n}", "at": {"x": n / 7}} for n in range(110_000)]
    return made[:100_000], made


EDITS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "frame, 1 % of rows appended": appended,
    "frame, one column of four computed anew": one_column,
    "frame, one row removed": a_row_removed,
    "frame, sorted otherwise": sorted_otherwise,
    "array of 100 MB, 10 cells set": some_cells,
    "array of 100 MB, scaled": scaled,
    "forest of 50 trees, 5 more": more_trees,
    "list of 100 k dicts, 10 % longer": longer_list,
}


def blobs(value: Any) -> list[bytes]:
    payload, buffers = dumps(value)
    return [payload, *(bytes(buffer.raw()) for buffer in buffers)]


def pieces(blob: bytes) -> Iterator[bytes]:
    if len(blob) < 1 << 20:
        yield blob
        return
    for piece in fastcdc.fastcdc(blob, 256 << 10, 1 << 20, 4 << 20):
        yield blob[piece.offset : piece.offset + piece.length]


def new_parts(before: Iterable[bytes], after: Iterable[bytes]) -> list[bytes]:
    known = {hashlib.blake2b(part).digest() for part in before}
    found = {hashlib.blake2b(part).digest(): part for part in after}
    return [part for digest, part in found.items() if digest not in known]


def size(parts: Iterable[bytes]) -> int:
    return sum(len(part) for part in parts)


def main() -> None:
    compressor = zstandard.ZstdCompressor(level=1)
    print("| edit | value | new, whole blobs | new, pieces | whole blobs, zstd -1 | cutting | zstd |")
    print("|---|---|---|---|---|---|---|")
    for name, edit in EDITS.items():
        before, after = (blobs(value) for value in edit())
        whole = new_parts(before, after)
        known = [piece for blob in before for piece in pieces(blob)]
        started = time.perf_counter()
        now = [piece for blob in after for piece in pieces(blob)]
        cutting = size(after) / (time.perf_counter() - started)
        started = time.perf_counter()
        compressed = sum(len(compressor.compress(blob)) for blob in whole)
        zstd = size(whole) / (time.perf_counter() - started)
        sizes = (size(after), size(whole), size(new_parts(known, now)), compressed)
        told = " | ".join(f"{each / 1e6:.1f} MB" for each in sizes)
        print(f"| {name} | {told} | {cutting / 1e9:.2f} GB/s | {zstd / 1e9:.2f} GB/s |", flush=True)


if __name__ == "__main__":
    main()
