"""The chain of a finished run, link by link: columns, shards, the record of all files, evidence, report, decision.

Every command checks the chain when it opens a run and stops at the first link that is broken. Here all links are looked
at, so that a person is told which one it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audit.errors import AuditProblem, EnvironmentProblem, UsageProblem
from audit.evidence.reading import FINDINGS_NAME, load_evidence, read_findings, read_judge_cards
from audit.evidence.specs import read_json, read_spec
from audit.evidence.store import DECISION_NAME, RunFolder
from audit.opening import files_below, is_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the chain of a run."""

    name: str
    """One of: spec, record, shards, evidence, findings, decision; and signature, where one is checked."""
    about: str
    """What it binds to what, in words."""
    problem: str = ""
    """What is broken; empty where it holds."""

    @property
    def holds(self) -> bool:
        """Whether nothing is broken."""
        return not self.problem


def check_chain(folder: Path) -> tuple[Link, ...]:
    """Look at every link of a finished run; what rests on one that is broken is looked at all the same.

    Args:
        folder: The run.

    Raises:
        UsageProblem: If there is no run.
    """
    spec = _link("spec", "spec.json can be read, and this version knows its form", lambda: read_spec(folder))
    if not spec.holds:
        return (spec,)
    run = RunFolder(folder, spec=read_spec(folder), lock=None)
    rest: tuple[tuple[str, str, Callable[[], object]], ...] = (
        ("record", "run.json has the digest of every file, and each file has it", run.verify),
        (
            "shards",
            "every column of every shard has the digest in its footer",
            lambda: _shards(run),
        ),
        ("evidence", "prompts, images and scores fit each other, and lie in their ranges", lambda: load_evidence(run)),
        ("findings", "findings.json can be read", lambda: _findings(run)),
        ("decision", "decision.json is about these images, texts and scores", lambda: _decision(run)),
    )
    return (spec, *(_link(name, about, check) for name, about, check in rest))


def _link(name: str, about: str, check: Callable[[], object]) -> Link:
    try:
        check()
    except AuditProblem as problem:
        return Link(name=name, about=about, problem=problem.what)
    return Link(name=name, about=about)


def _shards(run: RunFolder) -> None:
    for path in files_below(run.path):
        parts = path.relative_to(run.path).parts
        if path.suffix == ".parquet" and path.name[0] != ".":
            run.read_shard(_kind(run, parts[:-1]), path.stem)


def _kind(run: RunFolder, folders: tuple[str, ...]) -> str:
    """Return the kind of the shards in a folder; what a judge is called stands in the spec or in its card."""
    kinds = {run.folder_of(f"scores/{name}").parts: f"scores/{name}" for name in read_judge_cards(run)}
    if folders not in kinds and not (len(folders) == 1 and re.fullmatch(r"[a-z_]+", folders[0])):
        raise EnvironmentProblem(f"{'/'.join(folders)} is no folder of this run.", remedy="Remove it.")
    return kinds.get(folders, folders[0])


def _findings(run: RunFolder) -> None:
    if is_file(run.path / FINDINGS_NAME):
        read_findings(run.path / FINDINGS_NAME)


def _decision(run: RunFolder) -> None:
    path = run.path / DECISION_NAME
    if not is_file(path):
        raise UsageProblem(f"{path} is missing: nothing was decided.", remedy="Give clip-audit report RUN.")
    run.check_decision()
    if not isinstance(read_json(path).get("results"), list):
        raise EnvironmentProblem(f"{path} is damaged: it lists no results.", remedy="Give clip-audit report RUN.")
