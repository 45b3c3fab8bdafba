"""``clip-audit doctor``: what this machine has, or what a checkpoint is; what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.errors import AuditProblem, ExitCode
from audit.opening import read_text, working_folder

if TYPE_CHECKING:
    from audit.checkpoints import LoadOptions

_PACKAGES: Final = (
    "clip-audit",
    "torch",
    "open_clip_torch",
    "transformers",
    "nudenet",
    "onnxruntime",
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
    "typst",
)
_PHANTOM_JUDGE: Final = "zero_shot:phantom:judge"
_LITTLE_MEMORY: Final = 2e9
_LITTLE_DISK: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the doctor's."""

    name: str
    state: str
    """One of: ok, missing, broken, refused, low."""
    found: str
    remedy: str = ""


CheckpointArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[CHECKPOINT]",
        help="Look at this checkpoint instead of the machine: what it is, how it will be read, what is missing.",
        show_default=False,
    ),
]


def doctor(
    checkpoint: CheckpointArgument = None,
    arch: o.ArchOption = None,
    preprocess: o.PreprocessOption = None,
    allow_pickle: o.PickleOption = False,
    waive_sanity: o.WaiveOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Say what is here, and how to get what is not.

    Looks at device, memory, disk, versions, judges, suites and phantoms. Exits 5 if something is missing. With a
    CHECKPOINT it says what that is, how it will be read and what says so, and what speaks against it, without an audit;
    it exits as `run` would.
    """
    talk = Talk(as_json=as_json)
    if checkpoint is not None:
        from audit.checkpoints import LoadOptions

        options = LoadOptions(arch=arch, preprocess=preprocess, allow_pickle=allow_pickle, waive_sanity=waive_sanity)
        raise typer.Exit(int(_look_at_checkpoint(talk, checkpoint, options)))
    talk.say("Checking; this loads the judges and takes a few seconds.")
    checks = [*_machine(), *_versions(), *_judges(), *_plugins(), _suites(), _phantoms(), _network()]
    talk.table(("what", "state", "found"), [(one.name, one.state, one.found) for one in checks])
    wrong = [one for one in checks if one.state != "ok"]
    for one in wrong:
        talk.show(f"{one.name}: {one.remedy}")
    talk.show("\nEverything is in place." if not wrong else "")
    talk.answer({"ok": not wrong, "checks": [asdict(one) for one in checks]})
    raise typer.Exit(int(ExitCode.ENVIRONMENT if wrong else ExitCode.OK))


def _look_at_checkpoint(talk: Talk, name: str, options: LoadOptions) -> ExitCode:
    """Show what a checkpoint is; return the exit code of the first thing that is wrong with it."""
    from audit.checkpoints import examine

    talk.say(f"Looking at {paragraph(name)}")
    found = examine(name, options)
    talk.table(("what", "found", "stated by"), [(one.name, one.found, one.source) for one in found.facts])
    for doubt in found.doubts:
        talk.warn(doubt)
    for problem in found.problems:
        talk.show(f"\n{paragraph(problem)}")
    code = found.problems[0].exit_code if found.problems else ExitCode.OK
    talk.show("" if found.problems else "\nIt can be audited.")
    talk.answer(
        {
            "ok": not found.problems,
            "checkpoint": name,
            "facts": [asdict(one) for one in found.facts],
            "doubts": found.doubts,
            "problems": [
                {"what": one.what, "remedy": one.remedy, "exit_code": int(one.exit_code)} for one in found.problems
            ],
        }
    )
    return code


def _machine() -> list[Check]:
    import torch

    from audit.precision import JUDGING, choose_precision

    name = o.pick_device("auto")
    described = torch.cuda.get_device_name() if name == "cuda" else platform.processor() or platform.machine()
    chosen = choose_precision("auto", torch.device(name))
    disk = shutil.disk_usage(working_folder())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        Check(name="device", state="ok", found=f"{name}: {described}"),
        Check(
            name="precision",
            state="ok",
            found=f"gradients in {chosen.precision} ({chosen.reason}); judges in {JUDGING}",
        ),
        Check(name="cores", state="ok", found=f"{cores} for this process, {torch.get_num_threads()} torch threads"),
        _memory(),
        _room("disk", disk.free, disk.total, _LITTLE_DISK, f"Free some space on the drive of {working_folder()}."),
    ]


def _memory(source: Path = Path("/proc/meminfo")) -> Check:
    """Return what Linux says of its memory; other systems keep it to themselves, which is no fault."""
    try:
        lines = dict(line.split(":", 1) for line in read_text(source).splitlines())
        free, total = (int(lines[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
    except (OSError, KeyError, ValueError, IndexError):
        return Check(name="memory", state="ok", found="not told by this system")
    return _room("memory", free, total, _LITTLE_MEMORY, "Close other programs.")


def _room(name: str, free: int, total: int, little: float, remedy: str) -> Check:
    low = free < little
    found = f"{free / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
    return Check(name=name, state="low" if low else "ok", found=found, remedy=remedy if low else "")


def _versions() -> list[Check]:
    checks = [Check(name="python", state="ok", found=platform.python_version())]
    for package in _PACKAGES:
        try:
            checks.append(Check(name=package, state="ok", found=version(package)))
        except PackageNotFoundError:
            remedy = f"Install it with `pip install {package}`."
            checks.append(Check(name=package, state="missing", found="not installed", remedy=remedy))
    return checks


def _judges() -> list[Check]:
    from audit.judges import load_judge
    from audit.pipeline.defaults import offline_judges

    checks = []
    for name in (_PHANTOM_JUDGE, *offline_judges()):
        try:
            card = load_judge(name).card
        except AuditProblem as problem:
            state = "refused" if problem.exit_code is ExitCode.REFUSED else "missing"
            found, remedy = paragraph(problem.what), paragraph(problem.remedy)
            checks.append(Check(name=f"judge {name}", state=state, found=found, remedy=remedy))
        else:
            found = f"answers {' and '.join(card.asks)}; digest {card.digest[:12]}"
            checks.append(Check(name=f"judge {name}", state="ok", found=found))
    found = "any transformers classifier, from a folder or from the hub (which needs the network)"
    return [*checks, Check(name="judge image_classifier", state="ok", found=found)]


def _plugins() -> list[Check]:
    """Return the judges and lenses of other packages; one that is broken stops no command that does without it."""
    from audit.judges import plugin_judges, plugin_kind
    from audit.lenses import PLUGINS

    problems: dict[tuple[str, str], AuditProblem] = {
        ("judge", name): problem for name, problem in plugin_judges().problems.items()
    }
    problems |= {("lens", name): problem for name, problem in PLUGINS.problems.items()}
    checks = []
    for name, plugin in plugin_judges().found.items():
        try:
            forms = ", ".join(plugin_kind(plugin).forms)
        except AuditProblem as problem:
            problems["judge", name] = problem
        else:
            checks.append(Check(name=f"judge {name}", state="ok", found=paragraph(f"{forms}, of {plugin.origin}")))
    for name, lens in PLUGINS.lenses.items():
        metrics = ", ".join(card.name for card in lens.card.metrics)
        checks.append(Check(name=f"lens {name}", state="ok", found=paragraph(f"{metrics}, of {lens.plugin.origin}")))
    return checks + [
        Check(name=f"{kind} {name}", state="broken", found=paragraph(one.what), remedy=paragraph(one.remedy))
        for (kind, name), one in problems.items()
    ]


def _suites() -> Check:
    from audit.suites import list_suites

    try:
        return Check(name="suites", state="ok", found=f"{len(list_suites())} shipped")
    except AuditProblem as problem:
        return Check(name="suites", state="missing", found=problem.what, remedy=problem.remedy)


def _phantoms() -> Check:
    from audit.cli.phantom import shipped_phantoms

    names = ", ".join(one.name for one in shipped_phantoms())
    remedy = "" if names else "Reinstall from a checkout, or train one: clip-audit phantom train WORLD.toml --out DIR."
    return Check(name="phantoms", state="ok" if names else "missing", found=names or "none", remedy=remedy)


def _network() -> Check:
    found = "not needed and not asked; only hf-hub: and open_clip: checkpoints and hub classifiers are fetched"
    return Check(name="network", state="ok", found=found)
