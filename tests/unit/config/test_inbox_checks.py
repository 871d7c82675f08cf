"""Mistakes between settings of several inboxes, through `load_settings`, which finds them with all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load_settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def problems(home: Path, text: str, environ: dict[str, str] = {}) -> list[str]:
    """Each with the file's name taken away."""
    file = home / "config" / "smolwatch.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    try:
        load_settings(home=home, environ=environ)
    except ConfigError as error:
        assert error.exit_code == 78
        return [line.strip().replace(f"{file}, ", "") for line in str(error).splitlines()[1:]]
    return []


def inboxes(*tables: str) -> str:
    return "".join(f"[[inbox]]\n{table}\n" for table in tables)


def test_inboxes_that_do_not_overlap_are_accepted(home: Path) -> None:
    text = inboxes('path = "a"\noutput = "/out/a"', 'path = "/b"\noutput = "/out/b"', 'path = "ab"\nrecipe = "brief"')
    assert problems(home, text) == []
    assert [inbox.path for inbox in load_settings(home=home, environ={}).inboxes] == [
        home / "a",
        Path("/b"),
        home / "ab",
    ]


def test_all_mistakes_of_all_tables_are_reported_at_once_each_with_its_line(home: Path) -> None:
    text = """\
recipe = "brief"
[[inbox]]
path = "/pictures"
recipes = "brief"
formats = ["json", "xmp"]
[[inbox]]
path = "/pictures/2026"
name = "pictures"
patterns = ["[ab"]
settle_seconds = -1
[[inbox]]
path = "/c"
recipe = "alt-txt"
output = "/pictures/out"
[[inbox.folder]]
match = "scans/**"
recipe = "documents"
[model]
device = "gpu"
"""
    assert [line.split(": ")[0] for line in problems(home, text)] == [
        "model.device = 'gpu' (line 19)",
        "inbox.recipes (line 4)",
        "inbox.formats = 'xmp' (line 5)",
        "inbox.patterns = '[ab' (line 9)",
        "inbox.settle_seconds = -1 (line 10)",
        "inbox.name = 'pictures' (line 8)",
        "inbox.path = '/pictures/2026' (line 7)",
        "inbox.output = '/pictures/out' (line 14)",
        "inbox.recipe = 'alt-txt' (line 13)",
        "inbox.folder.recipe = 'documents' (line 17)",
    ]


def test_names_and_folders_that_are_used_twice_are_reported(home: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    text = inboxes(
        f'path = "{tmp_path}/real"', f'path = "{tmp_path}/link"\nname = "real"', f'path = "{tmp_path}/link/below"'
    )
    found = problems(home, text)
    assert [line.split(": ")[0].split(" = ")[0] + line[line.index(" (line") :].split(":")[0] for line in found] == [
        "inbox.name (line 5)",
        "inbox.path (line 4)",
        "inbox.path (line 7)",
        "inbox.path (line 7)",
    ]
    assert found[1].endswith("is the inbox 'real'")
    assert found[2].endswith("lies in the inbox 'real'")


def test_an_inbox_that_holds_another_one_is_reported(home: Path) -> None:
    (problem,) = problems(home, inboxes('path = "/a/b"', 'path = "/a"'))
    assert problem.endswith("holds the inbox 'b'")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("/a", "is the inbox 'a'"),
        ("/a/described", "lies in the inbox 'a'"),
        ("/", "holds the inbox 'a'"),
        ("/b", "is the inbox 'b'"),
        ("/out", "is the output of 'b'"),
        ("/out/a", "lies in the output of 'b'"),
        ("data/sidecars", "lies in smolwatch's own folder data"),
    ],
)
def test_an_output_where_two_files_could_get_one_sidecar_is_reported(home: Path, output: str, reason: str) -> None:
    found = problems(home, inboxes('path = "/b"\noutput = "/out"', f'path = "/a"\noutput = "{output}"'))
    assert any("(line 6)" in line and line.endswith(reason) for line in found)


def test_the_only_inbox_is_checked_in_the_same_way(home: Path) -> None:
    text = '[inbox]\nrecipe = "brif"\noutput = "inbox/described"\n[[inbox.folder]]\nmatch = "a"\nrecipe = "b"\n'
    assert [line.split(": ")[0] for line in problems(home, text)] == [
        f"inbox.output = '{home}/inbox/described' (line 3)",
        "inbox.recipe = 'brif' (line 2)",
        "inbox.folder.recipe = 'b' (line 6)",
    ]


def test_a_recipe_that_the_environment_chooses_is_checked_too(home: Path) -> None:
    (problem,) = problems(home, "", {"SMOLWATCH_INBOX__RECIPE": "brif"})
    assert problem.startswith(
        "inbox.recipe = 'brif' (SMOLWATCH_INBOX__RECIPE): There is no recipe 'brif'. Did you mean"
    )


def test_the_mistakes_of_a_recipes_file_are_reported_beside_those_of_the_inboxes(home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "recipes.toml").write_text("[mine]\nversion = 0\n")
    found = problems(home, inboxes('path = "/a"\nrecipe = "mine"', 'path = "/a/b"'))
    assert any("recipes.toml, line 2" in line for line in found)
    assert any(line.endswith("lies in the inbox 'a'") for line in found)


def test_a_later_layer_overrides_a_key_of_every_inbox_and_a_path_replaces_them(home: Path) -> None:
    text = inboxes('path = "/a"\nsettle_seconds = 3', 'path = "/b"')
    assert problems(home, text) == []
    quick = load_settings(home=home, environ={"SMOLWATCH_INBOX__SETTLE_SECONDS": "0.3"})
    assert [(inbox.name, inbox.settle_seconds) for inbox in quick.inboxes] == [("a", 0.3), ("b", 0.3)]
    one = load_settings(home=home, environ={}, overrides={"inbox.path": "/c"})
    assert [(inbox.name, inbox.path) for inbox in one.inboxes] == [("inbox", Path("/c"))]


def test_a_bad_table_is_reported_even_where_a_path_replaces_it(home: Path) -> None:
    (problem,) = problems(home, inboxes('path = "/a"\nrecpe = "x"'), {"SMOLWATCH_INBOX__PATH": "/c"})
    assert problem.startswith("inbox.recpe (line 3): no such setting; did you mean recipe?")
