from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError, PermissionDeniedError
from config.keys import known_keys
from config.load import SHIPPED, load_settings, prepare_home
from config.settings import Settings
from config.settings_file import flat


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a home"


def write_config(home: Path, text: str) -> Path:
    file = home / "config" / "smolwatch.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def shipped_choices() -> dict[str, Any]:
    """The shipped example with every setting's "#" taken away; remarks have a space behind theirs."""
    text = re.sub(r"^#(?! |$)", "", SHIPPED.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(flat(tomllib.loads(text)))


def test_without_a_file_every_setting_has_its_default(home: Path) -> None:
    assert load_settings(home=home, environ={}) == Settings(home=home)


def test_the_shipped_example_names_every_setting() -> None:
    assert set(shipped_choices()) == set(known_keys())


def test_the_shipped_example_gives_every_setting_its_default(home: Path) -> None:
    assert load_settings(home=home, overrides=shipped_choices(), environ={}) == Settings(home=home)


def test_the_shipped_example_chooses_nothing_by_itself(home: Path) -> None:
    assert list(flat(tomllib.loads(SHIPPED.read_text(encoding="utf-8")))) == []


def test_the_environment_wins_over_the_file_and_flags_win_over_both(home: Path) -> None:
    write_config(home, '[model]\ndevice = "cpu"\nrows = 2\ndetail = "fast"\n')
    environ = {"SMOLWATCH_MODEL__DEVICE": "mps", "SMOLWATCH_MODEL__ROWS": "3"}
    model = load_settings(home=home, environ=environ, overrides={"model.device": "cuda"}).model
    assert (model.device, model.rows, model.detail) == ("cuda", 3, "fast")


def test_a_flag_that_was_not_given_chooses_nothing(home: Path) -> None:
    assert load_settings(home=home, environ={}, overrides={"model.device": None}) == Settings(home=home)


def test_an_empty_string_chooses_nothing(home: Path) -> None:
    write_config(home, '[inbox]\npath = ""\n')
    settings = load_settings(home=home, environ={"SMOLWATCH_INBOX__PATH": ""})
    assert settings.inbox_path == home / "inbox"


def test_a_list_in_the_environment_is_written_as_in_the_file(home: Path) -> None:
    settings = load_settings(home=home, environ={"SMOLWATCH_INBOX__IGNORE": '["*.bak", "x,y"]'})
    assert settings.inbox.ignore == ("*.bak", "x,y")


def test_a_setting_of_no_group_is_taken_from_the_environment_too(home: Path) -> None:
    assert load_settings(home=home, environ={"SMOLWATCH_RECIPE": "short"}).recipe == "short"


def test_variables_of_others_are_none_of_our_business(home: Path) -> None:
    load_settings(home=home, environ={"PATH": "/bin", "SMOLWATCH_HOME": "/elsewhere", "SMOLWATCH_OTHER": "1"})


def test_every_wrong_thing_of_every_layer_is_named_at_once_with_its_place(home: Path) -> None:
    file = write_config(home, 'colour = 1\n[model]\ndevice = "gpu"\n[work]\nlease_seconds = -1\n')
    with pytest.raises(ConfigError) as raised:
        load_settings(
            home=home,
            environ={"SMOLWATCH_MODEL__ROWS": "many"},
            overrides={"model.device": "cpu", "log.levels": "INFO"},
        )
    lines = str(raised.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [
        f"colour ({file}, line 1)",
        f"model.device = 'gpu' ({file}, line 3)",
        f"work.lease_seconds = -1 ({file}, line 5)",
        "model.rows = 'many' (SMOLWATCH_MODEL__ROWS)",
        "log.levels (the command line)",
    ]
    assert "'auto', 'cpu', 'mps' or 'cuda'" in lines[1]
    assert "did you mean log.level?" in lines[4]
    assert raised.value.exit_code == 78


def test_a_file_that_is_no_toml_is_named_beside_the_other_problems(home: Path) -> None:
    file = write_config(home, "[model\n")
    with pytest.raises(ConfigError) as raised:
        load_settings(home=home, environ={"SMOLWATCH_MODEL__DEVICE": "gpu"})
    assert f"{file}: " in str(raised.value)
    assert "SMOLWATCH_MODEL__DEVICE" in str(raised.value)


@pytest.mark.parametrize(
    ("line", "explained"),
    [
        ("path = ~/Pictures", 'line 2: put the value in straight quotes: path = "~/Pictures"'),
        ("path = /mnt/My Disk  # mine", 'line 2: put the value in straight quotes: path = "/mnt/My Disk"'),
        ("path = \u201c~/Pictures\u201d", 'line 2: put the value in straight quotes: path = "~/Pictures"'),
        ("observer = poll", 'line 2: put the value in straight quotes: observer = "poll"'),
        ("hidden = True", "line 2: write it in lower case: hidden = true"),
        ("settle_seconds = 5,0", "(at line 2"),
        ("ignore = [*.png]", "(at line 2"),
    ],
)
def test_a_value_without_quotes_is_answered_with_the_line_as_it_should_be(
    home: Path, line: str, explained: str
) -> None:
    file = write_config(home, f"[inbox]\n{line}\n")
    with pytest.raises(ConfigError) as raised:
        load_settings(home=home, environ={})
    (problem,) = str(raised.value).splitlines()[1:]
    assert problem.startswith(f"  {file}: ")
    assert explained in problem


def test_an_address_without_quotes_is_not_shown_either(home: Path) -> None:
    write_config(home, "[database]\nurl = postgresql://ann:s3cret@db/smolwatch\n")
    with pytest.raises(ConfigError) as raised:
        load_settings(home=home, environ={})
    assert 'line 2: put the value in straight quotes: url = "…"' in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "address", ["postgresql://ann@db.example:5433/smolwatch", "postgres:///smolwatch?host=/run/postgresql"]
)
def test_the_database_is_the_homes_file_or_a_servers(home: Path, address: str) -> None:
    assert load_settings(home=home, environ={}).database_place == home / "data" / "smolwatch.db"
    assert load_settings(home=home, environ={"SMOLWATCH_DATABASE__URL": address}).database_place == address


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("mysql://ann@db/smolwatch", "postgresql://user@host/name"),
        ("postgresql:smolwatch", "postgresql://user@host/name"),
        ("/home/ann/s3cret.db", "postgresql://user@host/name"),
        ("postgresql://ann:s3cret@db/smolwatch", "~/.pgpass"),
        ("postgresql://ann:s3cr@t@db/smolwatch", "~/.pgpass"),
        ("postgresql://ann:12/s3cret@db/smolwatch", "~/.pgpass"),
        ("postgresql://ann:12#s3cret@db/smolwatch", "~/.pgpass"),
        ("postgresql://ann@db/smolwatch?password=s3cret", "~/.pgpass"),
        ("postgresql://[s3cret/smolwatch", "database.url"),
    ],
)
def test_an_address_with_a_password_is_refused_and_never_shown(home: Path, address: str, why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(home=home, environ={"SMOLWATCH_DATABASE__URL": address})
    assert "database.url = … (SMOLWATCH_DATABASE__URL)" in str(raised.value)
    assert why in str(raised.value)
    assert "s3cr" not in str(raised.value)


def test_the_file_cannot_move_the_home(home: Path) -> None:
    write_config(home, 'home = "/elsewhere"\n')
    with pytest.raises(ConfigError, match="no such setting"):
        load_settings(home=home, environ={})


def test_a_value_where_a_group_belongs_is_named(home: Path) -> None:
    write_config(home, 'model = "demo"\n')
    with pytest.raises(ConfigError, match=r"model .*no such setting"):
        load_settings(home=home, environ={})


@pytest.mark.parametrize("key", ["inbox.path", "inbox.output"])
def test_a_path_that_no_folder_can_have_is_named(home: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key} .*NUL"):
        load_settings(home=home, environ={}, overrides={key: "a\0b"})


@given(
    st.dictionaries(
        st.sampled_from(sorted(known_keys())) | st.text(min_size=1),
        st.integers() | st.floats() | st.text() | st.booleans() | st.lists(st.text()),
    )
)
def test_any_choice_ends_in_settings_or_in_an_error_that_names_it(choices: dict[str, object]) -> None:
    try:
        settings = load_settings(home=Path("/nowhere"), environ={}, overrides=choices)
    except ConfigError as error:
        assert any(f"  {key}" in str(error) for key in choices)
    else:
        assert settings.home == Path("/nowhere")
        assert {key for key, value in choices.items() if value != ""} <= set(known_keys())


def test_the_home_comes_from_the_argument_then_the_variable_then_the_users_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {"SMOLWATCH_HOME": str(tmp_path / "variable")}
    assert load_settings(home=tmp_path / "argument", environ=environ).home == tmp_path / "argument"
    assert load_settings(environ=environ).home == tmp_path / "variable"
    assert load_settings(environ={}).home == tmp_path / "SmolWatch"


def test_a_relative_home_starts_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(home=Path(), environ={}).home == tmp_path


def test_a_relative_inbox_starts_from_the_home_and_a_tilde_from_the_user(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings(home=home, environ={}, overrides={"inbox.path": "in"}).inbox_path == home / "in"
    assert load_settings(home=home, environ={}, overrides={"inbox.path": "~/in"}).inbox_path == tmp_path / "in"


def test_a_home_is_made_once_with_data_and_logs_for_the_owner_only(home: Path) -> None:
    settings = load_settings(home=home, environ={})
    prepare_home(settings)
    assert {entry.name for entry in home.iterdir()} == {"inbox", "config", "data", "logs"}
    assert {stat.S_IMODE((home / name).stat().st_mode) for name in ("data", "logs")} == {0o700}
    assert settings.config_file.read_bytes() == SHIPPED.read_bytes()


def test_a_config_file_that_is_there_is_kept(home: Path) -> None:
    file = write_config(home, 'recipe = "mine"\n')
    prepare_home(load_settings(home=home, environ={}))
    assert file.read_text(encoding="utf-8") == 'recipe = "mine"\n'


def test_an_inbox_elsewhere_is_never_made_because_its_disk_may_be_missing(home: Path, tmp_path: Path) -> None:
    prepare_home(load_settings(home=home, environ={}, overrides={"inbox.path": str(tmp_path / "disk" / "inbox")}))
    assert not (tmp_path / "disk").exists()
    assert not (home / "inbox").exists()


def test_a_home_that_cannot_be_made_says_which_part(home: Path) -> None:
    home.mkdir()
    (home / "data").write_text("a file")
    with pytest.raises(ConfigError, match=re.escape(str(home / "data"))):
        prepare_home(load_settings(home=home, environ={}))


def test_a_home_that_may_not_be_written_is_a_matter_of_permission(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionDeniedError, match="Permission denied"):
        prepare_home(load_settings(home=home, environ={}))
