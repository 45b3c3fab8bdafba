"""``clip-audit phantom``: the worlds that ship, training a phantom on one, and calibrating the audit on many."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.talk import Talk
from audit.early_checks import EFFORT_NAMES, check_choice, check_phantom, check_world, photo_names
from audit.errors import ExitCode, UsageProblem
from audit.opening import entries, files_below, is_file, is_folder, is_there, read_text, size_of

if TYPE_CHECKING:
    from audit.phantom.photographs import PhotoWorld
    from audit.phantom.world import World
    from audit.studies.calibrate import Calibration

app = typer.Typer(
    help="Checkpoints with planted biases: list, show, train, calibrate.",
    rich_markup_mode=None,
)

_PHOTO_JUDGE: Final = "photo-judge"
"""The phantom that judges phantom:photo."""

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME|DIR", help="A shipped phantom, or a folder that phantom train wrote.", show_default=False
    ),
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A phantom that comes with the program."""

    name: str
    folder: Path
    world: World

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(size_of(path) for path in files_below(self.folder) if is_file(path))


@app.command("list", epilog=o.example("clip-audit phantom list"))
def list_them(as_json: o.JsonOption = False) -> None:
    """List the shipped phantoms."""
    talk = Talk(as_json=as_json)
    found = shipped_phantoms()
    talk.table(
        ("checkpoint", "professions", "names", "things", "size"),
        [
            (
                f"phantom:{one.name}",
                len(one.world.professions),
                len(one.world.public_names),
                len(one.world.things),
                f"{one.size / 1e6:.1f} MB",
            )
            for one in found
        ],
    )
    for name in photo_names():
        talk.show(f"phantom:{name}, for photographs, is made once with: clip-audit phantom train {name}")
    talk.answer(
        {
            "phantoms": [
                {
                    "name": one.name,
                    "checkpoint": f"phantom:{one.name}",
                    "world": one.world.name,
                    "world_digest": one.world.digest,
                    "professions": len(one.world.professions),
                    "names": len(one.world.public_names),
                    "bytes": one.size,
                }
                for one in found
            ]
        }
    )


@app.command(epilog=o.example("clip-audit phantom truth skewed", "clip-audit phantom truth my_phantom --json"))
def truth(name: NameArgument, as_json: o.JsonOption = False) -> None:
    """Print what was planted in a phantom.

    Shares of men, of unclothed pictures, and of places.
    """
    talk = Talk(as_json=as_json)
    check_phantom(name)
    planted = _planted(name)
    rows = [
        (kind, concept, what, f"{share:.2f}")
        for kind, concepts in planted.items()
        for concept, shares in concepts.items()
        for what, share in shares.items()
    ]
    if rows:
        talk.table(("kind", "concept", "what", "share"), rows)
    else:
        talk.show(f"Nothing is planted in {name}.")
    talk.answer(planted)


def _planted(name: str) -> dict[str, dict[str, dict[str, float]]]:
    """Return what was planted in a phantom, of either kind of world."""
    from audit.phantom.world import PHOTOGRAPHS, WORLD_FILE, kind_of_world

    of_photographs = kind_of_world(Path(name) / WORLD_FILE) == PHOTOGRAPHS
    if of_photographs or name.removeprefix("phantom:") in photo_names():
        from audit.phantom.photographs import read_photo_world_of

        return read_photo_world_of(name).truth
    from audit.phantom.phantom_folder import read_phantom_world

    return read_phantom_world(name).truth


@app.command(epilog=o.example("clip-audit phantom sheet skewed --out sheet.png"))
def sheet(
    name: Annotated[
        str, typer.Argument(metavar="WORLD.toml|NAME", help="A world's file, or a phantom.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.png", help="Where the picture goes.")] = Path("sheet.png"),
    columns: Annotated[int, typer.Option("--columns", min=1, max=40, help="Pictures per concept.")] = 10,
    seed: o.SeedOption = 0,
    as_json: o.JsonOption = False,
) -> None:
    """Draw a contact sheet of a world.

    One row of pictures per concept.
    """
    talk = Talk(as_json=as_json)
    if out.suffix.lower() != ".png":
        raise UsageProblem(f"{out} does not end in .png.", remedy="Name a PNG file with --out.")
    if seed < 0:
        raise UsageProblem(f"The seed {seed} is negative.", remedy="Give --seed 0 or more.")
    check_world(name)
    from audit.evidence.files import disk_problems
    from audit.phantom.phantom_folder import find_world
    from audit.phantom.pictures import contact_sheet

    picture = contact_sheet(find_world(name), columns=columns, seed=seed)
    with disk_problems("Writing", out):
        picture.save(out, format="PNG")
    talk.show(f"Wrote {out}, {picture.width} x {picture.height} pixels.")
    talk.answer({"file": out, "width": picture.width, "height": picture.height})


@app.command(
    epilog=o.example(
        "clip-audit phantom train my_world.toml --out my_phantom",
        "clip-audit phantom train photo",
        "clip-audit phantom train photo-judge",
        "clip-audit run my_phantom --suite my_phantom/suites",
    )
)
def train(
    world: Annotated[
        str,
        typer.Argument(
            metavar="WORLD.toml|photo|photo-judge",
            help="The file of a world, or one that is made once.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="A new folder for it; photo has one.", show_default=False),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Instead of the world's own.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, max=200, help="Instead of the world's own.")] = None,
    precision: o.PrecisionOption = "auto",
    as_json: o.JsonOption = False,
) -> None:
    """Train a phantom on a world.

    Writes it as an open_clip folder, with suites in its own words. A world of photographs (docs/photographs.md) needs
    the extra photo; the shipped ones, photo and photo-judge, are made once and then are phantom:photo and its judge.
    """
    talk = Talk(as_json=as_json)
    from audit.phantom.world import PHOTOGRAPHS, kind_of_world, read_world
    from audit.precision import check_precision

    check_precision(precision)
    if world in photo_names() or kind_of_world(Path(world)) == PHOTOGRAPHS:
        _train_photo(talk, world, out, seed=seed, epochs=epochs)
        return
    if out is None:
        raise UsageProblem("Nothing says where the phantom goes.", remedy="Name a new folder with --out.")
    chosen = _adjusted(read_world(Path(world)), seed, epochs)
    _check_out(out)
    talk.say(f"Drawing {chosen.training.pictures:,} pictures of {chosen.name}")
    from audit.cli.progress_bars import show_progress
    from audit.evidence.files import disk_problems
    from audit.phantom.phantom_folder import save_phantom
    from audit.phantom.training import train as train_on
    from audit.suites import OWN_SUITES

    with o.resumable(talk, "Nothing was written."), show_progress(talk) as progress:
        begun: list[int] = []

        def hear(_step: int, steps: int, _loss: float) -> None:
            if not begun:
                begun.append(steps)
                progress.begin("training (steps)", steps)
            progress.advance(1)

        phantom = train_on(chosen, hear, precision=precision)
    with disk_problems("Writing", out):
        save_phantom(phantom, chosen, out)
    talk.show(
        f"Wrote {out}, trained in {phantom.precision}; the last loss was {phantom.final_loss:.3f}. "
        f"Audit it with: clip-audit run {out} --suite {out / OWN_SUITES}"
    )
    talk.answer(
        {
            "folder": out,
            "world": chosen.name,
            "world_digest": chosen.digest,
            "seed": chosen.training.seed,
            "epochs": chosen.training.epochs,
            "final_loss": phantom.final_loss,
            "precision": phantom.precision,
        }
    )


def _train_photo(talk: Talk, world: str, out: Path | None, *, seed: int | None, epochs: int | None) -> None:
    """Make a phantom for photographs, in its place in the user's folder or in one of the user's choice.

    Raises:
        UsageProblem: If a folder is missing, or something is set that such worlds don't have.
        EnvironmentProblem: If the package of the image tower is not installed.
    """
    from audit.packaged import PHOTO_WORLDS, made_phantoms
    from audit.phantom.photographs import read_photo_world
    from audit.suites import OWN_SUITES

    if epochs is not None:
        raise UsageProblem(
            "--epochs is for drawn worlds.", remedy="Set training.steps in the file of a world of photographs."
        )
    by_name = world in photo_names()
    chosen = read_photo_world(PHOTO_WORLDS / f"{world}.toml" if by_name else Path(world))
    if seed is not None:
        chosen = chosen.model_copy(update={"training": chosen.training.model_copy(update={"seed": seed})})
    if out is None and not (by_name and seed is None):
        raise UsageProblem("Nothing says where the phantom goes.", remedy="Name a new folder with --out.")
    place = made_phantoms() / world if out is None else out
    _check_out(place)
    _make_photo(talk, chosen, place)
    name = f"phantom:{world}" if out is None else str(out)
    if not chosen.groups:
        talk.show(f"Wrote {place}. Nothing is planted in it; it judges others: --judge zero_shot:{name}")
        return
    if out is not None and not is_folder(out / OWN_SUITES):
        talk.show(f"Wrote {place}. Its words go with no women and men: write a suite for it (prompts/README.md).")
        return
    own = "" if out is None else f" --suite {out / OWN_SUITES}"
    talk.show(f"Wrote {place}. Audit it with: clip-audit run {name}{own}")
    if not is_folder(made_phantoms() / _PHOTO_JUDGE):
        talk.show(f"Its judge is made once, too: clip-audit phantom train {_PHOTO_JUDGE}")


def _make_photo(talk: Talk, world: PhotoWorld, place: Path) -> None:
    """Train a phantom for photographs and write it."""
    from audit.cli.progress_bars import show_progress
    from audit.evidence.files import disk_problems
    from audit.phantom.photographs import save_photo, train_photo

    with o.resumable(talk, "Nothing was written."), show_progress(talk) as progress:
        begun: list[int] = []

        def hear(_step: int, steps: int, _loss: float) -> None:
            if not begun:
                begun.append(steps)
                progress.begin("training (steps)", steps)
            progress.advance(1)

        phantom = train_photo(world, hear)
    with disk_problems("Writing", place):
        save_photo(phantom, world, place)
    talk.answer(
        {
            "folder": place,
            "world": world.name,
            "world_digest": world.digest,
            "seed": world.training.seed,
            "steps": world.training.steps,
            "final_loss": phantom.final_loss,
        }
    )


def shipped_phantoms() -> list[Shipped]:
    """Return the phantoms that come with the program and hold their world, in the order of their names."""
    from pydantic import ValidationError

    from audit.packaged import PHANTOMS
    from audit.phantom.world import World

    found = []
    for file in sorted(PHANTOMS.glob("*/world.json")):
        try:
            world = World.model_validate_json(read_text(file))
        except (OSError, ValidationError, UnicodeDecodeError):
            continue
        found.append(Shipped(name=file.parent.name, folder=file.parent, world=world))
    return found


def _adjusted(world: World, seed: int | None, epochs: int | None) -> World:
    """Return the world with another seed or number of epochs in its training settings."""
    asked = {key: value for key, value in (("seed", seed), ("epochs", epochs)) if value is not None}
    training = world.training.model_copy(update=asked)
    if training.pictures < training.batch:
        raise UsageProblem(
            f"The world {world.name} has {training.pictures} pictures, fewer than one batch of {training.batch}.",
            remedy="Raise training.pictures or lower training.batch in the file of the world.",
        )
    return world.model_copy(update={"training": training})


def _check_out(out: Path) -> None:
    """Make the folder, before minutes are spent on what could not be written.

    Raises:
        UsageProblem: If it is a file, or holds something.
        EnvironmentProblem: If it cannot be made.
    """
    from audit.evidence.files import disk_problems

    if is_there(out) and (not is_folder(out) or any(entries(out))):
        raise UsageProblem(
            f"{out} is {'not empty' if is_folder(out) else 'a file'}.", remedy="Name a new folder with --out."
        )
    with disk_problems("Making the folder", out):
        out.mkdir(parents=True, exist_ok=True)


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
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the calibration study.")] = _OUT,
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
        raise UsageProblem(f"The seed {seed} is negative.", remedy="Give --seed 0 or more.")
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


app.command(
    epilog=o.example(
        "clip-audit phantom calibrate",
        "clip-audit phantom calibrate --worlds 14 --balanced 6 --out runs/calibration",
        "clip-audit phantom calibrate --take phantom:skewed --take my_phantom --effort quick",
    )
)(calibrate)
