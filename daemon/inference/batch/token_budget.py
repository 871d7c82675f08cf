"""How much runs at once. Halved when memory runs out, and raised again as answers finish."""

from __future__ import annotations

#: Tiles that are encoded and tokens that are prefilled between two decode steps.
TILES_PER_STEP = 8
TOKENS_PER_STEP = 1024
MIN_TOKENS_PER_STEP = 64


class TokenBudget:
    """At most `max_sequences` sequences, and `max_tokens` in the KV cache, where each slot takes whole blocks."""

    def __init__(self, *, max_sequences: int, max_tokens: int, block: int) -> None:
        self.max_sequences, self.block = max_sequences, block
        self.max_tokens = self.initial_max_tokens = max_tokens
        self.tiles_per_step, self.tokens_per_step = TILES_PER_STEP, TOKENS_PER_STEP

    def capacity(self, tokens: int) -> int:
        """What a slot for that many tokens takes: whole blocks."""
        return -(-tokens // self.block) * self.block

    def halve(self, used: int) -> None:
        """The memory of `used` tokens was too much."""
        self.max_tokens = min(self.max_tokens, used) // 2

    def shrink(self) -> bool:
        """Make steps smaller; False when they are as small as possible."""
        before = (self.tiles_per_step, self.tokens_per_step)
        self.tiles_per_step = max(1, self.tiles_per_step // 2)
        self.tokens_per_step = max(MIN_TOKENS_PER_STEP, self.tokens_per_step // 2)
        return before != (self.tiles_per_step, self.tokens_per_step)

    def recover(self, capacity: int) -> None:
        """A sequence of that capacity has finished: allow as many tokens more."""
        self.max_tokens = min(self.initial_max_tokens, self.max_tokens + capacity)
        self.tiles_per_step = min(TILES_PER_STEP, 2 * self.tiles_per_step)
        self.tokens_per_step = min(TOKENS_PER_STEP, 2 * self.tokens_per_step)
