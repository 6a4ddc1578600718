"""Recipes by name, and what follows from them for a step."""

import dataclasses
import math
from itertools import pairwise

import pytest

from segbench.errors import UsageError
from segbench.training.recipes import INGREDIENTS, find_recipe


def test_the_recipe_of_the_paper_is_what_the_paper_states():
    recipe = find_recipe("paper")
    assert (recipe.rate, recipe.betas, recipe.epsilon) == (1e-3, (0.9, 0.999), 1e-8)
    assert recipe.epochs == 200
    assert (recipe.flip, recipe.zoom, recipe.light) == (False, None, 0)
    assert recipe.decay == recipe.balance == recipe.average == 0


def test_the_modern_recipe_is_the_papers_with_ingredients():
    added = find_recipe("paper+zoom+fast+cosine")
    modern = find_recipe("modern")
    same = {"name": added.name, "summary": added.summary, "epochs": added.epochs}
    assert dataclasses.replace(modern, **same) == added
    assert modern.epochs <= find_recipe("paper").epochs  # it costs no more


def test_what_an_older_version_did_not_keep_was_the_default():
    drawn = find_recipe("modern+he")
    older = {name: value for name, value in drawn.to_json().items() if name not in {"init", "flip"}}
    assert drawn.changes_since(older) == ("init was None and is he",)
    assert drawn.changes_since(drawn.to_json()) == ()
    modern = find_recipe("modern")
    assert modern.changes_since(older | {"name": "modern"}) == ()


def test_its_rate_is_the_same_in_all_steps():
    assert {find_recipe("paper").rate_at(step, 1000) for step in (0, 500, 999)} == {1e-3}


def test_a_cosine_rises_for_a_fiftieth_and_falls_to_nothing():
    recipe = find_recipe("paper+cosine")
    rates = [recipe.rate_at(step, 1000) for step in range(1001)]
    assert rates[:20] == pytest.approx([1e-3 * (step + 1) / 20 for step in range(20)])
    assert rates[20] == 1e-3
    assert rates[20 + 490] == pytest.approx(0.5e-3)
    assert rates[20 + 245] == pytest.approx(1e-3 * (1 + math.sqrt(0.5)) / 2)
    assert all(before > after for before, after in pairwise(rates[20:]))
    assert rates[1000] == 0


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_run_of_hardly_any_steps_has_a_rate_in_each(steps):
    recipe = find_recipe("paper+cosine")
    assert all(0 < recipe.rate_at(step, steps) <= 1e-3 for step in range(steps))


def test_ingredients_are_added_to_what_the_recipe_has():
    recipe = find_recipe("paper+flip+cosine")
    assert recipe.flip
    assert recipe.cosine
    assert recipe.patience is None
    assert recipe.name == "paper+flip+cosine"
    assert recipe.light == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("papr", "unknown recipe 'papr'; did you mean 'paper'? (recipes: paper"),
        ("paper+flp", "unknown ingredient 'flp' of recipe 'paper+flp'; did you mean 'flip'?"),
        ("paper+", "unknown ingredient ''"),
        ("paper+flip+flip", "names 'flip' twice"),
        ("paper+lr=1e-3+lr=1e-4", "names 'lr' twice"),
        ("paper+flip=2", "unknown ingredient 'flip=2' of recipe 'paper+flip=2'; did you mean"),
        ("paper+rate=1e-3", "average, he, distill, lr=NUMBER)"),
        ("", "unknown recipe ''"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, words):
    with pytest.raises(UsageError) as caught:
        find_recipe(name)
    assert words in str(caught.value)


def test_a_rate_takes_the_place_of_the_recipes_and_of_nothing_else():
    modern, slower = find_recipe("modern"), find_recipe("modern+lr=5e-4")
    assert (modern.rate, slower.rate) == (3e-3, 0.0005)
    assert dataclasses.replace(slower, rate=modern.rate, name=modern.name) == modern
    assert slower.changes_since(modern.to_json() | {"name": slower.name}) == (
        "rate was 0.003 and is 0.0005",
    )


@pytest.mark.parametrize(
    "text", ["", "0", "-1e-3", "1.5", "nan", "inf", "fast", "1_0e-3", "1e-999"]
)
def test_a_rate_that_is_none_is_refused(text):
    with pytest.raises(UsageError) as caught:
        find_recipe(f"modern+lr={text}")
    assert str(caught.value) == (
        f"the learning rate of recipe 'modern+lr={text}' is no number above 0 and up to 1; write "
        "for example lr=1e-3"
    )


@pytest.mark.parametrize("ingredient", INGREDIENTS)
def test_every_ingredient_changes_the_recipe_of_the_paper(ingredient):
    plain, changed = find_recipe("paper"), find_recipe(f"paper+{ingredient}")
    fields = set(INGREDIENTS[ingredient])
    assert fields
    assert all(getattr(plain, field) != getattr(changed, field) for field in fields)
