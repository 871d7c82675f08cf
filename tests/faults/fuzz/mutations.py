"""Ways to damage a file, as pure functions: the same content and the same random numbers give the same damage."""

from __future__ import annotations

import random
from collections.abc import Callable

Mutation = Callable[[bytearray, random.Random], bytearray]

#: Sizes and offsets on which parsers have stumbled.
NASTY = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)


def flip_bits(content: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 2, 8, 64))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def set_bytes(content: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 4, 32))):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return content


def set_number(content: bytearray, rng: random.Random) -> bytearray:
    """A nasty number in place of 1, 2 or 4 bytes, mostly near the beginning, where the headers are."""
    for _ in range(rng.choice((1, 1, 3))):
        size, order = rng.choice((1, 2, 4)), rng.choice(("big", "little"))
        at = rng.randrange(min(len(content), rng.choice((64, 512, len(content)))))
        number = rng.choice(NASTY) & ((1 << 8 * size) - 1)
        content[at : at + size] = number.to_bytes(size, "little" if order == "little" else "big")
    return content


def cut_off(content: bytearray, rng: random.Random) -> bytearray:
    return content[: rng.randrange(len(content)) + 1]


def leave_out(content: bytearray, rng: random.Random) -> bytearray:
    at, length = place(content, rng)
    return content[:at] + content[at + length :]


def repeat(content: bytearray, rng: random.Random) -> bytearray:
    at, length = place(content, rng)
    return content[:at] + content[at : at + length] * rng.choice((2, 3, 20)) + content[at + length :]


def blank(content: bytearray, rng: random.Random) -> bytearray:
    at, length = place(content, rng)
    content[at : at + length] = bytes([rng.choice((0, 0xFF))]) * length
    return content


def swap(content: bytearray, rng: random.Random) -> bytearray:
    (first, length), second = place(content, rng), rng.randrange(len(content))
    here, there = content[first : first + length], content[second : second + length]
    content[first : first + len(there)], content[second : second + len(here)] = there, here
    return content


def insert(content: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(content))
    return content[:at] + rng.randbytes(rng.choice((1, 4, 100))) + content[at:]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    set_bytes,
    set_number,
    cut_off,
    leave_out,
    repeat,
    blank,
    swap,
    insert,
)


def place(content: bytearray, rng: random.Random) -> tuple[int, int]:
    return rng.randrange(len(content)), rng.choice((1, 4, 16, 256, 4096))


def mutated(seeds: list[bytes], seed: int, number: int) -> bytes:
    """The `number`-th damaged file: one to three mutations of one of the seeds, or the halves of two put together."""
    rng = random.Random(f"{seed}/{number}")
    content = bytearray(rng.choice(seeds))
    if rng.random() < 0.05:
        other = rng.choice(seeds)
        content = content[: rng.randrange(len(content))] + bytearray(other[rng.randrange(len(other)) :])
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice(MUTATIONS)(content or bytearray(b"\0"), rng)
    return bytes(content)
