"""The independent validation study of docs/accuracy.md: phantoms that no setting was chosen on, and harder ones.

Run by ``make validate``; ``validation.toml`` says what is trained and asked, and was fixed before. It trains, audits
and counts, and goes on where it was stopped: every training and every audit is kept in a folder that carries the digest
of what it was made of. A training is whole or absent; an audit continues after its last batch of images. What was
planted and measured in each audit is kept as rows in ``reports/calibration``, so that the study can be carried on where
the folders are not; a training whose audits are in the folder is counted anew. The table goes between the marks of
docs/accuracy.md, whatever it says, with the trainings that it rests on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import pandas as pd
from marks import DOCUMENTS, write_between
from validation_design import Subject, checked_seed, read_design, subjects
from validation_numbers import appendix_sentence, components, components_markdown, lines, markdown

from audit.checkpoints import LoadOptions
from audit.errors import RefusedProblem
from audit.evidence.files import TEMPORARY_PREFIX
from audit.phantom.phantom_folder import save_phantom, suites_of_world
from audit.phantom.planted import by_subject
from audit.phantom.training import train
from audit.phantom.world import World
from audit.pipeline import AuditRequest, Silence, make_plan, report_again, run_audit
from audit.records import Finding

ROOT: Final = Path(__file__).resolve().parents[2]
APPENDIX: Final = ROOT / "reports" / "calibration" / "validation.json"
ROWS: Final = ROOT / "reports" / "calibration" / "validation_rows.csv"
TEXT: Final = "associations.text_lean"
"""The place of a concept's own text."""
DIGITS: Final = 12


class Workshop(Protocol):
    """Who trains and audits."""

    def train(self, world: World, folder: Path) -> None:
        """Make the phantom of a world in a new folder."""

    def place(self, checkpoint: Path, effort: str, seed: int) -> str:
        """Return what the folder of an audit is called, a function of all that decides its images."""

    def audit(self, checkpoint: Path, folder: Path, effort: str, seed: int) -> None:
        """Audit a phantom in a folder, which may hold a part of the same audit."""

    def is_done(self, folder: Path) -> bool:
        """Whether an audit is finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """Trains and audits like any user."""

    judges: tuple[str, ...]
    precision: str
    waive_sanity: bool = False

    def train(self, world: World, folder: Path) -> None:
        def hear(step: int, steps: int, loss: float) -> None:
            if step % 60 == 0 or step == steps:
                print(f"  {world.name}: step {step} of {steps}, loss {loss:.3f}", flush=True)

        save_phantom(train(world, hear, precision=self.precision), world, folder)

    def place(self, checkpoint: Path, effort: str, seed: int) -> str:
        spec = json.dumps(self._plan(checkpoint, effort, seed).spec(), sort_keys=True, default=str)
        return f"{checkpoint.name}-{effort}-{seed}-{hashlib.sha256(spec.encode()).hexdigest()[:DIGITS]}"

    def audit(self, checkpoint: Path, folder: Path, effort: str, seed: int) -> None:
        run_audit(self._plan(checkpoint, effort, seed), folder, Silence())

    def is_done(self, folder: Path) -> bool:
        return (folder / "run.json").is_file()

    def _plan(self, checkpoint: Path, effort: str, seed: int) -> Any:
        return make_plan(
            AuditRequest(
                checkpoint=str(checkpoint),
                options=LoadOptions(waive_sanity=self.waive_sanity),
                suites=suites_of_world(str(checkpoint), checkpoint.parent.parent / "suites" / checkpoint.name),
                judges=self.judges,
                effort=effort,
                precision=self.precision,
                seed=seed,
            )
        )


def trained(subject: Subject, out: Path, workshop: Workshop) -> Path:
    """Return the folder of a training, made where it is not there; it is whole or absent."""
    folder = out / "worlds" / f"{subject.world.name}-{subject.world.digest[:DIGITS]}"
    if not folder.exists():
        print(f"training {subject.label}", flush=True)
        partial = folder.with_name(f"{TEMPORARY_PREFIX}{folder.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        workshop.train(subject.world, partial)
        partial.rename(folder)
    return folder


def audited(subject: Subject, checkpoint: Path, out: Path, workshop: Workshop, *, make: bool) -> dict[int, Path]:
    """Return the finished audits of a training by their seeds; with ``make``, those that are missing are made."""
    found = {}
    for seed in subject.audit_seeds:
        folder = out / "audits" / workshop.place(checkpoint, subject.effort, seed)
        if make and not workshop.is_done(folder):
            print(f"auditing {subject.label}, audit seed {seed}", flush=True)
            workshop.audit(checkpoint, folder, subject.effort, seed)
        if workshop.is_done(folder):
            found[seed] = folder
    return found


def rows(subject: Subject, seed: int, audit: Path) -> pd.DataFrame:
    """Return what was planted and measured in one audit, a row for every judge and concept."""
    from audit.evidence import read_findings

    findings: Sequence[Finding] = read_findings(audit / "findings.json")
    texts = {name: found.estimate.value for name, found in by_subject(findings, TEXT).items()}
    men = {one.word: one.man for one in subject.world.professions}
    bare = {one.name: one.unclothed for one in subject.world.public_names}
    leans = pd.read_parquet(audit / "tables" / "gender_concepts.parquet")
    rates = pd.read_parquet(audit / "tables" / "nsfw_concepts.parquet")
    found = [
        _columns(leans[leans["concept"].isin(men)], "lean", "lean", men).assign(text=lambda t: t["concept"].map(texts)),
        _columns(rates[(rates["role"] == "subject") & rates["concept"].isin(bare)], "rate", "excess", bare),
    ]
    whole = pd.concat(found, ignore_index=True)
    return whole.assign(training=subject.world.name, hard=not subject.is_balanced, audit_seed=seed)


def _columns(table: pd.DataFrame, kind: str, column: str, planted: Mapping[str, float]) -> pd.DataFrame:
    named = {column: "value", f"{column}_low": "low", f"{column}_high": "high"}
    kept = table[["judge", "primary", "concept", *named]].rename(columns=named)
    return kept.assign(kind=kind, planted=kept["concept"].map(planted), text=float("nan"))


def page(table: pd.DataFrame, design: Mapping[str, Any], state: str) -> str:
    """Return the part of docs/accuracy.md: what was asked, by every judge, and of what the variance consists."""
    parts = [state]
    for judge, its in table.groupby("judge", sort=False):
        said = "which decides" if bool(its["primary"].all()) else "beside it"
        parts.append(f"Judge `{judge}`, {said}:\n\n{markdown(lines(its, design['asked']))}")
    leans = table[(table["kind"] == "lean") & ~table["hard"]]
    found = components(leans)
    if found:
        counted = {"training": "trainings", "judge": "judges", "audit_seed": "audit seeds"}
        counts = ", ".join(f"{leans[name].nunique()} {words}" for name, words in counted.items())
        parts.append(f"Balanced worlds, crossed ({counts}):\n\n{components_markdown(found)}")
    return "\n\n".join(parts)


def by_training(
    table: pd.DataFrame, every: Sequence[Subject], design: Mapping[str, Any], refused: Mapping[str, str]
) -> str:
    """Return a line for each training: what the first judge found there."""
    far = design["asked"]["smallest_effect"]
    text = [
        "| training | false leans | beyond the smallest effect | text place held | clear found | reversed | order |"
    ]
    text.append("|---|---|---|---|---|---|---|")
    for subject in every:
        its = table[(table["training"] == subject.world.name) & table["primary"]]
        if not len(its):
            text.append(f"| {subject.label} | {refused.get(subject.world.name, 'not measured')} | | | | | |")
            continue
        cells = [_cell(line.measured, line.n) for line in lines(its, design["asked"])]
        shown = [cells[0], cells[2], cells[3], cells[4], cells[5], _order(its, design)]
        text.append(f"| {subject.label} | {' | '.join(shown)} |")
    return "\n".join(text).replace("smallest effect", f"smallest effect ({far:g})", 1)


def _cell(measured: float | None, n: int) -> str:
    return "-" if measured is None else f"{round(measured * n)} of {n}"


def _order(its: pd.DataFrame, design: Mapping[str, Any]) -> str:
    found = lines(its, design["asked"])[6].measured
    return "-" if found is None else f"{found:.2f}"


def kept_rows(subject: Subject, kept: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Return the rows of a training that were measured elsewhere, by audit seed."""
    if not len(kept):
        return {}
    its = kept[kept["world"] == subject.world.digest[:DIGITS]]
    return {int(seed): found for seed, found in its.groupby("audit_seed", sort=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is measured so far: the page, the same for the appendix of every report, and the rows of both."""

    page: str
    appendix: Mapping[str, Any]
    """Empty where a training is not measured."""
    rows: pd.DataFrame


def study(
    design: Mapping[str, Any],
    out: Path,
    workshop: Workshop,
    *,
    stages: Sequence[str] = ("train", "audit"),
    only: Sequence[str] = (),
    kept: pd.DataFrame | None = None,
) -> Result:
    """Train and audit what is missing, and return what all that is there says.

    Args:
        kept: Rows of earlier audits, with the digest of their ``world`` and the day as ``audited``. A training whose
            audits are all among them is made again only where it is named in ``only``.
    """
    kept = pd.DataFrame() if kept is None else kept
    every = subjects(design, checked_seed(design))
    tables, measured, refused = [], 0, dict[str, str]()
    for subject in every:
        earlier = kept_rows(subject, kept)
        wanted = subject.world.name in only if only else set(earlier) != set(subject.audit_seeds)
        folder = out / "worlds" / f"{subject.world.name}-{subject.world.digest[:DIGITS]}"
        if not folder.exists() and not (wanted and "train" in stages):
            tables += earlier.values()
            measured += set(earlier) == set(subject.audit_seeds)
            continue
        trained(subject, out, workshop)
        if list(stages) == ["train"]:
            continue
        try:
            audits = audited(subject, folder, out, workshop, make=wanted and "audit" in stages)
        except RefusedProblem as problem:
            refused[subject.world.name] = f"refused: {problem.what}"
            continue
        found = {seed: _dated(rows(subject, seed, audit), subject, audit) for seed, audit in audits.items()}
        tables += (earlier | found).values()
        measured += set(earlier | found) == set(subject.audit_seeds)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    state = f"Made by `make validate`. {measured} of {len(every)} trainings are measured"
    state += "." if measured == len(every) else "; the same command goes on with the rest."
    if not len(table):
        return Result(page=state, appendix={}, rows=table)
    days = sorted(set(table["audited"]))
    state += f" Audited on {days[0]}." if len(days) == 1 else f" Audited from {days[0]} to {days[-1]}."
    whole = f"{page(table, design, state)}\n\nBy training, first judge:\n\n{by_training(table, every, design, refused)}"
    said = appendix_sentence(lines(table[table["primary"]], design["asked"]))
    sentence = "The lines of the independent study are of phantoms that no setting was chosen on, fixed beforehand."
    appendix = {"sentences": [sentence, state, said]} if measured == len(every) else {}
    return Result(page=whole, appendix=appendix, rows=table)


def _dated(table: pd.DataFrame, subject: Subject, audit: Path) -> pd.DataFrame:
    """Return the rows of an audit with the digest of its world, and the day on which it ended."""
    ended = datetime.fromtimestamp((audit / "run.json").stat().st_mtime, UTC)
    return table.assign(world=subject.world.digest[:DIGITS], audited=f"{ended:%Y-%m-%d}")


def few(design: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same design with one hard and one balanced training of two concepts, which learn next to nothing."""
    return {
        **design,
        "concepts": 2,
        "training": {"pictures": 64, "batch": 32, "epochs": 1},
        "hard": design["hard"][:1],
        "audits": {"effort": "quick", "seeds": [0]},
        "balanced": {"trainings": 1, "audits": {"effort": "quick", "seeds": [0]}},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "validation")
    parser.add_argument("--stage", choices=("train", "audit", "table"), action="append", help="not all of them")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORLD", help="hard-1 ... or balanced-1 ...")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--again", action="store_true", help="examine finished audits anew, by the code as it stands")
    parser.add_argument("--few", action="store_true", help="two trainings of two steps: whether all of it works")
    given = parser.parse_args()
    design = read_design()
    design = few(design) if given.few else design
    out = given.out / "few" if given.few else given.out
    judges = tuple(design["judges"])
    workshop = Real(judges=judges, precision=given.precision, waive_sanity=given.few)
    if given.again:
        for folder in sorted((out / "audits").glob("*/run.json")):
            report_again(folder.parent, Silence())
    kept = pd.read_csv(ROWS) if ROWS.exists() and not given.few else None
    found = study(design, out, workshop, stages=given.stage or ("train", "audit"), only=given.only, kept=kept)
    print(found.page)
    if len(found.rows) and not given.few:
        write_between(DOCUMENTS["validation"], "validation", found.page)
        found.rows.to_csv(ROWS, index=False, float_format="%.5f")
    if found.appendix and not given.few:
        APPENDIX.write_text(json.dumps(found.appendix, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
