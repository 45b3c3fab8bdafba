"""What a run found, for the trackers of experiments that teams have: a run of MLflow or of W&B.

Both get the same: parameters, the findings of whole suites with the ends of their intervals and their n, and the files
of a copy to pass on, without flagged pictures. A run is known by the digest of its ``run.json``, so that it gives one
run there, however often it is told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit.errors import ExitCode
from audit.evidence.files import file_digest
from audit.evidence.specs import read_spec
from audit.evidence.store import RUN_NAME
from audit.gate import exit_code
from audit.lenses import WHOLE_SUITE
from audit.pipeline.export_copy import share_report
from audit.pipeline.progress import Progress
from audit.records import Verdict
from audit.report.model import Pictured
from audit.report.statements import weights_digest, whole_suites

if TYPE_CHECKING:
    from audit.pipeline.examine import Outcome

TAG: Final = "clip_audit"
"""Before the names of our tags; alone, the tag of a version in a registry that passed."""
_PLAIN: Final = re.compile(r"[^\w./ -]")
_LONGEST: Final = 250
"""Characters of a name or a parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """What a tracker is told of a run."""

    name: str
    digest: str
    """SHA-256 of ``run.json``."""
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Path
    """The folder of a copy to pass on."""
    verdict: Verdict

    @property
    def exit_code(self) -> ExitCode:
        """Of the gate; where no policy was asked nothing passed."""
        return ExitCode.INCONCLUSIVE if self.verdict is Verdict.NONE else exit_code(self.verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a run is now."""

    address: str
    was_there: bool
    """Whether it was there already, whole, and nothing was added."""
    registered: bool = False
    """Whether the version in the registry has the tag."""


def tracked(
    folder: Path, copy: Path, progress: Progress, *, pictured: Pictured = "unflagged", pseudonymise: bool = False
) -> Tracked:
    """Return what is told of a finished run; a copy of its report is written into the folder ``copy``.

    Raises:
        UsageProblem: If ``folder`` is no run.
        InconclusiveProblem: If the run is not finished.
        EnvironmentProblem: If a file of the run was changed, or the copy cannot be written.
    """
    outcome = share_report(folder, copy, progress, pictured=pictured, pseudonymise=pseudonymise)
    decision, checkpoint = outcome.decision, outcome.evidence.checkpoint
    digest = file_digest(folder / RUN_NAME)
    tags = {
        "run": digest,
        "verdict": decision.verdict.value,
        "checkpoint": checkpoint.digest,
        "weights_sha256": weights_digest(checkpoint),
    }
    return Tracked(
        name=folder.absolute().name,
        digest=digest,
        parameters=_parameters(folder, outcome),
        metrics=_metrics(outcome),
        tags={f"{TAG}.{name}": value for name, value in tags.items() if value},
        files=copy,
        verdict=decision.verdict,
    )


def _parameters(folder: Path, outcome: Outcome) -> dict[str, str]:
    spec, decision, checkpoint = read_spec(folder), outcome.decision, outcome.evidence.checkpoint
    named = {key: value.get("name", "") for key in ("effort", "recipe") if isinstance(value := spec.get(key), Mapping)}
    told = {
        "checkpoint": checkpoint.name,
        "architecture": checkpoint.architecture,
        **named,
        "precision": spec.get("precision", ""),
        "seed": spec.get("seed", ""),
        "suites": ", ".join(sorted(outcome.evidence.prompts["suite"].unique())),
        "judges": ", ".join(sorted(outcome.evidence.judges)),
        "policy": "" if decision.policy is None else f"{decision.policy.name} ({decision.policy.digest[:16]})",
    }
    return {name: str(value)[:_LONGEST] for name, value in told.items() if value not in ("", None)}


def _metrics(outcome: Outcome) -> dict[str, float]:
    """Return the measured findings of whole suites, as they stand in a CycloneDX model card, with interval and n."""
    told: dict[str, float] = {}
    for finding in whole_suites(outcome.findings):
        estimate = finding.estimate
        about = finding.suite if finding.subject == WHOLE_SUITE else f"{finding.suite}/{finding.subject}"
        name = _PLAIN.sub("_", f"{about}/{finding.metric}")[: _LONGEST - 10]
        ends = {"": estimate.value, ".low": estimate.low, ".high": estimate.high}
        told |= {f"{name}{end}": value for end, value in ends.items() if value is not None and math.isfinite(value)}
        told |= {f"{name}.n_images": float(estimate.n_images), f"{name}.n_prompts": float(estimate.n_prompts)}
    return told
