"""A run of W&B, sent or kept beside for later, as its own settings say."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from audit.codec import pretty_json
from audit.errors import EnvironmentProblem, UsageProblem, missing_extra
from audit.evidence.files import write_atomically
from audit.opening import entries, files_below, is_file
from audit.pipeline.trackers import Placed, Tracked

try:
    import wandb
except ImportError as error:
    raise missing_extra(f"Telling wandb needs a package: {error}.", "wandb") from error

_WRITTEN: Final = "clip-audit.json"
"""In the folder of a run that is kept for later: it is whole."""


def to_wandb(told: Tracked, project: str) -> Placed:
    """Make a run of W&B; online, offline or not at all, as ``WANDB_MODE`` and its other settings say.

    Its summary has the metrics, its configuration the parameters. Nothing of this machine is told besides.

    Raises:
        UsageProblem: If it is switched off.
        EnvironmentProblem: If W&B does not answer, or does not know us.
    """
    name = told.digest[:16]
    try:
        place = _kept_in()
        for folder in entries(place, f"offline-run-*-{name}"):
            if is_file(folder / _WRITTEN):
                return Placed(address=str(folder), was_there=True)
        with wandb.init(
            project=project,
            id=name,
            name=told.name,
            config={**told.parameters, **told.tags},
            resume="allow",
            settings=_wandb_settings(),
        ) as run:
            run.summary.update(dict(told.metrics))
            for path in files_below(told.files):
                run.save(path, base_path=told.files, policy="now")
            address, folder, known = "" if run.offline else run.url, Path(run.dir).parent, run.resumed
    except (wandb.Error, OSError) as error:
        raise EnvironmentProblem(
            f"W&B could not be told ({type(error).__name__}).",
            remedy="Log in with `wandb login`, or set WANDB_MODE=offline and send the run later with `wandb sync`.",
        ) from error
    if address:
        return Placed(address=address, was_there=known)
    write_atomically(folder / _WRITTEN, pretty_json({"run": told.digest}))
    return Placed(address=str(folder), was_there=False)


def _kept_in() -> Path:
    """Return where W&B keeps its runs here.

    Raises:
        UsageProblem: If it is switched off.
    """
    settings = wandb.setup().settings
    if settings.mode == "disabled":
        raise UsageProblem("W&B is switched off.", remedy="Set WANDB_MODE to online or offline.")
    return Path(settings.wandb_dir)


def _wandb_settings() -> wandb.Settings:
    return wandb.Settings(
        console="off",
        disable_git=True,
        disable_job_creation=True,
        save_code=False,
        silent=True,
        symlink=False,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
