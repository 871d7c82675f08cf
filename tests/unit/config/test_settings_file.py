from __future__ import annotations

from pathlib import Path

import pytest

from config.settings_file import problems_of_table, read_settings_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "smolwatch.toml"


def test_every_value_has_its_line(file: Path) -> None:
    file.write_text('recipe = "brief"\n\n[model]\nrows = 2\n')
    read = read_settings_file(file)
    assert [(choice.key, choice.value, choice.place()) for choice in read.choices] == [
        ("recipe", "brief", f"{file}, line 1"),
        ("model.rows", 2, f"{file}, line 4"),
    ]
    assert not read.inboxes and not read.problems


def test_the_tables_of_several_inboxes_are_apart_from_the_other_settings(file: Path) -> None:
    file.write_text('[[inbox]]\npath = "a"\n[[inbox]]\npath = "b"\nrecipe = ""\n[work]\nmax_attempts = 1\n')
    read = read_settings_file(file)
    assert [choice.key for choice in read.choices] == ["work.max_attempts"]
    assert [[(choice.key, choice.value) for choice in table.choices] for table in read.inboxes] == [
        [("inbox.path", "a")],
        [("inbox.path", "b")],
    ]
    assert [table.place for table in read.inboxes] == [f"{file}, line 1", f"{file}, line 3"]


def test_what_is_wrong_within_a_rule_is_reported_with_the_line_of_the_rule(file: Path) -> None:
    file.write_text(
        '[[inbox]]\npath = "a"\n[[inbox.folder]]\nmatch = "/x"\n[[inbox.folder]]\nmach = "b"\nrecipe = "c"\n'
    )
    (table,) = read_settings_file(file).inboxes
    problems = list(problems_of_table(table))
    assert [problem.split(": ")[0] for problem in problems] == [
        f"inbox.folder.match = '/x' ({file}, line 4)",
        f"inbox.folder.recipe ({file}, line 3)",
        f"inbox.folder.match ({file}, line 5)",
        f"inbox.folder.mach ({file}, line 6)",
    ]
    assert problems[3].endswith("did you mean match?")


def test_an_inbox_without_a_path_and_one_whose_folder_has_no_name_are_mistakes(file: Path) -> None:
    file.write_text('[[inbox]]\nname = "a"\n[[inbox]]\npath = "/"\n')
    first, second = read_settings_file(file).inboxes
    assert list(problems_of_table(first)) == [f"inbox.path ({file}, line 1): is missing"]
    (problem,) = problems_of_table(second)
    assert problem.startswith(f"inbox.name ({file}, line 3): is missing")


def test_both_kinds_of_inbox_in_one_file_are_answered_with_what_to_remove(file: Path) -> None:
    file.write_text('[inbox]\n[[inbox]]\npath = "a"\n')
    (problem,) = read_settings_file(file).problems
    assert problem.startswith(f"{file}: line 2: ")
    assert "remove the line [inbox]" in problem


def test_an_inbox_that_is_no_table_is_a_mistake(file: Path) -> None:
    file.write_text('inbox = ["a"]\n')
    (problem,) = read_settings_file(file).problems
    assert problem.startswith(f"inbox ({file}, line 1): must be a table")
