"""``clip-audit ablate``: what it answers, and that it goes on."""

from __future__ import annotations

import pytest

from audit.errors import ExitCode


@pytest.fixture(scope="module")
def words(phantom, suite):
    return ("ablate", phantom, "--suite", suite, "--part", "l1", "--device", "cpu", "--waive-sanity")


@pytest.fixture(scope="module")
def ablated(cli, words, place):
    return cli(*words, "--out", place / "ablation", "--json")


@pytest.mark.slow
def test_an_ablation_answers_with_one_object(ablated, place):
    assert ablated.code == ExitCode.OK, ablated.err
    told = ablated.json
    assert [row["name"] for row in told["rows"]] == ["unchanged", "other-seed", "l1-weak", "l1-strong"]
    assert told["rows"][2]["part"] == "l1"
    assert told["without_effect"] == ["l1-off"]
    assert "inverting" in ablated.err
    assert (place / "ablation" / "ablation.html").is_file()


@pytest.mark.slow
def test_given_again_it_shows_the_table_and_inverts_nothing(cli, words, place, ablated):
    again = cli(*words, "--out", place / "ablation")
    assert again.code == ExitCode.OK, again.err
    assert "inverting" not in again.err
    assert "l1-strong" in again.out
    assert "Without effect on fast: l1-off" in again.out


def test_a_part_that_there_is_not_is_a_usage_error(cli, phantom):
    said = cli("ablate", phantom, "--part", "blur", "--waive-sanity")
    assert said.code == ExitCode.USAGE
    assert "low-pass" in said.complaint
