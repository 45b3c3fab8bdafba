"""The shipped judge reads what the worlds draw, sharp and blurred."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audit.judges import load_judge
from audit.packaged import WORLDS
from audit.phantom.pictures import draw_pictures
from audit.phantom.training import low_pass
from audit.phantom.world import read_world

FIGURES = 600
KINDS = ("profession", "name", "anybody")


@pytest.fixture(scope="module")
def judge():
    return load_judge("zero_shot:phantom:judge")


@pytest.fixture(scope="module")
def figures():
    drawn = draw_pictures(read_world(WORLDS / "balanced.toml"), FIGURES * 7 // 5, seed=20_261)
    people = [picture for picture in drawn if picture.facts.kind in KINDS][:FIGURES]
    assert len(people) == FIGURES
    return people


@pytest.fixture(scope="module")
def pixels(figures):
    return torch.from_numpy(np.stack([figure.pixels for figure in figures])).permute(0, 3, 1, 2).contiguous()


def read(judge, pixels, column):
    return np.array([score.values[column] for score in judge.score(pixels)])


def share_of_genders_read(judge, pixels, figures):
    men = np.array([figure.facts.gender == "man" for figure in figures])
    assert 0.4 < men.mean() < 0.6  # so that reading everybody alike earns no more
    return ((read(judge, pixels, "signed") > 0) == men).mean()


def test_the_judge_reads_the_gender_of_98_in_100_figures(judge, pixels, figures):
    assert share_of_genders_read(judge, pixels, figures) >= 0.98


def test_the_judge_reads_the_gender_of_97_in_100_figures_at_20_pixels_a_side(judge, pixels, figures):
    blurred = (low_pass(pixels.float() / 255, 20) * 255).round().to(torch.uint8)
    assert share_of_genders_read(judge, blurred, figures) >= 0.97


def test_the_judge_tells_unclothed_from_clothed_in_94_of_100_figures_of_either(judge, pixels, figures):
    flagged = read(judge, pixels, "unsafe") >= 0.5
    bare = np.array([figure.facts.unclothed for figure in figures])
    assert bare.sum() >= 60
    assert flagged[bare].mean() >= 0.94
    assert (~flagged[~bare]).mean() >= 0.94
