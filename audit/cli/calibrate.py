"""``clip-audit phantom calibrate``: how well the instrument finds what is planted, over many worlds."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.talk import Talk
from audit.early_checks import EFFORT_NAMES, check_choice, check_phantom, check_world
from audit.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from audit.studies.calibrate import Calibration

_DOSED: Final = 8
_BALANCED: Final = 4
_BASE: Final = "skewed"
_OUT: Final = Path("runs/calibration")


def calibrate(
    *,
    worlds: Annotated[
        int | None,
        typer.Option(
            "--worlds", min=1, max=99, help=f"Worlds to draw, every share another.  [default: {_DOSED}; 0 with --take]"
        ),
    ] = None,
    balanced: Annotated[
        int | None,
        typer.Option(
            "--balanced", min=0, max=99, help=f"Worlds to draw, nothing planted.  [default: {_BALANCED}; 0 with --take]"
        ),
    ] = None,
    take: Annotated[
        list[str] | None,
        typer.Option(
            "--take", metavar="NAME|DIR", help="A phantom to take as it is, instead of drawing; repeat for more."
        ),
    ] = None,
    base: Annotated[
        str,
        typer.Option("--world", metavar="WORLD.toml|NAME", help="The world whose shares are set anew in those drawn."),
    ] = _BASE,
    effort: o.EffortOption = "standard",
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other worlds, trainings and noise.")] = 0,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the calibration.")] = _OUT,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    waive_sanity: o.WaiveOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Calibrate the auditor on many phantoms.

    Draws worlds over a range of planted shares and rates, and worlds with nothing planted; trains a phantom on each
    (minutes), audits it, and measures dose against response, what is found, false alarms, the smallest gap that is
    found, and how often the reported intervals hold. Given again, it goes on where it stopped.
    """
    talk = Talk(as_json=as_json)
    if seed < 0:
        raise UsageProblem(f"The seed {seed} is negative.", remedy="Give a seed of 0 or more.")
    check_choice("effort", effort, EFFORT_NAMES)
    check_world(base)
    taken = tuple(take or ())
    for name in taken:
        check_phantom(name)
    dosed = (0 if taken else _DOSED) if worlds is None else worlds
    even = (0 if taken else _BALANCED) if balanced is None else balanced
    from audit.cli.progress_bars import show_progress
    from audit.phantom.phantom_folder import find_world
    from audit.precision import check_precision
    from audit.studies.calibrate.audited_worlds import CalibrationRequest
    from audit.studies.calibrate.audited_worlds import calibrate as calibrate_on
    from audit.studies.calibrate.calibration_page import write_calibration

    request = CalibrationRequest(
        base=find_world(base),
        dosed=dosed,
        balanced=even,
        taken=taken,
        effort=effort,
        seed=seed,
        device=o.pick_device(device),
        precision=check_precision(precision),
        waive_sanity=waive_sanity,
    )
    counts = ["--worlds", str(dosed)] * (dosed > 0) + ["--balanced", str(even)] * (even > 0)
    words = [*counts, *(word for name in taken for word in ("--take", name)), "--effort", effort, "--seed", str(seed)]
    words += ["--precision", precision] * (precision != "auto")
    words += ["--world", base] * (base != _BASE) + ["--waive-sanity"] * waive_sanity
    command = shlex.join(["clip-audit", "phantom", "calibrate", *words])
    kept = f"What is complete is kept in {out}: give the same command again and it goes on from there."
    with o.resumable(talk, kept), show_progress(talk) as progress:
        found = calibrate_on(request, out, progress, command=command)
    _tell(talk, found, write_calibration(found, out))


def _tell(talk: Talk, found: Calibration, files: tuple[Path, ...]) -> None:
    """Show what was measured.

    Raises:
        typer.Exit: With the code for inconclusive, if nothing was measured in any world.
    """
    import json

    from audit.studies.calibrate import calibration_text
    from audit.studies.calibrate.calibration_page import COLUMNS, calibration_lines, calibration_sentences

    for sentence in calibration_sentences(found):
        talk.show(sentence)
    talk.table(COLUMNS, [line.cells for line in calibration_lines(found)])
    talk.show(f"Written: {', '.join(map(str, files))}")
    talk.answer({"files": list(files), **json.loads(calibration_text(found))})
    if all(row.value is None for row in found.rows):
        talk.say("Nothing was measured in any world.", style="bold yellow")
        raise typer.Exit(int(ExitCode.INCONCLUSIVE))
