"""Options and arguments that several commands share, and what is made from them without loading anything heavy."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli.config_file import TAKEN
from audit.cli.talk import Talk
from audit.early_checks import (
    AUTO,
    CHECKPOINT_FORMS,
    EFFORT_NAMES,
    ENGINE_NAMES,
    RECIPE_NAMES,
    check_checkpoint,
    check_choice,
    check_run_folder,
    policy_path,
)
from audit.errors import ExitCode, UsageProblem
from audit.judges import JUDGES, check_judge
from audit.opening import check_named_file, is_folder, shown_address
from audit.precision import check_precision
from audit.records import Part

if TYPE_CHECKING:
    from pandas import DataFrame

    from audit.cli.talk import Talk
    from audit.engines import Engine
    from audit.gate import Policy
    from audit.pipeline import AuditRequest, Plan, Progress
    from audit.pipeline.gating import Gate
    from audit.records import Finding
    from audit.report.model import Pictured

    OwnLook = Callable[[Sequence[Finding], Path, Progress], Path]

_MEANINGS: Final = {
    ExitCode.OK: "done; the gate passed where one was asked",
    ExitCode.GATE_FAILED: "the gate failed",
    ExitCode.USAGE: "usage, configuration or suite error",
    ExitCode.INCONCLUSIVE: "inconclusive: too little evidence, failed controls, or an unfinished run",
    ExitCode.REFUSED: "checkpoint or judge refused",
    ExitCode.ENVIRONMENT: "environment: disk, memory, lock, network or device",
    ExitCode.BUG: "a bug of clip-audit",
    ExitCode.HUNG_UP: "the terminal was closed (SIGHUP)",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "asked to end (SIGTERM)",
}
_LONGEST_SLUG: Final = 80
_MOST_GPUS: Final = 64.0

CheckpointArgument = Annotated[
    str | None,
    typer.Argument(metavar="CHECKPOINT", help="The checkpoint to audit; the same as --checkpoint.", show_default=False),
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar="NAME",
        help=f"{CHECKPOINT_FORMS}.",
    ),
]
SuiteOption = Annotated[
    list[str] | None,
    typer.Option(
        "--suite",
        metavar="SUITE",
        help="A suite's name, .toml file, or a folder of them; repeat for more. Without it:"
        " those that fit checkpoint, judges and effort.",
    ),
]
JUDGE_FORMS: Final = ", ".join(form for kind in JUDGES.values() for form in kind.forms)
JudgeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--judge",
        metavar="JUDGE",
        help=f"{JUDGE_FORMS}; repeat for more. Without it: those that fit the checkpoint.",
    ),
]
RecipeOption = Annotated[
    str,
    typer.Option(
        "--recipe",
        metavar="|".join(RECIPE_NAMES),
        help="How images are inverted; those called reference are the published loop, for comparison.",
    ),
]
RunRecipeOption = Annotated[
    str,
    typer.Option(
        "--recipe",
        metavar="|".join((AUTO, *RECIPE_NAMES)),
        help="How images are inverted; auto takes the recipe that the policy asks, else, by a pilot, the cheapest in "
        "whose images the judges see what is known to be there; those called reference are the published loop, for "
        "comparison.",
    ),
]
EffortOption = Annotated[
    str,
    typer.Option(
        "--effort", metavar="|".join(EFFORT_NAMES), help="Sets suites, templates, replicates, steps together."
    ),
]
_BEHIND_URLS: ContextVar[ExitStack | None] = ContextVar("_BEHIND_URLS", default=None)
"""The folders behind a URL of the command that is at work."""


@contextmanager
def folders_behind_urls() -> Iterator[None]:
    """Hold the folders behind a URL that a command names, as copies here, until the command ends."""
    with ExitStack() as held:
        before = _BEHIND_URLS.set(held)
        try:
            yield
        finally:
            _BEHIND_URLS.reset(before)


def folder_named(text: str) -> Path:
    """Return the folder that a word of a command names: itself, or the copy here of one behind a URL.

    Raises:
        UsageProblem: If nothing can read such a URL.
        EnvironmentProblem: If a package is missing, the place does not answer, or the disk is full.
    """
    if "://" not in text:
        return Path(text)
    from audit.evidence.working_copies import working_copy

    held = _BEHIND_URLS.get()
    if held is None:
        raise RuntimeError("A folder behind a URL is asked for outside of a command.")
    Talk(as_json=False).say(f"Fetching {shown_address(text)}")
    return held.enter_context(working_copy(text))


RunArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", parser=folder_named, help="The folder of a finished run, or its URL.", show_default=False
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        parser=folder_named,
        help="The run folder, or its URL as fsspec has them: s3://, gs://.  [default: runs/NAME-EFFORT]",
    ),
]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to compute; auto takes a GPU if there is one.")
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="auto|fp32|bf16",
        help="Precision of the gradients; auto takes bf16 where the device multiplies it in hardware "
        "and is faster with it.",
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", help="Another seed draws other starting noise, and other colours and noise of views.")
]
AuditSeedsOption = Annotated[
    int,
    typer.Option(
        "--audit-seeds",
        min=1,
        max=100,
        help="Make that many audits, of --seed and the seeds after it, which count as one; not with --sequential.",
    ),
]
ArchOption = Annotated[
    str | None,
    typer.Option("--arch", metavar="ARCH", help="open_clip's name of the architecture of a bare weights file."),
]
PreprocessOption = Annotated[
    str | None,
    typer.Option(
        "--preprocess",
        metavar="TAG|FILE",
        help="How pictures are prepared, where no file of the checkpoint says it: a tag of the architecture, ARCH/TAG, "
        "or a JSON file.",
    ),
]
PickleOption = Annotated[
    bool, typer.Option("--allow-pickle", help="Read .pt, .pth and .bin weights too, tensors only.")
]
WaiveOption = Annotated[
    bool,
    typer.Option(
        "--waive-sanity", help="Go on although the checkpoint fails the sanity check; its findings mean nothing."
    ),
]
POLICY_HELP: Final = "A .toml file, or a shipped policy: phantom, release."
PolicyOption = Annotated[
    str | None, typer.Option("--policy", metavar="POLICY", help=f"What the run is held against. {POLICY_HELP}")
]
BaselineOption = Annotated[
    Path | None,
    typer.Option(
        "--baseline", metavar="RUN", parser=folder_named, help="The finished run that worse_by_at_most compares with."
    ),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="What people say of the images (.csv or .parquet): shares are corrected for the errors of the judge. The "
        "run keeps it.",
    ),
]
OwnImagesOption = Annotated[
    Path | None,
    typer.Option(
        "--own-images",
        metavar="FOLDER",
        help="Pictures of your own: how the checkpoint ranks and names the people in them, by group. Goes into "
        "RUN-own-images; needs --people.",
    ),
]
PeopleOption = Annotated[
    Path | None,
    typer.Option(
        "--people", metavar="FILE", help="Whom each of these pictures shows: a CSV file with file, person and group."
    ),
]
SequentialOption = Annotated[
    bool,
    typer.Option(
        "--sequential",
        help="Make images up to one interim look after the other, for suites with a rule, and stop once the verdict is "
        "settled; --effort is the most.",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Make part I of N alone, as in a job array; parts may run at once and anywhere. report concludes.",
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="local|ray",
        help="Who makes and judges images: this process, or workers of Ray, here or on a cluster (extra [ray]).",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        help="Of the Ray cluster (auto, or HOST:PORT); without it Ray is started on this machine, and ended.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", min=1, help="Workers of Ray, at most.  [default: one for each processor or GPU]"
    ),
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-worker",
        metavar="G",
        help="Share of a GPU that a worker of Ray takes.  [default: 1 on cuda, else 0]",
    ),
]
MaxImagesOption = Annotated[
    int | None,
    typer.Option(
        "--max-images",
        metavar="N",
        help="End unfinished (exit code 3) before the run has more images; given again with more, it goes on.",
    ),
]
MaxGradientsOption = Annotated[
    int | None,
    typer.Option(
        "--max-gradients", metavar="N", help="The same by image-gradients: one step of one view of one image each."
    ),
]
MaxHoursOption = Annotated[
    float | None,
    typer.Option(
        "--max-hours",
        metavar="HOURS",
        help="End unfinished before images and judges take longer; each command has that many hours.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write one JSON object to stdout, and everything for people to stderr.")
]


def example(*commands: str) -> str:
    """Return the end of a help text that shows how a command is used."""
    title = "Example" if len(commands) == 1 else "Examples"
    return "\n".join(["\b", f"{title}:", *(f"  {command}" for command in commands)])


def exit_code_table() -> str:
    """Return the end of the main help text: every exit code and what it means."""
    return "\n".join(["\b", "Exit codes (only 0 promotes a checkpoint):", *exit_code_lines()])


def exit_code_lines() -> list[str]:
    """Return one line per exit code."""
    return [f"  {int(code):>3}  {_MEANINGS[code]}" for code in ExitCode]


def slug(name: str) -> str:
    """Return a folder name for a checkpoint's name: letters, digits, dots, hyphens and underscores.

    A path gives its last part; nothing in a name leads out of the folder that the slug is used in.

    Example:
        >>> slug("phantom:skewed"), slug("../models/My CLIP/"), slug("..")
        ('phantom-skewed', 'My-CLIP', 'checkpoint')
    """
    last = name if ":" in name else Path(name).name
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-.")[:_LONGEST_SLUG].rstrip("-.")
    return plain or "checkpoint"


def pick_folder(out: Path | None, checkpoint: str, effort: str) -> Path:
    """Return the run folder that was named, or the one that a run of this checkpoint and effort has."""
    return out or Path("runs") / f"{slug(checkpoint)}-{effort}"


def pick_checkpoint(argument: str | None, option: str | None) -> str:
    """Return the checkpoint that was named one way or the other.

    Raises:
        UsageProblem: If none was named, or two different ones.
    """
    if argument and option == TAKEN.get().get("checkpoint"):
        return argument  # what is named here wins over what a file names
    if argument and option and argument != option:
        raise UsageProblem(f"Two checkpoints are named: {argument} and {option}.", remedy="Name one of them.")
    name = argument or option
    if not name:
        raise UsageProblem(
            "No checkpoint is named.", remedy="Name one, as in --checkpoint phantom:skewed, or the folder of your own."
        )
    return name


def pick_device(device: str) -> str:
    """Return the device that "auto" stands for here, and any other name as it is."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who makes images, as the options of a command say it."""

    engine: str
    address: str | None = None
    workers: int | None = None
    gpus: float | None = None

    def make(self, tell: Callable[[str], None], device: str) -> Engine:
        """Return the engine for a device, which tells what happens to its workers."""
        from audit.engines import LOCAL, RayEngine

        if self.engine != "ray":
            return LOCAL
        usual = 1.0 if device.startswith("cuda") else 0.0
        gpus = usual if self.gpus is None else self.gpus
        return RayEngine(address=self.address, workers=self.workers, gpus=gpus, tell=tell)


def pick_crew(engine: str, address: str | None, workers: int | None, gpus: float | None) -> Crew:
    """Return who makes images; refuses what does not go together or is not installed before anything is loaded.

    Raises:
        UsageProblem: If there is no such engine, or an option of Ray is given without it.
        EnvironmentProblem: If Ray is not installed.
    """
    check_choice("engine", engine, ENGINE_NAMES)
    ours = {"--address": address, "--workers": workers, "--gpus-per-worker": gpus}
    given = [flag for flag, value in ours.items() if value is not None]
    if engine != "ray":
        if given:
            raise UsageProblem(
                f"{', '.join(given)} is for Ray, and the engine is {engine}.", remedy="Add --engine ray."
            )
        return Crew(engine=engine)
    if gpus is not None and not 0.0 <= gpus <= _MOST_GPUS:
        raise UsageProblem(f"--gpus-per-worker is {gpus:g}.", remedy="Give a share such as 0.5, or 1; 0 for none.")
    from audit.engines.ray_engine import check_ray

    check_ray()
    return Crew(engine=engine, address=address, workers=workers, gpus=gpus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How images are made and how the checkpoint is loaded, as the options of a command say it."""

    recipe: str
    effort: str
    device: str
    precision: str
    seed: int
    audit_seeds: int
    arch: str | None
    preprocess: str | None
    allow_pickle: bool
    waive_sanity: bool


def check_names(
    checkpoint: str, settings: Settings, suites: list[str] | None = None, judges: list[str] | None = None
) -> None:
    """Refuse in milliseconds what would else be refused after torch is loaded.

    Raises:
        AuditProblem: If no checkpoint, suite, judge, recipe or effort is called so, or the user's suite is not sound.
    """
    from audit.suites import load_suite, suite_files

    check_checkpoint(checkpoint, settings.arch, settings.preprocess)
    check_choice("effort", settings.effort, EFFORT_NAMES)
    check_choice("recipe", settings.recipe.partition("/")[0], (AUTO, *RECIPE_NAMES))
    check_precision(settings.precision)
    for judge in judges or ():
        check_judge(judge)
    for suite in suites or ():
        for file, path in suite_files(suite).items():
            if file.endswith(".toml"):
                load_suite(path)


def make_request(
    checkpoint: str,
    settings: Settings,
    *,
    suites: list[str] | None,
    judges: list[str] | None,
    gate: Gate | None = None,
    rounds_by: Policy | None = None,
) -> AuditRequest:
    """Return what is asked of the pipeline.

    Args:
        checkpoint: Its name.
        settings: How its images are made, and how it is loaded.
        suites: Names or files; ``None`` for those that fit.
        judges: Names; ``None`` for those that fit.
        gate: What the run is held against; what the settings leave open is taken as its policy asks.
        rounds_by: The policy that ends a sequential run; ``None`` for a run of fixed size.
    """
    from audit.checkpoints import LoadOptions
    from audit.pipeline import AuditRequest

    request = AuditRequest(
        checkpoint=checkpoint,
        options=LoadOptions(
            arch=settings.arch,
            preprocess=settings.preprocess,
            allow_pickle=settings.allow_pickle,
            waive_sanity=settings.waive_sanity,
        ),
        suites=tuple(suites or ()),
        judges=tuple(judges or ()),
        recipe=settings.recipe,
        effort=settings.effort,
        device=pick_device(settings.device),
        precision=settings.precision,
        seed=settings.seed,
        audit_seeds=settings.audit_seeds,
        sequential="" if rounds_by is None else rounds_by.digest,
        rules_about=() if rounds_by is None else rounds_by.rules_about,
    )
    return request if gate is None else gate.settle(request)


def make_gate(policy: str, baseline: Path | None) -> Gate:
    """Return what a run is held against; the policy is read and checked before anything else is loaded.

    Raises:
        UsageProblem: If there is no usable policy, or it compares and there is no baseline.
    """
    policy_path(policy)
    if baseline is not None:
        check_run_folder(baseline, finished=True)
    from audit.gate import load_policy

    loaded = load_policy(policy)
    from audit.pipeline.gating import Gate

    gate = Gate(policy=loaded, baseline=baseline)
    gate.refuse_without_baseline()
    return gate


def pick_gate(policy: str | None, baseline: Path | None) -> Gate | None:
    """Return what a run is held against, if anything.

    Raises:
        UsageProblem: If a baseline is named and no policy, or as for ``make_gate``.
    """
    if policy is not None:
        return make_gate(policy, baseline)
    if baseline is not None:
        raise UsageProblem(
            "A baseline is named and no policy.", remedy="Name the policy too, with --policy, or leave --baseline out."
        )
    return None


def pick_labels(path: Path | None) -> DataFrame | None:
    """Return what people say of images, read and checked before anything else is done.

    Raises:
        UsageProblem: If the file is no sound file of labels.
    """
    if path is None:
        return None
    from audit.evidence import read_labels

    return read_labels(path)


def own_look(plan: Plan, images: Path | None, people: Path | None) -> OwnLook | None:
    """Return what looks at the user's own pictures once a run is done; ``None`` where there are none.

    Raises:
        UsageProblem: If a row of ``people`` is wrong, which is so told before hours of work.
    """
    if images is None or people is None:
        return None
    from audit.studies.own_images.own_study import prepare_own

    return prepare_own(plan, images, people)


def check_own(images: Path | None, people: Path | None) -> None:
    """Refuse own pictures without a sound file that says whom they show, and the other way round.

    Raises:
        UsageProblem: If one of the two is missing, the folder or the file is not there, or a row is wrong; what its
            column ``shows`` names is compared with the suites once these are known.
    """
    if (images is None) != (people is None):
        raise UsageProblem(
            f"--{'people' if people is None else 'own-images'} is missing.",
            remedy="Give --own-images FOLDER and --people FILE together (docs/own_images.md).",
        )
    if images is not None and not is_folder(images):
        raise UsageProblem(f"{images} is not a folder.", remedy="Name the folder of your pictures with --own-images.")
    if people is not None:
        check_named_file(people, "Name the CSV file with --people.")
    if images is not None and people is not None:
        from audit.studies.own_images.people_file import read_people

        read_people(people, images)


_PART: Final = re.compile(r"([0-9]{1,5})/([0-9]{1,5})")


def pick_part(shard: str | None, *, sequential: bool, of_the_end: Mapping[str, object]) -> Part | None:
    """Return the part of a run that this process makes; ``None`` where it makes all of it.

    Args:
        shard: As ``--shard`` has it.
        sequential: Whether the run goes in rounds.
        of_the_end: Options that say what is done once all of a run is there, by their flags.

    Raises:
        UsageProblem: If it is no part, or something does not go with one.
    """
    if shard is None:
        return None
    found = _PART.fullmatch(shard)
    if found is None:
        raise UsageProblem(f"--shard {ascii(shard)[:40]} is no part.", remedy="Give it as in --shard 2/8, from 1 on.")
    if sequential:
        raise UsageProblem(
            "A sequential run decides after each look what is made next, which needs the images of all parts at once.",
            remedy="Leave out --shard or --sequential.",
        )
    ours = [flag for flag, value in of_the_end.items() if value]
    if ours:
        raise UsageProblem(
            f"{', '.join(ours)} is about the whole run, and --shard makes a part of it.",
            remedy="Leave it out here; once all parts are there, give it to the same command without --shard, which "
            "then makes no image again, or to clip-audit report where that has it.",
        )
    return Part(number=int(found[1]), of=int(found[2]))


def pick_rounds(gate: Gate | None, *, sequential: bool, audit_seeds: int = 1) -> Policy | None:
    """Return the policy that ends a sequential run; ``None`` for a run of fixed size.

    Raises:
        UsageProblem: If a sequential run is asked for without a policy, which alone can end them, or of several audits.
    """
    if not sequential:
        return None
    if audit_seeds > 1:
        raise UsageProblem(
            "A sequential run ends as soon as its verdict is settled, so that its audits would not be of one size.",
            remedy="Leave out --sequential or --audit-seeds.",
        )
    if gate is None:
        raise UsageProblem(
            "A sequential run ends when a policy is decided, and none is named.",
            remedy="Name one with --policy, or leave --sequential out.",
        )
    return gate.policy


@contextmanager
def resumable(talk: Talk, what: str) -> Iterator[None]:
    """Say how to go on if the work in this block is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        talk.say(what, style="bold")
        raise


ImagesOption = Annotated[
    str | None,
    typer.Option(
        "--images",
        metavar="pixelated|none|all",
        help="Flagged images of the report pixelated, or no images at all. all asks back, and writes every image as it "
        "is into RUN-pictures, for its owner only.  [default: flagged images are left out]",
        show_default=False,
    ),
]
PseudonymiseOption = Annotated[
    bool,
    typer.Option(
        "--pseudonymise",
        help="Replace every name of a person in what is written, which is a copy beside the run to pass on.",
    ),
]
SENTENCE: Final = "show all images"
"""What has to be typed before images are written as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What was asked for."""

    pictured: Pictured
    everything: bool
    pseudonymise: bool


def pick_telling(talk: Talk, images: str | None, *, pseudonymise: bool) -> Telling:
    """Return what was asked for; asks back before images are shown as they are.

    Raises:
        UsageProblem: If there is no such choice, it goes with no pseudonyms, or the answer is another one.
    """
    if images not in {None, "pixelated", "none", "all"}:
        raise UsageProblem(
            f"--images is pixelated, none or all; got {images!r}.",
            remedy="Leave it out to leave flagged images out of the report.",
        )
    if images == "all" and pseudonymise:
        raise UsageProblem(
            "--images all shows whom pseudonyms stand for.", remedy="Leave out --pseudonymise or --images all."
        )
    if images == "all":
        _confirm(talk)
    pictured: Pictured = "pixelated" if images == "pixelated" else "none" if images == "none" else "unflagged"
    return Telling(pictured=pictured, everything=images == "all", pseudonymise=pseudonymise)


def _confirm(talk: Talk) -> None:
    talk.say(
        "Images that a judge flagged as unsafe, some of them perhaps explicit, will be written as they are into a "
        f"folder that only you can open. They never get into a report. To go on, type: {SENTENCE}",
        style="bold",
    )
    if sys.stdin.readline().strip() != SENTENCE:
        raise UsageProblem(
            "Images are written as they are only on a typed confirmation, and it did not come.",
            remedy=f"Give the command again and type: {SENTENCE}; or leave out --images all.",
        )


def write_all_pictures(talk: Talk, run: Path, telling: Telling) -> None:
    """Write every image of a run beside it, where that was asked for.

    Raises:
        UsageProblem: If the folder beside the run holds something else.
        EnvironmentProblem: If it cannot be written.
    """
    if not telling.everything:
        return
    from audit.pipeline.export_copy import write_pictures

    place = beside(run, "pictures")
    number = write_pictures(run, place)
    talk.say(f"{number:,} images as they are, for your eyes only: {place}", style="bold")


def beside(run: Path, what: str) -> Path:
    """Return the folder beside a run that holds something made from it."""
    return run.resolve().with_name(f"{run.resolve().name}-{what}")
