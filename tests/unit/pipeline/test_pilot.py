"""The pilot: which recipe is chosen, by what, at what cost, and that a run keeps it."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest

from audit.early_checks import AUTO
from audit.pipeline import make_plan, pilot, run_audit
from audit.pipeline.audit_plan import LADDER

MANY = 'templates = ["a photo of a {sex} {{profession}}", "a drawing of a {sex} {{profession}}"]'
FIRST, SECOND = LADDER


@pytest.fixture(scope="module")
def open_plan(request_for, write_suite):
    """A plan whose recipe a pilot chooses; four prompts of a man and four of a woman, and enough beside them."""
    wide = {f'templates = ["a photo of a {sex} {{profession}}"]': MANY.format(sex=sex) for sex in ("male", "female")}
    suite = write_suite("phantom_pilot", **wide)
    plan = make_plan(request_for(suites=(str(suite),) * 1, recipe=AUTO))
    return dataclasses.replace(plan, shard_size=64)


@pytest.fixture
def roomy(monkeypatch):
    """A budget that a small plan can pay."""
    monkeypatch.setattr(pilot, "MOST_SHARE", 4.0)


def looks(monkeypatch, **seen: float) -> list[str]:
    """Let the judges see what must be seen in a share of each recipe's images; returns the recipes that are tried."""
    tried: list[str] = []

    def look(_plan, recipe, chosen, _progress):
        tried.append(recipe.name)
        right = round(seen[recipe.name] * len(chosen))
        return pd.DataFrame(
            {"control": "c", "prompt_id": list(chosen), "seen": [1.0] * right + [0.0] * (len(chosen) - right)}
        )

    monkeypatch.setattr(pilot, "_look", look)
    return tried


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize(
    ("seen", "chosen", "tried"),
    [
        ((1.0, 1.0), FIRST, [FIRST]),  # nothing can be gained
        ((0.0, 1.0), SECOND, [FIRST, SECOND]),
        ((0.5, 0.75), SECOND, [FIRST, SECOND]),  # by its value, as the first passes for unread
        ((0.875, 1.0), FIRST, [FIRST, SECOND]),  # a gain that no interval shows
        ((0.5, 0.5), FIRST, [FIRST, SECOND]),
        ((0.75, 0.25), FIRST, [FIRST, SECOND]),
        ((0.0, 0.0), FIRST, [FIRST, SECOND]),  # blind judges: the cheaper recipe, and controls that fail
    ],
)
def test_the_cheapest_recipe_in_which_judges_see_as_much_is_chosen(  # noqa: PLR0917  (fixtures and a table)
    open_plan, monkeypatch, tmp_path, recorder, seen, chosen, tried
):
    came = looks(monkeypatch, **dict(zip(LADDER, seen, strict=True)))
    settled = pilot.settle_recipe(open_plan, tmp_path, recorder)
    assert (settled.recipe.name, came) == (chosen, tried)
    assert not settled.is_open
    found = settled.spec()["pilot"]
    assert [rung["seen"] for rung in found["rungs"]] == pytest.approx(list(seen[: len(tried)]))
    images = len(pilot._chosen_prompts(open_plan))
    costs = {recipe.name: recipe.image_gradients for recipe in pilot.ladder(open_plan)}
    assert found["image_gradients"] == images * sum(costs[name] for name in tried) <= pilot.pilot_cost(open_plan)
    assert any(chosen in said for said in recorder.said)


def test_the_pilot_stays_within_its_share_of_the_run(open_plan, monkeypatch):
    whole = sum(item.prompt.role != "noise" for item in open_plan.items) * open_plan.recipe.image_gradients
    for share in (0.1, 1.0, 2.5, 10.0):
        monkeypatch.setattr(pilot, "MOST_SHARE", share)
        assert pilot.pilot_cost(open_plan) <= share * whole
    assert pilot.pilot_cost(open_plan) > 0


def test_a_run_too_small_for_a_pilot_takes_the_first_recipe_and_says_so(open_plan, monkeypatch, tmp_path, recorder):
    tried = looks(monkeypatch)
    monkeypatch.setattr(pilot, "MOST_SHARE", 0.01)
    settled = pilot.settle_recipe(open_plan, tmp_path, recorder)
    assert (settled.recipe.name, tried, settled.pilot["image_gradients"]) == (FIRST, [], 0)
    assert "too small" in settled.pilot["reason"]


def test_without_a_text_whose_answer_is_known_it_says_which_suite_has_some(
    request_for, write_suite, tmp_path, recorder
):
    suite = write_suite(
        "phantom_none", **{'"explicit"\nexpected = "man"': '"subject"', '"explicit"\nexpected = "woman"': '"subject"'}
    )
    settled = pilot.settle_recipe(make_plan(request_for(suites=(str(suite),), recipe=AUTO)), tmp_path, recorder)
    assert settled.recipe.name == FIRST
    assert "--suite controls" in settled.pilot["reason"]


def test_a_recipe_that_the_user_names_is_taken_without_a_pilot(quick_plan, tmp_path, recorder):
    assert pilot.settle_recipe(quick_plan, tmp_path, recorder) is quick_plan
    assert "pilot" not in quick_plan.spec()


@pytest.mark.usefixtures("roomy")
def test_a_real_pilot_looks_with_the_runs_own_judges_and_a_run_that_goes_on_keeps_its_choice(
    open_plan, monkeypatch, tmp_path, recorder
):
    short = [dataclasses.replace(recipe, steps=2) for recipe in pilot.ladder(open_plan)]
    monkeypatch.setattr(pilot, "ladder", lambda _plan: tuple(short))
    monkeypatch.setattr(pilot, "paced_recipe", lambda name, _effort: next(one for one in short if one.name == name))
    outcome = run_audit(dataclasses.replace(open_plan, recipe=short[0]), tmp_path / "run", recorder)
    spec = json.loads((outcome.folder / "spec.json").read_text())
    assert spec["recipe"]["name"] == spec["pilot"]["chosen"]
    assert len(spec["pilot"]["rungs"][0]["by_control"]) == 2  # women and men
    assert "what must be seen" in (outcome.folder / "report.html").read_text(encoding="utf-8")

    tried = looks(monkeypatch)
    again = pilot.settle_recipe(open_plan, outcome.folder, recorder)
    assert (again.recipe.name, again.pilot, tried) == (spec["recipe"]["name"], spec["pilot"], [])
