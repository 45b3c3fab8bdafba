"""Cards come back as they went in, and judges do not change under their scores."""

from __future__ import annotations

import dataclasses

import pytest

from audit.errors import EnvironmentProblem, UsageProblem
from audit.evidence import (
    card_to_json,
    open_run,
    order_of_judges,
    read_checkpoint_card,
    read_judge_cards,
    read_run,
    write_judge_card,
)
from audit.records import JudgeCard


def test_cards_come_back_from_the_spec(run, judge, checkpoint):
    assert read_checkpoint_card(run) == checkpoint
    assert read_judge_cards(run) == {judge.name: judge}


def test_a_judge_asked_later_has_its_card_beside_its_scores(run, judge):
    later = JudgeCard(name="nudenet", digest="9" * 64, classes=("FACE",), asks=("nsfw",), lineage=("yolo",))
    write_judge_card(run, later)
    write_judge_card(run, later)
    assert read_judge_cards(read_run(run.path)) == {judge.name: judge, "nudenet": later}
    assert (run.path / run.folder_of("scores/nudenet") / "card.json").is_file()


@pytest.mark.parametrize("asked_later", [False, True])
def test_another_version_of_a_judge_is_not_mixed_in(run, judge, asked_later):
    if asked_later:
        judge = dataclasses.replace(judge, name="nudenet")
        write_judge_card(run, judge)
    with pytest.raises(UsageProblem, match="two versions"):
        write_judge_card(run, dataclasses.replace(judge, digest="0" * 64))


def test_a_judge_of_the_spec_needs_no_card_of_its_own(run, judge):
    write_judge_card(run, judge)
    assert not (run.path / "scores").exists()


@pytest.mark.parametrize(
    ("card", "words"),
    [({}, "JudgeCard.name"), ({"digest": 3}, "JudgeCard.digest"), ({"wing": 1}, "no field 'wing'"), ([], "object")],
)
def test_a_damaged_card_is_called_so(tmp_path, spec, judge, card, words):
    if card and isinstance(card, dict):
        card = {**spec["judges"][judge.name], **card}
    with (
        open_run(tmp_path / "run", {**spec, "judges": {judge.name: card}}) as run,
        pytest.raises(EnvironmentProblem, match=words),
    ):
        read_judge_cards(run)


def test_judges_keep_the_order_in_which_they_were_named(tmp_path, judge):
    stored = {**card_to_json(judge)}
    named = {name: {**stored, "name": name} for name in ("b", "a")}
    spec = {"schema_version": 1, "judges": named, **order_of_judges(list(named))}
    with open_run(tmp_path / "run", spec) as run:
        assert list(read_judge_cards(run)) == ["b", "a"]
    assert list(read_judge_cards(read_run(tmp_path / "run"))) == ["b", "a"]
