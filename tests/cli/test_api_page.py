"""The page of the Python API: its code runs, in order, and does what the page says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> dict[str, object]:
    """What is defined after all code of the page was run in an empty folder."""
    blocks = re.findall(r"^```(python|toml)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    before, place, names = Path.cwd(), tmp_path_factory.mktemp("notebook"), {}
    os.chdir(place)
    try:
        for language, text in blocks:
            if language == "toml":
                Path("policy.toml").write_text(text, encoding="utf-8")
            else:
                exec(compile(text, str(PAGE), "exec"), names)  # noqa: S102  (the page is ours)
    finally:
        os.chdir(before)
    return names


@pytest.mark.slow
def test_the_image_of_a_text_is_an_image(names):
    assert names["inversion"].image.size == (64, 64)


@pytest.mark.slow
def test_the_tables_of_the_run_are_filled(names):
    run = names["run"]

    assert min(len(table) for table in (run.findings, run.prompts, run.images, run.scores)) > 0


@pytest.mark.slow
def test_the_policy_of_the_page_decides(names):
    assert names["decision"].policy == "my-controls"


@pytest.mark.slow
def test_a_run_is_no_different_from_itself(names):
    assert set(names["comparison"].changes["outcome"]) <= {"unchanged", "cannot tell"}


@pytest.mark.slow
def test_a_problem_says_what_to_do(names):
    assert "skewed" in names["remedy"]
