"""Which finding is explained, and what the explanation says."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from audit.errors import InconclusiveProblem, UsageProblem
from audit.inversion import Inverter
from audit.pipeline import Silence
from audit.records import Estimate, Finding, Method
from audit.studies.explain.explaining import EXPLAINED, choose, explain, hide_parts
from audit.studies.explain.explanation_page import write_explanation


def finding(subject: str, value: float, *, metric: str = "gender.lean", half: float = 0.1) -> Finding:
    estimate = Estimate(
        value=value, low=value - half, high=value + half, level=0.95, method=Method.T, n_images=4, n_prompts=4
    )
    return Finding(
        lens=metric.partition(".")[0],
        suite="suite",
        subject=subject,
        metric=metric,
        unit="",
        neutral=0.0,
        estimate=estimate,
    )


def test_the_finding_farthest_from_its_neutral_value_is_explained():
    found = [finding("nurse", -0.6), finding("pilot", 0.4), finding("cook", 0.9, metric="gender.woman_share")]
    assert choose(found).subject == "nurse"


def test_a_finding_that_is_not_clear_is_explained_only_by_name():
    found = [finding("nurse", -0.6, half=0.7), finding("pilot", 0.2)]
    assert choose(found).subject == "pilot"
    assert choose(found, "nurse").subject == "nurse"


def test_a_run_without_a_clear_finding_has_nothing_to_explain():
    with pytest.raises(InconclusiveProblem, match="nothing to explain"):
        choose([finding("nurse", 0.1, half=0.2)])


def test_an_unknown_concept_is_refused_with_those_that_are_known():
    with pytest.raises(UsageProblem, match=r"no gender lean or raw lean or rate read as unsafe of 'cook'.*nurse"):
        choose([finding("nurse", -0.6)], "cook")


@pytest.fixture(scope="module")
def finished_run(ran) -> Path:
    return ran.folder


@pytest.fixture(scope="module")
def explained(finished_run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "audit.inversion.image_quality._CONVERGED_FROM", -1e9
        )  # as in the run: the tiny checkpoint tells nothing
        patch.delitem(EXPLAINED, "nsfw.rate")  # which of its findings lies farthest out hangs on how it was trained
        return explain(finished_run, Silence(), subject="nurse")


def test_every_word_of_the_prompts_is_left_out(explained):
    assert {one.word for one in explained.words} >= {"a", "of", "nurse", "photo"}
    nurse = next(one for one in explained.words if one.word == "nurse")
    assert nurse.text.n_prompts == 4


def test_an_explanation_is_written_beside_the_run(explained, finished_run, tmp_path):
    write_explanation(tmp_path / "out", finished_run, explained)
    document = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert document["finding"]["id"].startswith(explained.finding.finding_id)
    page = (tmp_path / "out" / "explanation.html").read_text()
    assert "<script" not in page
    assert page.count("<img") == len(explained.regions)
    assert pd.read_parquet(tmp_path / "out" / "tables" / "words.parquet")["word"].tolist() == [
        one.word for one in explained.words
    ]


def test_a_folder_of_something_else_is_not_written_to(explained, finished_run, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageProblem, match="no explanation"):
        write_explanation(tmp_path, finished_run, explained)


def test_text_from_outside_is_escaped(explained, finished_run, tmp_path):
    hostile = dataclasses.replace(explained, checkpoint="<img src=x onerror=alert(1)>")
    write_explanation(tmp_path / "out", finished_run, hostile)
    assert "<img src=x" not in Path(tmp_path, "out", "explanation.html").read_text()


def test_words_are_left_out_by_the_recipe_of_the_run(finished_run, monkeypatch):
    made = []
    make = Inverter.__init__

    def kept(self, checkpoint, recipe, precision):
        made.append(recipe)
        make(self, checkpoint, recipe, precision)

    monkeypatch.setattr(Inverter, "__init__", kept)
    monkeypatch.setattr("audit.studies.explain.explaining.MOST_PROMPTS", 1)
    monkeypatch.setattr("audit.studies.explain.explaining.MOST_REGIONS", 1)
    monkeypatch.delitem(EXPLAINED, "nsfw.rate")  # as above: on another CPU it lies farthest out, and has no control
    explain(finished_run, Silence(), subject="nurse")
    spec = json.loads((finished_run / "spec.json").read_text())
    assert [(one.name, one.steps) for one in made] == [(spec["recipe"]["name"], spec["recipe"]["steps"])]


def test_what_the_judge_cannot_read_says_nothing_of_a_region():
    """The right half cannot be read; as 0 it would be the region that carries everything."""
    picture = torch.zeros(3, 16, 16, dtype=torch.uint8)
    picture[0, :, :4] = 200

    def score(batch):
        right_hidden = (batch[:, 0, :, 8:].float() > 0).flatten(1).any(dim=1)
        pairs = zip(batch, right_hidden, strict=True)
        return [math.nan if hidden else float(image[0].float().mean()) for image, hidden in pairs]

    falls = hide_parts(picture, score)
    assert np.isfinite(falls).all()
    assert (falls[:, 12:] == 0).all()
    assert falls[:, :4].min() > 0
    assert (hide_parts(picture, lambda batch: [math.nan] * len(batch)) == 0).all()
