"""`smolwatch recipes`: the questions for the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.options import json_option
from cli.render import say, say_facts, say_json
from config.errors import ConfigError, NotFoundError
from config.load import load_settings
from config.prompt_variables import VARIABLES, fill
from config.recipes import Question, Recipe, Sampling, find_recipe, load_recipes
from config.safe_text import safe_text
from storage.json_values import omit_missing

SHIPPED = "shipped"


@click.command(short_help="List the recipes, or show one's prompts.")
@click.argument("name", metavar="[NAME]", required=False)
@json_option
@click.pass_obj
def command(home: Path | None, name: str | None, as_json: bool) -> None:
    """List the recipes: what the model can be asked about each file. With NAME, show that recipe's prompts.

    The setting `recipe` chooses one. Your own recipes are read from config/recipes.toml in the home.
    """
    settings = load_settings(home=home)
    recipes = load_recipes(settings.home)
    if name is None:
        if as_json:
            say_json([to_json(recipe, settings.recipe) for recipe in recipes.values()])
        else:
            say_list([*recipes.values()], settings.recipe)
        return
    try:
        recipe = find_recipe(name, recipes)
    except ConfigError as error:  # a name that was typed is no setting
        raise NotFoundError(safe_text(str(error)), advice=error.advice) from None
    if as_json:
        say_json(to_json(recipe, settings.recipe))
    else:
        say_recipe(recipe)


def say_list(recipes: list[Recipe], chosen: str) -> None:
    width = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        mark = "*" if recipe.name == chosen else " "
        say(f"{mark} {recipe.name:<{width}}  {safe_text(recipe.description or '')}".rstrip())
        facts = (("pictures", names_of(recipe.image)), ("videos", names_of(recipe.video)), ("from", source_of(recipe)))
        for name, value in facts:
            say(f"  {'':<{width}}  {name:<8}  {value}")
    say("\n* chosen. To see a recipe's prompts: smolwatch recipes NAME")


def names_of(questions: tuple[Question, ...]) -> str:
    return ", ".join(question.name for question in questions)


def source_of(recipe: Recipe) -> str:
    return SHIPPED if recipe.is_shipped else safe_text(str(recipe.file))


def say_recipe(recipe: Recipe) -> None:
    facts = [("recipe", f"{recipe.name}, version {recipe.version}"), ("digest", recipe.digest)]
    facts += [("for", safe_text(recipe.description))] if recipe.description else []
    facts += [("context", ", ".join(recipe.context))] if recipe.context else []
    say_facts([*facts, ("from", source_of(recipe))])
    for heading, is_video in (("Pictures", False), ("Videos", True)):
        say(f"\n{heading}")
        for question in recipe.questions(is_video=is_video):
            say(f"  {question.name}: {safe_text(', '.join(limits(question)))}")
            for line in prompt_of(recipe, question, is_video=is_video).splitlines():
                say(f"    {safe_text(line)}")


def limits(question: Question) -> Iterator[str]:
    """What holds for an answer, in words."""
    yield f"at most {question.tokens} tokens"
    if question.max_characters is not None:
        yield f"at most {question.max_characters} characters"
    if question.avoid:
        yield f"not to begin with {' or '.join(repr(phrase) for phrase in question.avoid)}"
    yield from sampling_limits(question.sampling)


def sampling_limits(sampling: Sampling) -> Iterator[str]:
    if sampling.repetition_penalty != 1:
        yield f"repetition penalty {sampling.repetition_penalty:g}"
    if sampling.temperature:
        yield f"sampled at temperature {sampling.temperature:g} with seed {sampling.seed}"
        if sampling.top_k:
            yield f"among the {sampling.top_k} likeliest tokens"
        if sampling.top_p < 1:
            yield f"among the likeliest {sampling.top_p:.0%}"


def prompt_of(recipe: Recipe, question: Question, *, is_video: bool) -> str:
    """The whole prompt. [picture] or [video] stands for what the processor makes of the file; variables stay."""
    from daemon.inference.smolvlm.prompts import chat

    ask = fill(question.ask, {name: f"{{{name}}}" for name in VARIABLES})
    return chat(f"{'[video]' if is_video else '[picture]'}{ask}", picture_first=not is_video, system=recipe.system)


def to_json(recipe: Recipe, chosen: str) -> dict[str, Any]:
    return omit_missing(
        name=recipe.name,
        version=recipe.version,
        digest=recipe.digest,
        description=recipe.description,
        chosen=recipe.name == chosen,
        source=SHIPPED if recipe.is_shipped else str(recipe.file),
        system=recipe.system,
        context=list(recipe.context) or None,
        image=[question_json(recipe, question, is_video=False) for question in recipe.image],
        video=[question_json(recipe, question, is_video=True) for question in recipe.video],
    )


def sampling_json(sampling: Sampling) -> dict[str, Any]:
    """The repetition penalty; the rest only if tokens are sampled."""
    return asdict(sampling) if sampling.temperature else {"repetition_penalty": sampling.repetition_penalty}


def question_json(recipe: Recipe, question: Question, *, is_video: bool) -> dict[str, Any]:
    return omit_missing(
        name=question.name,
        heading=question.heading,
        tokens=question.tokens,
        **sampling_json(question.sampling),
        max_characters=question.max_characters,
        avoid=list(question.avoid) or None,
        prompt=prompt_of(recipe, question, is_video=is_video),
    )
