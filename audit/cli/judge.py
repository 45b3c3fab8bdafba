"""``clip-audit judge``: more judges for the images of a run; ``judge calibrate``: how they err on photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk
from audit.early_checks import check_run_folder
from audit.errors import UsageProblem
from audit.judges import check_judge
from audit.opening import is_folder

if TYPE_CHECKING:
    from audit.studies.own_images.judge_calibration import JudgeCalibration

_CALIBRATE = "calibrate"


def judge(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN | calibrate FOLDER LABELS",
            help="The folder of a run, or its URL; or the word calibrate, a folder of photographs, and what people say "
            "of them.",
            show_default=False,
        ),
    ],
    judges: Annotated[
        list[str],
        typer.Option(
            "--judge",
            metavar="JUDGE",
            help=f"{o.JUDGE_FORMS}; repeat for more.",
            show_default=False,
        ),
    ],
    device: o.DeviceOption = "auto",
    as_json: o.JsonOption = False,
) -> None:
    """Let more judges look at the images of a run.

    Then decides and reports anew; nothing is inverted again. A judge that shares lineage with the audited
    checkpoint is refused. With calibrate, the judges look at labelled photographs of your own instead: how often each
    is right, by group of people.
    """
    talk = Talk(as_json=as_json)
    for name in judges:
        check_judge(name)
    if words[0] == _CALIBRATE and len(words) == 3:
        _calibrate(talk, Path(words[1]), Path(words[2]), judges, device)
        return
    if len(words) > 1:
        raise UsageProblem(
            f"{len(words)} words are given where one run is expected.",
            remedy="Write judge RUN --judge JUDGE, or judge calibrate FOLDER LABELS --judge JUDGE.",
        )
    run = o.folder_named(words[0])
    check_run_folder(run)
    talk.say(f"Reading {run}")
    from audit.cli.outcome import finish
    from audit.cli.progress_bars import show_progress
    from audit.evidence.specs import read_spec
    from audit.pipeline import judge_again

    spec = read_spec(run)
    kept = f"What is complete is kept in {run}: give the same command again and it goes on from there."
    with o.resumable(talk, kept), show_progress(talk) as progress:
        outcome = judge_again(run, judges, o.pick_device(device), progress)
    raise finish(talk, outcome, spec)


def _calibrate(talk: Talk, folder: Path, labels: Path, judges: list[str], device: str) -> None:
    """Say how often judges are right on labelled photographs."""
    if not is_folder(folder):
        raise UsageProblem(f"{folder} is not a folder.", remedy="Name the folder of your photographs.")
    from audit.cli.progress_bars import show_progress
    from audit.codec import record_document
    from audit.judges import load_judge
    from audit.studies.own_images.judge_calibration import calibrate_judge, read_photo_labels

    rows = read_photo_labels(labels, folder)
    found = []
    with show_progress(talk) as progress:
        for name in judges:
            loaded = load_judge(name, device=o.pick_device(device))
            found.append(calibrate_judge(loaded, rows, folder, progress))
    for one in found:
        talk.conclude([(f"{one.judge}, which reads from {one.threshold:g}", "bold")])
        talk.table(_HEADS, _rows(one), concluding=True)
    talk.answer({"folder": folder, "judges": [record_document(one) for one in found], "warnings": talk.warnings})


_HEADS = ("question", "measure", "group", "share", "low", "high", "people", "less others", "corrected p")


def _rows(found: JudgeCalibration) -> list[tuple[object, ...]]:
    def shown(number: float | None) -> str:
        return "-" if number is None else f"{number:.2f}"

    return [
        (
            errors.question,
            measure,
            one.group,
            shown(one.rate.value),
            shown(one.rate.low),
            shown(one.rate.high),
            one.rate.n_clusters,
            shown(one.gap.value),
            shown(one.p_adjusted),
        )
        for errors in found.questions
        for measure, rates in (
            (f"sensitivity ({errors.thing})", errors.sensitivity),
            (f"specificity ({errors.opposite})", errors.specificity),
            ("read either way", errors.read),
        )
        for one in rates
    ]
