"""How much is under way at once. Halved when memory is short, and given back as answers are finished."""

from __future__ import annotations

#: Tiles that are looked at, and tokens that are read, between two tokens of those being written.
TILES_A_ROUND = 8
TOKENS_A_ROUND = 1024
FEWEST_TOKENS = 64


class Budget:
    """`rows` answers at most, `tokens` of keys and values over all rows, of which each takes whole blocks."""

    def __init__(self, *, rows: int, tokens: int, block: int) -> None:
        self.rows, self.block = rows, block
        self.tokens = self.full = tokens
        self.tiles_a_round, self.tokens_a_round = TILES_A_ROUND, TOKENS_A_ROUND

    def room(self, tokens: int) -> int:
        """What a row of at most so many tokens takes."""
        return -(-tokens // self.block) * self.block

    def halve(self, used: int) -> None:
        """The memory that `used` tokens take was too much."""
        self.tokens = min(self.tokens, used) // 2

    def shrink(self) -> bool:
        """Make rounds smaller; False when they are as small as can be."""
        before = (self.tiles_a_round, self.tokens_a_round)
        self.tiles_a_round = max(1, self.tiles_a_round // 2)
        self.tokens_a_round = max(FEWEST_TOKENS, self.tokens_a_round // 2)
        return before != (self.tiles_a_round, self.tokens_a_round)

    def recover(self, room: int) -> None:
        """An answer that took so much room was finished: dare that much more."""
        self.tokens = min(self.full, self.tokens + room)
        self.tiles_a_round = min(TILES_A_ROUND, 2 * self.tiles_a_round)
        self.tokens_a_round = min(TOKENS_A_ROUND, 2 * self.tokens_a_round)
