"""What people and other programs read of a run."""

from __future__ import annotations

import shlex

import pytest

from audit.checkpoints import LoadOptions
from audit.evidence import read_run
from audit.evidence.specs import repeat_command
from audit.pipeline import AuditRequest, make_plan


def spoken(request_for, **more) -> list[str]:
    return shlex.split(repeat_command(make_plan(request_for(**more)).spec()))


def after(words: list[str], option: str) -> list[str]:
    return [words[place + 1] for place, word in enumerate(words) if word == option]


def test_the_command_says_everything_that_was_asked(request_for):
    words = spoken(request_for, seed=3, recipe="careful", effort="standard", precision="fp32", judges=("nudenet",))
    asked = request_for()
    assert words[:2] == ["clip-audit", "run"]
    assert after(words, "--checkpoint") == [asked.checkpoint]
    assert after(words, "--suite") == list(asked.suites)
    assert after(words, "--judge") == ["nudenet"]
    assert after(words, "--recipe") == ["careful"]
    assert after(words, "--effort") == ["standard"]
    assert after(words, "--device") == ["cpu"]
    assert after(words, "--precision") == ["fp32"]
    assert after(words, "--seed") == ["3"]
    assert "--audit-seeds" not in words
    assert after(spoken(request_for, audit_seeds=2), "--audit-seeds") == ["2"]
    assert "--waive-sanity" in words
    assert "--allow-pickle" not in words


def test_the_command_makes_the_same_plan_again(request_for, quick_plan):
    words = shlex.split(repeat_command(quick_plan.spec()))
    request = AuditRequest(
        checkpoint=after(words, "--checkpoint")[0],
        options=LoadOptions(waive_sanity="--waive-sanity" in words),
        suites=tuple(after(words, "--suite")),
        judges=tuple(after(words, "--judge")),
        recipe=after(words, "--recipe")[0],
        effort=after(words, "--effort")[0],
        device=after(words, "--device")[0],
        precision=after(words, "--precision")[0],
        seed=int(after(words, "--seed")[0]),
    )
    assert make_plan(request).spec() == quick_plan.spec()


def test_a_name_with_spaces_stays_one_word():
    spec = {"checkpoint": {"name": "my models/a; rm -rf ~"}, "recipe": {"name": "fast"}, "effort": {"name": "quick"}}
    assert after(shlex.split(repeat_command(spec)), "--checkpoint") == ["my models/a; rm -rf ~"]


@pytest.mark.parametrize("name", ["report.html", "summary.md"])
def test_the_reports_name_the_checkpoint_and_its_digest(ran, name):
    text = (ran.folder / name).read_text(encoding="utf-8")
    assert ran.evidence.checkpoint.digest[:12] in text


def test_scores_are_written_as_tables_too(ran):
    run = read_run(ran.folder)
    names = [path.stem for path in (ran.folder / "tables").glob("scores_*.parquet")]
    assert len(names) == 1
    assert len(run.read_table(names[0])) == len(ran.evidence.images)
