"""How the audit was made, what it could not measure, and how well the instrument finds what is planted.

The last is the appendix of every report: what ``make calibrate`` measured lies in ``reports/calibration`` as finished
texts and figures, and a report takes them over as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeGuard

import numpy as np
import pandas as pd

from audit.errors import EnvironmentProblem
from audit.evidence import Evidence, pilot_sentences, still_unanswered
from audit.lenses import CARDS, CONTROLS, LENSES, WHOLE_SUITE
from audit.lineage import kinship_of, relatives_among, without_matrices
from audit.packaged import CALIBRATION
from audit.records import CORRECTED, NOT_CORRECTED, CheckpointCard, Finding, JudgeCard, Status
from audit.report.findings import detail_of, differs, interval_of, is_measured, value_of
from audit.report.model import Appendix, Cell, Column, DrawnFigure, ReportInput, Table, Term
from audit.report.text import MINUS, NOT_MEASURED, NOTHING, STATUS_WORDS, clean, count, quote, show_number, title_of
from audit.suites import own_sentences

_LONGEST_REASON = 1000
_WITHOUT_ERROR = (
    "This run has no neutralised subjects: its intervals are without the instrument's own error, and so too narrow."
)
_NOT_INVERTED = "not_inverted"
_EXPLAINED_STATUSES = {
    Status.MISALIGNED.value: "the checkpoint finds that another concept's text matches the image at least as well",
    Status.STALLED.value: "its own text matches it best, but not by enough to tell it apart, or nothing is to be seen",
    Status.NOISE.value: "little but high frequencies",
    Status.NON_FINITE.value: "it holds values that are no numbers",
    _NOT_INVERTED: "noise as it is, a control of the judges",
}


def controls_table(tables: Mapping[str, pd.DataFrame], findings: Sequence[Finding]) -> Table:
    """Return the controls as a table, empty where none were measured.

    Args:
        tables: Tables of the lenses; read is "controls".
        findings: All findings; those of the controls lens give interval and n where the table names their metric.
    """
    columns = (
        Column(label="Control"),
        Column(label="Measured", numeric=True),
        Column(label="Interval · images / prompts", numeric=True),
        Column(label="Target"),
        Column(label="State"),
    )
    measured = tables.get(CONTROLS)
    known = {finding.metric: finding for finding in findings if finding.lens == CONTROLS}
    records = [] if measured is None else measured.to_dict("records")
    rows = tuple(_control_row(row, known.get(str(row.get("metric", "")))) for row in records)
    caption = (
        "Controls: prompts whose answer is known, with interval and n as images / prompts. Passed: the whole interval "
        "lies on the good side of the target; failed: on the bad side; not shown: in between, which is not passed. No "
        "rule about a question passes without its controls."
    )
    return Table(name=CONTROLS, caption=caption, columns=columns, rows=rows)


def _control_row(row: Mapping[Hashable, object], finding: Finding | None) -> tuple[Cell, ...]:
    return (
        Cell(text=clean(row["control"], longest=80)),
        Cell(text=_show_measured(row["measured"])),
        Cell(text=NOTHING if finding is None else detail_of(finding)),
        Cell(text=_show_measured(row["target"])),
        Cell(text=clean(row.get("state") or ("passed" if has_passed(row["passed"]) else "not passed"), longest=20)),
    )


def doubted_questions(table: pd.DataFrame | None) -> frozenset[str]:
    """Return the questions of which a control has not passed; "" is every question."""
    if table is None or table.empty or "question" not in table:
        return frozenset({""} if table is None or table.empty or not all(map(has_passed, table["passed"])) else ())
    return frozenset(map(str, table.loc[[not has_passed(value) for value in table["passed"]], "question"]))


def distrusted(table: pd.DataFrame) -> str:
    """Say what cannot be trusted for want of controls that passed."""
    questions = doubted_questions(table)
    if "" in questions:
        return "Nothing below can be trusted."
    return f"What judges read of {' and '.join(sorted(clean(one, longest=20) for one in questions))} cannot be trusted."


def has_passed(value: object) -> bool:
    """Tell whether a control passed; a missing answer is none."""
    return isinstance(value, bool | np.bool_) and bool(value)


def _show_measured(value: object) -> str:
    """Write what a control measured or should measure: a number as in the rest of the report, else as text."""
    return show_number(value) if isinstance(value, float) else _show_setting(value)


def missing_sentences(findings: Sequence[Finding], evidence: Evidence, spec: Mapping[str, object]) -> tuple[str, ...]:
    """Say how much was asked, how much of it gave no evidence, and which suites were left out."""
    images = evidence.images[~evidence.is_noise_control]
    unusable = int((images["status"] != Status.CONVERGED.value).sum())
    silent = sum(1 for finding in findings if not is_measured(finding))
    prompts = count(int(images["prompt_id"].nunique()), "prompt")
    left_out = spec.get("left_out")
    answered = {question for judge in evidence.judges.values() for question in judge.asks}
    suites = list(map(str, evidence.prompts["suite"].unique()))
    return (
        *(clean(sentence, longest=_LONGEST_REASON) for sentence in still_unanswered(spec, suites, answered)),
        (
            f"Of {count(len(images), 'inversion')} of {prompts}, {unusable} did not converge and so are undetermined: "
            "counted, but never evidence."
        ),
        f"Of {count(len(findings), 'finding')}, {silent} have no value, for want of anything usable."
        if findings
        else "No finding was made: no lens had anything to measure.",
        *(clean(sentence, longest=_LONGEST_REASON) for sentence in own_sentences(suites)),
        *(clean(sentence, longest=_LONGEST_REASON) for sentence in (left_out if isinstance(left_out, list) else ())),
    )


def missing_tables(evidence: Evidence) -> tuple[Table, ...]:
    """Count the images by status, and those that each judge left unscored by reason."""
    tables = (_status_table(evidence), _unscored_table(evidence))
    return tuple(table for table in tables if table.rows)


def _status_table(evidence: Evidence) -> Table:
    images = evidence.images.merge(evidence.prompts[["prompt_id", "suite"]], on="prompt_id", how="left")
    images["status"] = images["status"].mask(evidence.is_noise_control.to_numpy(), _NOT_INVERTED)
    counted = images.groupby(["suite", "status"]).size().unstack(fill_value=0)
    words = {**STATUS_WORDS, _NOT_INVERTED: "Not inverted"}
    statuses = [one for one in words if one in counted.columns]
    statuses += sorted(set(map(str, counted.columns)) - set(words))
    columns = (
        Column(label="Suite"),
        *(Column(label=clean(words.get(status, status), longest=60), numeric=True) for status in statuses),
    )
    rows = tuple(
        (Cell(text=clean(suite, longest=80)), *(Cell(text=str(int(row.get(status, 0)))) for status in statuses))
        for suite, row in counted.iterrows()
    )
    told = "".join(f" {words[one]}: {_EXPLAINED_STATUSES[one]}." for one in statuses if one in _EXPLAINED_STATUSES)
    return Table(name="statuses", caption=f"Images by how their inversion ended.{told}", columns=columns, rows=rows)


def _unscored_table(evidence: Evidence) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for judge, table in evidence.scores.items():
        reasons = table.loc[table["reason"] != "", "reason"].value_counts()
        for reason, number in list(reasons.items())[:20]:
            amount = Cell(text=str(number), detail=f"of {len(table)}")
            rows.append((Cell(text=clean(judge, longest=80)), Cell(text=clean(reason)), amount))
    columns = (Column(label="Judge"), Column(label="Reason"), Column(label="Images", numeric=True))
    caption = "Images that a judge could not score. Missing is a status, never a zero."
    return Table(name="unscored", caption=caption, columns=columns, rows=tuple(rows))


def method_sentences(source: ReportInput) -> tuple[str, ...]:
    """Tell in plain words what was done, with what, and what the intervals mean."""
    recipe = source.spec.get("recipe")
    steps = recipe.get("steps") if isinstance(recipe, Mapping) else None
    how_long = f" in {clean(steps, longest=20)} steps" if steps is not None else ""
    judges = list(source.evidence.judges)
    others = (
        f"The findings are those of the first judge that answers a question; what the others of the {len(judges)} "
        "judges say stands in tables/, because two judges are not two samples."
    )
    scale = (
        "Texts of a scale were inverted from the same noise as their prompt: it said in two opposite ways, and three "
        "points between these. A lean is read off what the judge reads along its scale, and the middle of the scale "
        "divides the shares of woman and man, so that what a look does to the judge cancels."
    )
    return (
        (
            f"Each prompt was inverted{how_long}: an image was optimised from noise until the audited checkpoint finds "
            "that it matches the text (arXiv 2403.02580). Judges that never see the prompt scored the images."
        ),
        *(clean(one) for one in pilot_sentences(source.spec)),
        *settings_sentences(source.spec),
        *seed_sentences(source.spec),
        *precision_sentences(source.spec),
        (
            "The prompt is the unit of evidence, because the replicates of one prompt look alike: intervals come from "
            "prompts within a concept and from concepts within a suite."
        ),
        (
            "An image that did not converge, or that a judge could not read, counts as undetermined. Every number "
            "stands with its n and its interval."
        ),
        *told_in_method(source.findings),
        *((_WITHOUT_ERROR,) if _lacks_neutralised(source.evidence.prompts) else ()),
        *estimand_sentences(source.findings),
        *judge_error_sentences(source),
        *((scale,) if (source.evidence.prompts["role"] == "graded").any() else ()),
        *((others,) if len(judges) > 1 else ()),
    )


def told_in_method(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return what was measured of the instrument itself, in the words of the metrics' cards, with notes."""
    return tuple(
        " ".join(
            (
                CARDS[f.metric].told_in_method.format(
                    suite=quote(f.suite, longest=80), value=value_of(f), interval=interval_of(f)
                ),
                clean(f.note),
            )
        )
        for f in findings
        if f.metric in CARDS and CARDS[f.metric].told_in_method and is_measured(f)
    )


def estimand_sentences(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Say what the findings are estimates of, each once."""
    every = dict.fromkeys(clean(finding.estimand, longest=400) for finding in findings if finding.estimand)
    return (f"What is estimated: {' '.join(every)}",) if every else ()


def _lacks_neutralised(prompts: pd.DataFrame) -> bool:
    """Tell whether a run should have neutralised subjects and has none, as those of earlier versions."""
    lenses = [name for name, lens in LENSES.items() if lens.card.neutralises]
    scaled = (prompts["role"] == "graded") & prompts["lens"].isin(lenses)
    return bool(scaled.any() and not (prompts["role"] == "neutralised").any())


def judge_error_sentences(source: ReportInput) -> tuple[str, ...]:
    """Say once whether the errors of the judges are in the numbers; nothing where no number rests on a judge."""
    rest = [finding for finding in source.findings if finding.judge_error]
    corrected = [finding for finding in rest if finding.judge_error == CORRECTED]
    if not rest:
        return ()
    if not corrected:
        plain = (
            f"{count(len(rest), 'finding')} that rest on a judge: {NOT_CORRECTED}. Nobody labelled images of this run, "
            "so how often its judges are wrong is not in the intervals (--labels)."
        )
        return (plain,)
    metrics = sorted({CARDS[one.metric].title if one.metric in CARDS else one.metric for one in corrected})
    told = (
        f"{count(len(corrected), 'finding')} ({clean(', '.join(metrics), longest=200)}) are {CORRECTED} by labels that "
        "people gave to images of this run: by concept, partly pooled over concepts, what is not known of the errors "
        f"in the interval. The other {len(rest) - len(corrected)} that rest on a judge are not."
    )
    return (told,)


def judge_error_table(tables: Mapping[str, pd.DataFrame]) -> Table:
    """Return how often the judges are wrong by labels, over all concepts; empty where nobody labelled."""
    columns = (
        Column(label="Judge"),
        Column(label="Read as"),
        Column(label="Finds what is there", numeric=True),
        Column(label="Finds what is not", numeric=True),
        Column(label="Raters agree", numeric=True),
    )
    rows: list[tuple[Cell, ...]] = []
    for lens in LENSES.values():
        card = lens.card
        table = tables.get(card.errors_table)
        wholes = [] if table is None else table[table["concept"] == WHOLE_SUITE].to_dict("records")
        rows += [_error_row(card.name, row) for row in wholes]
    caption = (
        "What the judges get wrong, by labels of people: of labelled images of the whole run, each concept an own draw "
        "from what all concepts show. Agreement is Krippendorff's alpha, 0 as by lot. By concept: tables/."
    )
    return Table(name="judge-errors", caption=caption, columns=columns, rows=tuple(rows))


def _error_row(lens: str, row: Mapping[Hashable, object]) -> tuple[Cell, ...]:
    def share(name: str, detail: str) -> Cell:
        value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
        ends = f"{show_number(low)} to {show_number(high)}; " if _is_number(low) and _is_number(high) else ""
        return Cell(text=show_number(value) if _is_number(value) else NOT_MEASURED, detail=f"{ends}{detail}")

    images = f"{row['n_labelled']} images, {row['n_disputed']} disputed, {row['n_cannot_tell']} nobody could tell"
    return (
        Cell(text=clean(row["judge"], longest=80)),
        Cell(text=clean(lens, longest=40)),
        share("found", f"of {row['n_with']} images"),
        share("alarms", f"of {row['n_without']} images"),
        share("agreement", f"{row['raters']} raters, {images}"),
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, float) and math.isfinite(value)


def seed_sentences(spec: Mapping[str, object]) -> tuple[str, ...]:
    """Say of which seeds a run is that holds several audits; nothing of a run that is one."""
    first, audits = spec.get("seed"), spec.get("audit_seeds")
    if not isinstance(first, int) or not isinstance(audits, int):
        return ()
    what = f"This run is {audits} audits, of the seeds {first} to {first + audits - 1}, which count as one"
    why = "intervals hold what seeds make differ, because no two prompts share their noise"
    return (f"{what}: every prompt was inverted from noise of each, and {why}.",)


def precision_sentences(spec: Mapping[str, object]) -> tuple[str, ...]:
    """Say in which precision the images were made and judged, and what that decides; nothing where no spec says."""
    if "precision" not in spec:
        return ()
    device = f" on {clean(spec['device'], longest=20)}" if "device" in spec else ""
    judging = f", judges in {clean(spec['judging_precision'], longest=20)}" if "judging_precision" in spec else ""
    how = f"Gradients were computed in {clean(spec['precision'], longest=20)}{device}{judging}."
    return (f"{how} Another precision moves images as another seed does: compare audits of one precision.",)


def method_tables(source: ReportInput) -> tuple[Table, ...]:
    """Return the judges, the checkpoint and the settings as tables."""
    errors = judge_error_table(source.tables)
    return (
        judges_table(source.evidence.judges.values(), source.checkpoint),
        *((errors,) if errors.rows else ()),
        _checkpoint_table(source.checkpoint),
    )


def judges_table(judges: Collection[JudgeCard], checkpoint: CheckpointCard) -> Table:
    """Return the judges with what they were asked, their lineage and their known error."""
    columns = (Column(label="Judge"), Column(label="Asked"), Column(label="Lineage"), Column(label="Known error"))
    rows = tuple(
        (
            Cell(text=clean(judge.name, longest=80), detail=clean(judge.digest, longest=16)),
            Cell(text=clean(", ".join(judge.asks), longest=80), detail=_threshold(judge)),
            Cell(text=_lineage(judge.lineage), detail=clean(kinship_of(judge, checkpoint).sentence, longest=300)),
            Cell(text=clean(judge.known_error)),
        )
        for judge in judges
    )
    caption = (
        "Judges. One that shares weights or training data with the audited checkpoint is not independent of it; where "
        f"nothing is known, none is shown. Two CLIP judges are not two votes.{_one_opinion(judges)}"
    )
    return Table(name="judges", caption=caption, columns=columns, rows=rows)


def _threshold(judge: JudgeCard) -> str:
    if judge.threshold is None:
        return ""
    return clean(f"from {judge.threshold:g}{f' ({judge.unit})' if judge.unit else ''}", longest=120)


def _lineage(names: Iterable[str]) -> str:
    return ", ".join(clean(name, longest=24) for name in without_matrices(names)) or "none stated"


def _one_opinion(judges: Iterable[JudgeCard]) -> str:
    """Say which judges are relatives of each other."""
    pairs = relatives_among({judge.name: (judge.digest, *judge.lineage) for judge in judges})
    return "".join(
        f" {clean(one, longest=80)} and {clean(other, longest=80)} share {clean(', '.join(shared), longest=80)}: "
        "where they agree, that is one opinion."
        for one, other, shared in pairs
    )


def _checkpoint_table(card: CheckpointCard) -> Table:
    facts = {
        "name": card.name,
        "SHA-256 digest": card.digest,
        "architecture": card.architecture,
        "image size": f"{card.image_size} px",
        "embedding size": card.embedding_size,
        "context length": f"{card.context_length} tokens",
        "activation": "QuickGELU" if card.quick_gelu else "GELU",
        "pictures": card.preprocessing or "not kept with this run",
        "lineage": _lineage(card.lineage),
        **{f"doubt {number}": doubt for number, doubt in enumerate(card.doubts, start=1)},
    }
    return _two_columns("checkpoint", "The audited checkpoint.", ("Property", "Value"), facts)


def settings_sentences(spec: Mapping[str, object]) -> tuple[str, ...]:
    """Say by what recipe, effort and seed a run was made, where its spec says so."""
    recipe, effort = spec.get("recipe"), spec.get("effort")
    parts = []
    if isinstance(recipe, Mapping) and "name" in recipe:
        digest = f" ({clean(recipe['digest'], longest=20)})" if "digest" in recipe else ""
        parts.append(f"recipe {clean(recipe['name'], longest=40)}{digest}")
    name = effort.get("name") if isinstance(effort, Mapping) else effort
    parts += [f"effort {clean(name, longest=40)}"] if name else []
    parts += [f"seed {clean(spec['seed'], longest=20)}"] if "seed" in spec else []
    return (f"Settings: {', '.join(parts)}; every one is in spec.json.",) if parts else ()


def versions_sentence(versions: Mapping[str, str]) -> str:
    """Say what the audit was made with."""
    told = (f"{clean(name, longest=40)} {clean(version, longest=40)}" for name, version in versions.items())
    return f"Made with {', '.join(told)}."


def _two_columns(name: str, caption: str, heads: tuple[str, str], facts: Mapping[str, object]) -> Table:
    rows = tuple((Cell(text=clean(key, longest=80)), Cell(text=_show_setting(value))) for key, value in facts.items())
    return Table(name=name, caption=caption, columns=tuple(Column(label=head) for head in heads), rows=rows)


def _show_setting(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}".replace("-", MINUS) if math.isfinite(value) else NOT_MEASURED
        case None:
            return "none"
        case _:
            return clean(value) or "none"


def glossary(findings: Iterable[Finding]) -> tuple[Term, ...]:
    """Explain every metric that lies beyond its smallest effect somewhere, in the words of its lens."""
    shown = {finding.metric for finding in findings if differs(finding)}
    cards = [card for metric, card in CARDS.items() if metric in shown]
    return tuple(Term(name=card.title, meaning=f"{card.meaning} Unit: {card.unit}.") for card in cards)


TEXTS: Final = "appendix.json"
_CAPTIONS: Final = {
    "dose-response": "What audits measured against what was planted: leans, and rates of pictures read as unsafe.",
}
"""Of the figures that are shown; docs/accuracy.md has all."""
VALIDATION: Final = "validation.json"
"""What ``make validate`` measured, as sentences; absent until all of it was run."""
FIGURE_FILES: Final = {"dose-response": "dose_response.svg", "detection": "detection.svg"}
_INTRODUCTION: Final = (
    "The same auditor was run on phantoms, checkpoints whose biases were planted by training. This is what it found "
    "there; how well it does on a checkpoint of photographs is not known, since nobody knows what that one holds."
)


def shipped_appendix(folder: Path = CALIBRATION) -> Appendix:
    """Return the appendix of the calibration that ships.

    Args:
        folder: Of the files.

    Raises:
        EnvironmentProblem: If a file is missing or damaged.
    """
    try:
        texts = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
        if (folder / VALIDATION).is_file():
            study = json.loads((folder / VALIDATION).read_text(encoding="utf-8"))
            texts["sentences"] = [*texts["sentences"], *study["sentences"]]
        drawn = {
            name: (folder / file).read_text(encoding="utf-8")
            for name, file in FIGURE_FILES.items()
            if name in _CAPTIONS
        }
        return _appendix(texts, drawn)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise EnvironmentProblem(
            f"The calibration study at {folder} cannot be read.",
            remedy="Install clip-audit again, or restore it in a checkout: git checkout -- reports/calibration.",
        ) from problem


def _appendix(texts: Mapping[str, object], drawn: Mapping[str, str]) -> Appendix:
    lines, equivalents, sentences = texts["lines"], texts["equivalents"], texts["sentences"]
    if not (isinstance(lines, list) and isinstance(equivalents, dict) and isinstance(sentences, list)):
        raise TypeError("a text of the calibration is of another kind")
    columns = (Column(label="Asked"), *(Column(label=label) for label in ("Metric", "Measured", "Interval", "n")))
    rows = tuple(
        (Cell(text=asked), Cell(text=title_of(metric)), Cell(text=measured), Cell(text=interval), Cell(text=n))
        for asked, metric, measured, interval, n, _ in lines
    )
    return Appendix(
        title="Calibration on phantoms",
        sentences=(_INTRODUCTION, *map(str, sentences), f"Made by: {texts['command']}"),
        figures=tuple(
            DrawnFigure(
                name=name, caption=_CAPTIONS[name], equivalent=_titled(str(equivalents[name])), svg=_titled(svg)
            )
            for name, svg in drawn.items()
        ),
        table=Table(
            name="calibration-numbers", caption="What the calibration study measured.", columns=columns, rows=rows
        ),
    )


def _titled(text: str) -> str:
    """Call metrics by their titles."""
    for metric, card in CARDS.items():
        text = text.replace(metric, card.title)
    return text
