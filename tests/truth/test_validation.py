"""The validation study: its design is what was fixed, it resumes, and its counts are right on tables made by hand."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import validation
from statsmodels.regression.mixed_linear_model import MixedLM
from validation_design import FACTORS, checked_seed, read_design, subjects
from validation_numbers import components, lines, markdown

from audit.errors import RefusedProblem

DESIGN = read_design()
ASKED = DESIGN["asked"]


@pytest.fixture
def design():
    """The design with a seed of its own, so that no test knows the worlds of the study."""
    own = copy.deepcopy(DESIGN)
    own["seed"], own["seed_sha256"] = "a test", hashlib.sha256(b"a test").hexdigest()
    return own


def test_a_seed_that_is_not_the_one_of_the_hash_is_refused(design):
    assert checked_seed(design) == "a test"
    with pytest.raises(SystemExit, match="this is another study"):
        checked_seed({**design, "seed": "another"})
    with pytest.raises(SystemExit, match="not yet the seed"):
        checked_seed({name: value for name, value in design.items() if name != "seed"})


def test_the_seed_of_the_study_is_the_one_that_the_design_was_fixed_with():
    if "seed" in DESIGN:
        assert checked_seed(DESIGN) == DESIGN["seed"]


def test_the_hard_worlds_are_the_half_fraction_that_the_design_says():
    signs = np.array([[1 if cell[name] else -1 for name in FACTORS] for cell in DESIGN["hard"]])
    looks, renderer, tower, leaky, mixed = signs.T
    assert (leaky == looks * renderer * tower).all()
    assert len({tuple(row) for row in signs[:, :4].tolist()}) == 8
    assert (signs[:, :4].T @ signs[:, :4] == 8 * np.eye(4)).all()
    assert (mixed == 1).sum() == 2
    assert (signs[:, :4].T @ mixed == 0).all()
    assert (signs[:4, :4].sum(axis=0) == 0).all()  # the first half holds every factor at both levels


def test_worlds_are_what_their_factors_say_and_a_function_of_the_seed(design):
    every = {subject.world.name: subject for subject in subjects(design, "a test")}
    assert len(every) == 12
    skewed = [one.clothes for one in every["hard-5"].world.professions]
    for subject in every.values():
        world, factors = subject.world, subject.factors
        assert (world.training.pictures, world.training.epochs, world.training.batch) == (16000, 12, 128)
        if subject.is_balanced:
            assert {one.man for one in world.professions} == {0.5}
            assert world.truth["names"]["zelka orrin"] == {"unclothed": 0.0}
            continue
        assert sorted(one.man for one in world.professions) == design["shares"]["man"]
        assert sorted(one.unclothed for one in world.public_names) == design["shares"]["unclothed"]
        assert (world.drawing.renderer == "inked") == factors["renderer"]
        assert (world.training.tower == "vit") == factors["tower"]
        assert (world.drawing.tied, world.drawing.mixed) == (0.8 if factors["looks"] else 0.5, 0.15 * factors["mixed"])
        assert ([one.clothes for one in world.professions] != skewed) == factors["looks"]
        leaks = [(round(1 - one.male, 2), one.female) for one in world.professions]
        assert all((0.2 <= leak <= 0.4) if factors["leaky"] else leak == 0 for pair in leaks for leak in pair)
    assert every == {subject.world.name: subject for subject in subjects(design, "a test")}
    others = {subject.world.digest for subject in subjects(design, "another")}
    assert not others & {subject.world.digest for subject in every.values()}


class Fake:
    """Trains and audits in no time, and stops as if it were killed where it is told to."""

    def __init__(self, stop: int = 99) -> None:
        self.done: list[str] = []
        self.stop = stop

    def _step(self, what: str) -> None:
        if len(self.done) == self.stop:
            raise KeyboardInterrupt
        self.done.append(what)

    def train(self, world, folder: Path) -> None:
        folder.mkdir()  # what a killed training leaves behind
        self._step(f"train {world.name}")

    def place(self, checkpoint: Path, effort: str, seed: int) -> str:
        return f"{checkpoint.name}-{effort}-{seed}"

    def audit(self, checkpoint: Path, folder: Path, effort: str, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._step(f"audit {checkpoint.name} {effort} {seed}")
        (folder / "run.json").touch()

    def is_done(self, folder: Path) -> bool:
        return (folder / "run.json").is_file()


@pytest.fixture
def quick(design, monkeypatch):
    """A study of one hard and one balanced training, whose audits found nothing."""

    def rows(subject, seed, _audit):
        return leans([(0.0, 0.5)] * 3, training=subject.world.name, audit_seed=seed, hard=not subject.is_balanced)

    monkeypatch.setattr(validation, "rows", rows)
    return {**validation.few(design), "balanced": {**DESIGN["balanced"], "trainings": 1}}


def leans(found, *, training="hard-1", audit_seed=0, hard=True, judge="first", half=0.2, kind="lean") -> pd.DataFrame:
    """Return rows of measured values and planted shares; intervals of one width, the text where the value is."""
    return pd.DataFrame(
        {
            "training": training, "hard": hard, "audit_seed": audit_seed, "judge": judge, "primary": judge == "first",
            "kind": kind, "concept": [f"concept {number}" for number in range(len(found))],
            "planted": [planted for _, planted in found], "value": [value for value, _ in found],
            "low": [value - half for value, _ in found], "high": [value + half for value, _ in found],
            "text": [value for value, _ in found],
        }
    )  # fmt: skip


@pytest.mark.parametrize("stop", range(6))
def test_a_study_that_is_killed_goes_on_and_does_nothing_twice(quick, tmp_path, stop):
    first, second = Fake(stop), Fake()
    if stop < 5:
        with pytest.raises(KeyboardInterrupt):
            validation.study(quick, tmp_path, first)
    else:
        validation.study(quick, tmp_path, first)
    found = validation.study(quick, tmp_path, second)
    done = [*first.done, *second.done]
    assert len(done) == len(set(done)) == 5
    assert "2 of 2 trainings are measured." in found.page
    assert "nothing planted: leans whose interval leaves out 0: " in found.appendix["sentences"][-1]
    again = validation.study(quick, tmp_path, third := Fake())
    assert (again.page, again.appendix) == (found.page, found.appendix)
    assert not third.done


def test_a_study_goes_on_from_the_rows_of_another_machine(quick, tmp_path):
    """Rows that went through the file count like audits, and are made again where they are named only."""
    here = validation.study(quick, tmp_path / "here", Fake(), only=["hard-1"])
    assert "1 of 2 trainings are measured;" in here.page
    assert not here.appendix
    here.rows.to_csv(tmp_path / "rows.csv", index=False, float_format="%.5f")
    kept = pd.read_csv(tmp_path / "rows.csv")
    there = validation.study(quick, tmp_path / "there", second := Fake(), kept=kept)
    assert "2 of 2 trainings are measured." in there.page
    assert all("balanced-1" in step for step in second.done)
    whole = validation.study(quick, tmp_path / "whole", Fake())
    assert (there.page, there.appendix) == (whole.page, whole.appendix)
    validation.study(quick, tmp_path / "anew", third := Fake(), kept=kept, only=["hard-1"])
    assert all("hard-1" in step for step in third.done)
    assert third.done
    other = kept.assign(world="of another study")
    assert "1 of 2" in validation.study(quick, tmp_path / "other", Fake(), kept=other, only=["balanced-1"]).page


def test_a_phantom_that_the_sanity_gate_refuses_is_reported_and_stops_nothing(quick, tmp_path):
    class Refusing(Fake):
        def place(self, checkpoint: Path, effort: str, seed: int) -> str:
            if checkpoint.name.startswith("hard"):
                raise RefusedProblem("It matches nothing.", remedy="None.")
            return super().place(checkpoint, effort, seed)

    page = validation.study(quick, tmp_path, Refusing()).page
    assert "1 of 2 trainings are measured" in page
    assert "| hard-1 (looks, renderer, mixed) | refused: It matches nothing. |" in page


def test_what_is_not_measured_yet_is_said(quick, tmp_path):
    page = validation.study(quick, tmp_path, Fake(), only=["balanced-1"]).page
    assert "1 of 2 trainings are measured; the same command goes on" in page
    assert "| hard-1 (looks, renderer, mixed) | not measured |" in page


def test_a_few_are_small_enough_to_be_tried(design):
    for subject in subjects(validation.few(design), "a test"):
        assert (subject.world.training.pictures, len(subject.world.professions)) == (64, 2)


def measured(table: pd.DataFrame) -> dict[str, tuple[float | None, int, bool | None]]:
    names = ("false", "rates", "beyond", "text", "found", "reversed", "order", "unread")
    return {name: (line.measured, line.n, line.met) for name, line in zip(names, lines(table, ASKED), strict=True)}


def test_counts_are_those_of_the_table():
    found = [(0.1, 0.5), (0.3, 0.5), (0.5, 0.5), (-0.5, 0.1), (0.1, 0.2), (0.6, 0.3), (0.9, 0.9), (0.3, 0.6)]
    table = leans(found)
    table.loc[7, "text"] = 0.9
    counts = measured(table)
    assert counts["false"] == (pytest.approx(2 / 3), 3, False)
    assert counts["beyond"] == (pytest.approx(1 / 3), 3, False)
    assert counts["text"] == (pytest.approx(7 / 8), 8, False)
    assert counts["found"] == (pytest.approx(2 / 4), 4, False)
    assert counts["reversed"] == (pytest.approx(1 / 4), 4, False)
    assert counts["rates"] == (None, 0, None)


def test_a_good_study_meets_what_is_asked_and_a_miss_is_marked():
    shares = [0.05, 0.2, 0.5, 0.5, 0.8, 0.95]
    good = pd.concat([leans([(2 * one - 1, one) for one in shares], training=name, half=0.1) for name in "abc"])
    rates = leans([(0.0, 0.0)] * 4, kind="rate", half=0.1)
    counts = measured(pd.concat([good, rates]))
    assert all(met for name, (_, _, met) in counts.items() if name != "unread")
    assert counts["order"][0] == pytest.approx(1.0)
    bad = measured(good.assign(low=good["low"] + 0.5, high=good["high"] + 0.5))
    assert not bad["false"][2]
    assert "**missed**" in markdown(lines(good.assign(low=0.3, high=0.6), ASKED))


def test_what_was_not_read_passes_nothing():
    table = leans([(0.1, 0.5), (0.9, 0.9), (0.2, 0.5)])
    blind = measured(table.assign(low=np.nan, high=np.nan))
    assert [blind[name][2] for name in ("false", "beyond", "text")] == [None] * 3
    assert blind["found"] == (0.0, 1, False)
    assert blind["unread"][0] == 1.0
    table.loc[0, ["low", "high"]] = np.nan
    half = measured(table)
    assert (half["false"][1], half["text"][1], half["unread"][0]) == (1, 2, pytest.approx(1 / 3))


def test_parts_of_the_variance_are_those_of_reml():
    rng = np.random.default_rng(3)
    rows = []
    for cell in range(30):
        own, by_judge, by_seed = rng.normal(0, 0.3), rng.normal(0, 0.2, 3), rng.normal(0, 0.15, 2)
        for judge in range(3):
            for seed in range(2):
                error = own + by_judge[judge] + by_seed[seed] + rng.normal(0, 0.1) + 0.05 * judge
                rows.append((f"training {cell % 4}", f"concept {cell}", f"judge {judge}", seed, error + 0.2, 0.2))
    table = pd.DataFrame(rows, columns=["training", "concept", "judge", "audit_seed", "value", "text"])
    found = [one.sd for one in components(table)]
    table = table.assign(y=table["value"] - table["text"])
    parts = {"judge": "0 + C(judge)", "seed": "0 + C(audit_seed)"}
    model = MixedLM.from_formula("y ~ C(judge)", table, groups="concept", re_formula="1", vc_formula=parts)
    fit = model.fit(reml=True)
    expected = [fit.cov_re.iloc[0, 0], *fit.vcomp, fit.scale]
    assert np.square(found) == pytest.approx(expected, abs=2e-3)


def test_parts_of_the_variance_need_a_crossed_design():
    assert components(leans([(0.1, 0.5)] * 5)) == []
