"""BLAKE3 in a page: what the tests need to write files whose digests are right."""

from __future__ import annotations

import struct

_INITIAL = (
    *(0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A),
    *(0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19),
)
_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_MIXED = (
    *((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)),
    *((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)),
)
_MASK = 0xFFFFFFFF
_START, _END, _PARENT, _ROOT = 1, 2, 4, 8
_Words = tuple[int, ...]


def _turned(word: int, by: int) -> int:
    return (word >> by | word << (32 - by)) & _MASK


def _compressed(value: _Words, block: _Words, counter: int, length: int, flags: int) -> _Words:
    counters = (counter & _MASK, counter >> 32)
    state = [*value, *_INITIAL[:4], *counters, length, flags]
    words = block
    for _ in range(7):
        for (a, b, c, d), one, other in zip(_MIXED, words[::2], words[1::2], strict=True):
            for word, first, second in ((one, 16, 12), (other, 8, 7)):
                state[a] = (state[a] + state[b] + word) & _MASK
                state[d] = _turned(state[d] ^ state[a], first)
                state[c] = (state[c] + state[d]) & _MASK
                state[b] = _turned(state[b] ^ state[c], second)
        words = tuple(words[at] for at in _ORDER)
    return tuple(low ^ high for low, high in zip(state[:8], state[8:], strict=True))


def _words(block: bytes) -> _Words:
    return struct.unpack("<16I", block.ljust(64, b"\0"))


def _chunk(data: bytes, counter: int, root: int) -> _Words:
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    value: _Words = _INITIAL
    for number, block in enumerate(blocks):
        flags = _START if number == 0 else 0
        if number == len(blocks) - 1:
            flags |= _END | root
        value = _compressed(value, _words(block), counter, len(block), flags)
    return value


def _tree(data: bytes, counter: int, root: int) -> _Words:
    if len(data) <= 1024:
        return _chunk(data, counter, root)
    left = 1024
    while left * 2 < len(data):
        left *= 2
    children = _tree(data[:left], counter, 0) + _tree(data[left:], counter + left // 1024, 0)
    return _compressed(_INITIAL, children, 0, 64, _PARENT | root)


def blake3(data: bytes) -> bytes:
    """The 32 bytes of the digest."""
    return struct.pack("<8I", *_tree(data, 0, _ROOT))
