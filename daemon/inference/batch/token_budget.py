"""How much is under way at once. Halved when memory is short, and given back as answers are finished."""

from __future__ import annotations

#: Tiles that are looked at, and tokens that are read, between two tokens of those being written.
TILES_A_ROUND = 8
TOKENS_A_ROUND = 1024
FEWEST_TOKENS = 64


class TokenBudget:
    """`rows` answers at most, `tokens` of keys and values over all rows, of which each takes whole blocks."""

    def __init__(self, *, rows: int, tokens: int, block: int) -> None:
        self.rows, self.block = rows, block
        self.tokens = self.full = tokens
        self.tiles_per_step, self.tokens_per_step = TILES_A_ROUND, TOKENS_A_ROUND

    def capacity(self, tokens: int) -> int:
        """What a row of at most so many tokens takes."""
        return -(-tokens // self.block) * self.block

    def halve(self, used: int) -> None:
        """The memory that `used` tokens take was too much."""
        self.tokens = min(self.tokens, used) // 2

    def shrink(self) -> bool:
        """Make rounds smaller; False when they are as small as can be."""
        before = (self.tiles_per_step, self.tokens_per_step)
        self.tiles_per_step = max(1, self.tiles_per_step // 2)
        self.tokens_per_step = max(FEWEST_TOKENS, self.tokens_per_step // 2)
        return before != (self.tiles_per_step, self.tokens_per_step)

    def recover(self, room: int) -> None:
        """An answer that took so much room was finished: dare that much more."""
        self.tokens = min(self.full, self.tokens + room)
        self.tiles_per_step = min(TILES_A_ROUND, 2 * self.tiles_per_step)
        self.tokens_per_step = min(TOKENS_A_ROUND, 2 * self.tokens_per_step)
