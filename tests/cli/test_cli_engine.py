"""``--engine ray``: what goes with it, what is said where Ray is not installed, and what a plan says of workers."""

import sys

import pytest

from audit.errors import ExitCode


@pytest.mark.parametrize(
    "words", [("--workers", "2"), ("--address", "auto"), ("--gpus-per-worker", "0.5"), ("--engine", "slurm")]
)
def test_what_does_not_go_without_ray_is_refused_before_anything_is_loaded(cli, words):
    said = cli("run", "phantom:skewed", *words)
    assert said.code == ExitCode.USAGE
    assert words[0].removeprefix("--") in said.complaint
    assert "Loading" not in said.err


def test_without_ray_one_is_told_how_to_install_it(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("audit.engines.ray_engine.find_spec", lambda _: None)
    said = cli("run", "phantom:skewed", "--engine", "ray")
    assert said.code == ExitCode.ENVIRONMENT
    assert 'pip install "clip-audit[ray]"' in said.complaint
    assert "Loading" not in said.err


def test_a_plan_says_how_long_workers_take_and_what_they_cost(cli, run_words, tmp_path):
    words = ("plan", *run_words[1:], "--out", tmp_path / "run", "--engine", "ray", "--workers", 3)
    said = cli(*words, "--price-per-hour", 2, "--json").json["ray"]
    assert said["workers"] == 3
    assert said["cost"] == pytest.approx(2 * 3 * said["seconds"] / 3600, abs=1e-3)
    assert 0 < said["efficiency"] <= 1


@pytest.mark.parametrize("words", [("--engine", "ray"), ("--workers", "3"), ("--price-per-hour", "1")])
def test_a_plan_for_workers_needs_their_number_and_ray(cli, words):
    said = cli("plan", "phantom:skewed", *words)
    assert said.code == ExitCode.USAGE
    assert "--workers" in said.complaint
