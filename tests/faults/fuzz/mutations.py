"""Ways to damage a file, as pure functions: the same content and the same random numbers give the same damage."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.faults.fuzz.pieces import Piece, Size, pieces, with_true_sums

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


def leave_out_a_piece(content: bytearray, rng: random.Random) -> bytearray:
    piece = some_piece(content, rng)
    return content if piece is None else replaced(content, piece, b"")


def repeat_a_piece(content: bytearray, rng: random.Random) -> bytearray:
    piece = some_piece(content, rng)
    if piece is None:
        return content
    return replaced(content, piece, bytes(content[piece.start : piece.end]) * rng.choice((2, 2, 3, 50)))


def exchange_pieces(content: bytearray, rng: random.Random) -> bytearray:
    """Another of the file's pieces in the place of one."""
    piece, other = some_piece(content, rng), some_piece(content, rng)
    if piece is None or other is None:
        return content
    return replaced(content, piece, bytes(content[other.start : other.end]))


def empty_a_piece(content: bytearray, rng: random.Random) -> bytearray:
    """Nothing in it, with its size saying so."""
    piece = some_piece(content, rng)
    if piece is None:
        return content
    return replaced(content, piece, bytes(content[piece.start : piece.body]), own=True)


def misstate_a_size(content: bytearray, rng: random.Random) -> bytearray:
    piece = some_piece(content, rng)
    if piece is not None and piece.sizes:
        size = piece.sizes[-1]
        size.write(content, rng.choice((*NASTY, size.read(content) + rng.choice((-8, -1, 1, 8)))))
    return content


def rename_a_piece(content: bytearray, rng: random.Random) -> bytearray:
    """The header of another piece in front of what one holds, as long as it is."""
    piece, other = some_piece(content, rng), some_piece(content, rng)
    if piece is not None and other is not None and piece.body - piece.start == other.body - other.start:
        kept = [(size, size.read(content)) for size in piece.sizes[-1:]]
        content[piece.start : piece.body] = content[other.start : other.body]
        for size, value in kept:
            size.write(content, value)
    return content


def disturb_a_piece(content: bytearray, rng: random.Random) -> bytearray:
    """Numbers within one small piece, where headers and tables are."""
    found = [piece for piece in pieces(bytes(content)) if 0 < piece.end - piece.body < 400]
    if found:
        piece = rng.choice(found)
        for _ in range(rng.choice((1, 1, 2, 6))):
            size = rng.choice((1, 2, 4))
            at = rng.randrange(piece.body, piece.end)
            number = rng.choice(NASTY) if rng.random() < 0.5 else rng.getrandbits(32)
            data = (number & ((1 << 8 * size) - 1)).to_bytes(size, "big")
            content[at : at + size] = data[: max(piece.end - at, 1)]
    return content


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
    leave_out_a_piece,
    repeat_a_piece,
    exchange_pieces,
    empty_a_piece,
    misstate_a_size,
    rename_a_piece,
    disturb_a_piece,
    disturb_a_piece,
)
#: How often a PNG's checksums are made true again, so that what lies behind them is reached.
SUMS_ARE_TRUE = 0.7


def some_piece(content: bytearray, rng: random.Random) -> Piece | None:
    found = pieces(bytes(content))
    return rng.choice(found) if found else None


def replaced(content: bytearray, piece: Piece, new: bytes, *, own: bool = False) -> bytearray:
    """With `new` in the piece's place. The sizes around it stay true, and with `own` that of the piece too."""
    by = len(new) - (piece.end - piece.start)
    kept: tuple[Size, ...] = piece.sizes if own else piece.sizes[:-1]
    for size in kept:
        size.write(content, size.read(content) + by)
    if own:
        new = bytes(content[piece.start : piece.body])
    return content[: piece.start] + new + content[piece.end :]


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
    return bytes(with_true_sums(content) if rng.random() < SUMS_ARE_TRUE else content)
