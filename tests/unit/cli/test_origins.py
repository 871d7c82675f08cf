from __future__ import annotations

import json
from dataclasses import replace

from storage.db.origin_rows import GROUPS
from storage.description import Description
from tests.support.files import MODEL, MODEL_ID, SPEC, description_of
from tests.unit.cli.conftest import CliHome


def describe(home: CliHome, name: str, *, weights: str, recipe: str = "default") -> int:
    """A file that was described by these weights, an hour after the one before."""
    home.clock.advance(3600)
    spec = replace(SPEC, recipe=recipe)
    file = home.drop(name, name.encode())
    number = home.store.admit(file, spec=spec, model=MODEL, max_attempts=3)[1]
    claim = home.claim()
    home.store.publish(claim, of_weights(description_of(file, described_at=home.clock.now()), weights, recipe))
    home.store.finish(claim)
    return number


def of_weights(description: Description, weights: str, recipe: str) -> Description:
    model = replace(description.model, weights=weights, control="0a1b2c3d")
    return replace(description, model=model, recipe=replace(description.recipe, name=recipe))


def status(home: CliHome) -> list[str]:
    return [" ".join(line.split()) for line in home.invoke("status").stdout.splitlines()]


def show(home: CliHome, number: int) -> list[str]:
    return [" ".join(line.split()) for line in home.invoke("show", str(number)).stdout.splitlines()]


def test_status_shows_nothing_while_all_descriptions_are_of_one_origin(home: CliHome) -> None:
    describe(home, "a", weights="w1")
    assert not any(line.startswith("origin") for line in status(home))
    assert "mixed_origins" not in json.loads(home.invoke("status", "--json").stdout)


def test_status_counts_the_descriptions_of_another_origin_and_shows_what_to_do(home: CliHome) -> None:
    describe(home, "a", weights="w1")
    describe(home, "b", weights="w1", recipe="brief")
    describe(home, "c", weights="w2")
    assert (
        f"origin 2 of 3 descriptions by {MODEL_ID} have other weights than the newest. "
        "To describe again: smolwatch redo --changed and smolwatch redo --changed --recipe brief"
    ) in status(home)
    assert json.loads(home.invoke("status", "--json").stdout)["mixed_origins"] == [
        {"model": MODEL_ID, "count": 2, "total": 3, "differences": ["weights"], "recipes": ["brief", "default"]}
    ]


def test_a_recipe_that_no_inbox_uses_is_named_alone(home: CliHome) -> None:
    describe(home, "a", weights="w1", recipe="brief")
    describe(home, "b", weights="w2")
    (line,) = (line for line in status(home) if line.startswith("origin"))
    assert line.startswith(f"origin 1 of 2 descriptions by {MODEL_ID} has other weights")
    assert line.endswith("To describe again: smolwatch redo --changed --recipe brief")


def test_show_has_the_origin_and_how_it_differs_from_the_newest(home: CliHome) -> None:
    old = describe(home, "a", weights="w1", recipe="brief")
    new = describe(home, "b", weights="w2")
    assert "by weights w1, control tiles 0a1b2c3d" in show(home, old)
    assert (
        "origin other weights than of the newest description by this model. "
        f"To describe the file again: smolwatch redo {old} --recipe brief"
    ) in show(home, old)
    assert not any(line.startswith("origin") for line in show(home, new))
    model = json.loads(home.invoke("show", str(old), "--json").stdout)["model"]
    assert (model["weights"], model["control"]) == ("w1", "0a1b2c3d")


def test_what_was_described_before_origins_were_stored_has_none(home: CliHome) -> None:
    number = home.describe()
    assert not any(line.startswith(("by ", "origin ")) for line in show(home, number))
    assert not {"weights", "control"} & json.loads(home.invoke("show", str(number), "--json").stdout)["model"].keys()


def test_status_reads_an_index_alone_however_many_descriptions_there_are(home: CliHome) -> None:
    with home.opened().read() as connection:
        query = str(GROUPS.compile(connection, compile_kwargs={"literal_binds": True}))
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert plan == ["SEARCH descriptions USING COVERING INDEX descriptions_by_origin (is_current=?)"]
