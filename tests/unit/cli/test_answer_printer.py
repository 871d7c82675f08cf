"""An answer on a terminal: its words once each, as they come; elsewhere, whole."""

from __future__ import annotations

import pytest

from cli.answer_printer import AnswerPrinter


def test_whole_words_are_printed_as_they_come_and_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    printer = AnswerPrinter(is_terminal=True)
    printed = []
    for text in ("", "A", "A red", "A red", "A red cir", "A red circle on"):
        printer.show(text)
        printed.append(capsys.readouterr().out)
    printer.finish("A red circle on white.")
    assert printed == ["", "", "A", "", " red", " circle"]
    assert capsys.readouterr().out == " on white.\n"


def test_elsewhere_the_answer_is_printed_whole_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    printer = AnswerPrinter(is_terminal=False)
    printer.show("A red circle")
    assert capsys.readouterr().out == ""
    printer.finish("A red circle.")
    assert capsys.readouterr().out == "A red circle.\n"


def test_an_answer_that_begins_again_is_not_printed_twice_while_it_is_equal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = AnswerPrinter(is_terminal=True)
    for text in ("A red circle", "", "A red", "A red circle on "):
        printer.show(text)
    printer.finish("A red circle on white.")
    assert capsys.readouterr().out == "A red circle on white.\n"


def test_an_answer_that_differs_from_what_was_shown_is_printed_whole_in_a_new_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = AnswerPrinter(is_terminal=True)
    printer.show("In this image we ")
    printer.finish("A red circle.")
    assert capsys.readouterr().out == "In this image we\nA red circle.\n"


def test_nothing_in_an_answer_controls_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    printer = AnswerPrinter(is_terminal=True)
    printer.show("Red\x1b[2J and ")
    printer.finish("Red\x1b[2J and blue.\nTwo lines.")
    assert capsys.readouterr().out == "Red\\x1b[2J and blue.\nTwo lines.\n"
