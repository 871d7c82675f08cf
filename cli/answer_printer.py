"""Prints an answer: word by word on a terminal, whole elsewhere. All text is made safe first."""

from __future__ import annotations

import click

from config.safe_text import safe_text


class AnswerPrinter:
    """`show` gets the text so far, again and again; `finish` the whole text, which may differ from it."""

    def __init__(self, *, is_terminal: bool) -> None:
        self._is_terminal = is_terminal
        self._shown = ""

    def show(self, text: str) -> None:
        """Print the new words, without the last one, which may not be whole."""
        words = text[: max(text.rfind(" "), text.rfind("\n")) + 1].rstrip()
        if self._is_terminal and len(words) > len(self._shown) and words.startswith(self._shown):
            self._print(words)

    def finish(self, text: str) -> None:
        """Print the rest. What is not as it was shown is printed again, whole."""
        if self._shown and not text.startswith(self._shown):
            click.echo()
            self._shown = ""
        self._print(text)
        click.echo()

    def _print(self, text: str) -> None:
        click.echo(safe_text(text[len(self._shown) :], lines=True), nl=False)
        self._shown = text
