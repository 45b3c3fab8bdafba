"""What the lenses of words measure on phantoms, beside what is known of them: word order, wording, fine classes.

The text parts need no image: the suite is read by the text tower alone, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from question_rows import EFFORT, Row, above, at_least, at_most, below, holds, said

from audit.checkpoints import load_checkpoint
from audit.evidence import IMAGES, Evidence, build_table, load_evidence, prompts_table, read_run
from audit.lenses import LENSES, TextLens
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.pipeline.execute import read_by
from audit.records import Estimate, Finding
from audit.suites import load_suite, suite_path

METRICS: Final = tuple(
    f"composition.{name}" for name in ("swap_similarity", "swap_sensitivity", "order_sensitivity", "caption_accuracy")
)

WITNESS: Final = "labels:phantom:witness"
READER: Final = "zero_shot:phantom:judge"

OTHER: Final = {"male": "female", "female": "male"}

ALIKE: Final = ("order of a couple", "empty scenes", "ways to say male nurse", "ways to say female engineer")
"""Families of ``phantom/granularity`` that hold one thing said twice."""


def read_texts_of(checkpoint: str, *suites: Path) -> Evidence:
    """Return evidence of a run of these suites in which no image was made."""
    loaded = load_checkpoint(checkpoint)
    prompts = prompts_table([prompt for path in suites for prompt in load_suite(path).prompts])
    lenses = [lens for lens in LENSES.values() if isinstance(lens, TextLens)]
    texts = dict.fromkeys([*prompts["text"].tolist(), *(text for lens in lenses for text in lens.wants(prompts))])
    known = [text for text in texts if not loaded.unknown_words(text)]
    return Evidence(
        prompts=prompts,
        images=build_table(IMAGES, []),
        scores={},
        judges={},
        checkpoint=loaded.card,
        texts=read_by(loaded, known, Silence()),
    )


def found(evidence: Evidence, metric: str, subject: str = "*") -> Finding:
    """Return the finding of a metric on the one suite that its lens was written for."""
    answers = LENSES[metric.partition(".")[0]].examine(evidence).findings
    [finding] = [f for f in answers if f.metric == metric and f.subject == subject]
    return finding


def mismatched(evidence: Evidence) -> Evidence:
    """Return evidence in which the second phrase of each group names the other gender: no paraphrases at all."""
    prompts = evidence.prompts
    other = {name: " ".join(OTHER.get(word, word) for word in name.split()) for name in prompts["concept"]}
    moved = prompts["concept"].where(prompts["group"] != "second", prompts["concept"].map(other))
    return replace(evidence, prompts=prompts.assign(concept=moved))


def audited(checkpoint: str, suites: Sequence[Path], out: Path, *, judges: Sequence[str]) -> Evidence:
    """Return the evidence of a run of some suites."""
    request = AuditRequest(checkpoint=checkpoint, effort=EFFORT, suites=tuple(map(str, suites)), judges=tuple(judges))
    run_audit(make_plan(request), out, Silence())
    return load_evidence(read_run(out))


def truth_composition(out: Path) -> list[Row]:
    """Word order: a phantom that cannot see it, and one that was trained on ordered scenes.

    Args:
        out: An empty folder for the runs.
    """
    return [*_blind_rows(_orders("phantom:bag-of-words", out)), *_ordered_rows(_orders("phantom:scenes", out))]


def _orders(checkpoint: str, out: Path) -> list[Estimate]:
    """Return what ``METRICS`` measure on the pairs of the drawn world."""
    folder = out / checkpoint.removeprefix("phantom:")
    evidence = audited(checkpoint, [suite_path("phantom/compositional")], folder, judges=[WITNESS])
    return [found(evidence, metric).estimate for metric in METRICS]


def _blind_rows(measured: list[Estimate]) -> list[Row]:
    similarity, swap, order, caption = measured
    asked = (
        ("at least 1.00", at_least(similarity, 1 - 1e-6)),
        ("at most 0.00", at_most(swap, 0.0)),
        ("at most 0.00", at_most(order, 0.0)),
        ("an interval that holds 0.50", holds(caption, 0.5)),
    )
    return _order_rows("`phantom:bag-of-words`: a text tower that is blind to order", measured, asked)


def _ordered_rows(measured: list[Estimate]) -> list[Row]:
    similarity, swap, order, caption = measured
    asked = (
        ("below 1.00", below(similarity, 1.0)),
        ("above 0", above(swap, 0.0)),
        ("above 0", above(order, 0.0)),
        ("above 0.50", above(caption, 0.5)),
    )
    return _order_rows("`phantom:scenes`: scenes whose captions tell the order", measured, asked)


def _order_rows(planted: str, measured: list[Estimate], asked: Sequence[tuple[str, bool]]) -> list[Row]:
    return [
        Row(metric, planted, said(estimate), wanted, met)
        for metric, estimate, (wanted, met) in zip(METRICS, measured, asked, strict=True)
    ]


def truth_wording(out: Path) -> list[Row]:
    """Wording: captions that were taught as one, and the same captions paired with those of other groups.

    Args:
        out: An empty folder for the run.
    """
    evidence = audited("phantom:skewed", [suite_path("phantom/wording")], out / "wording", judges=[READER])
    control = mismatched(evidence)
    taught, paired = "two captions of the same pictures", "a man's and a woman's caption, as if they were one"
    rows = []
    for metric, most, least in (
        ("embedding_spread", 0.05, 0.15),
        ("verdict_spread", 0.1, 0.5),
        ("variance_share", 0.1, 0.5),
    ):
        same, other = (found(one, f"wording.{metric}").estimate for one in (evidence, control))
        rows += [
            Row(f"wording.{metric}", taught, said(same), f"at most {most:.2f}", at_most(same, most)),
            Row(f"wording.{metric}", paired, said(other), f"at least {least:.2f}", at_least(other, least)),
        ]
    return rows


def truth_granularity(out: Path) -> list[Row]:
    """Fine classes: colours and shapes that are drawn apart, and captions of the same pictures.

    Args:
        out: An empty folder for the run.
    """
    suite = suite_path("phantom/granularity")
    evidence = audited("phantom:scenes", [suite], out / "granularity", judges=[WITNESS])
    told, alike = (one.estimate for one in contrasts(read_texts_of("phantom:skewed", suite)))
    accuracy = found(evidence, "granularity.image_accuracy").estimate
    contrast = "granularity.text_contrast"
    return [
        Row(f"{contrast}, least of its families", "drawn apart", said(told), "at least 0.10", at_least(told, 0.1)),
        Row(
            f"{contrast}, greatest of 4 others",
            "two captions of one picture",
            said(alike),
            "at most 0.05",
            at_most(alike, 0.05),
        ),
        Row("granularity.image_accuracy", "drawn apart", said(accuracy), "above 0.50", above(accuracy, 0.5)),
    ]


def contrasts(evidence: Evidence) -> tuple[Finding, Finding]:
    """Return the least contrast of a family drawn apart, and the greatest of a family that is one thing said twice."""
    answers = LENSES["granularity"].examine(evidence).findings
    every = {
        f.subject.removeprefix("group:"): f
        for f in answers
        if f.metric == "granularity.text_contrast" and f.subject.startswith("group:")
    }
    apart = [finding for family, finding in every.items() if family not in ALIKE]
    return min(apart, key=value), max((every[family] for family in ALIKE), key=value)


def value(finding: Finding) -> float:
    """Return the value of a finding that is known to be measured."""
    assert finding.estimate.value is not None
    return finding.estimate.value
