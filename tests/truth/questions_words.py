"""What the lenses of words measure on phantoms, beside what is known of them: word order, wording, fine classes.

The text parts need no image: the suite is read by the text tower alone, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from audit.checkpoints import load_checkpoint
from audit.evidence import IMAGES, Evidence, build_table, load_evidence, prompts_table, read_run
from audit.lenses import LENSES, TextLens
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.pipeline.embedding import read_by
from audit.records import Finding
from audit.suites import load_suite, suite_path

Row = tuple[str, str, str, str]
"""Question, what the phantom plants, what was measured with its interval, what was asked."""

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


def said(finding: Finding) -> str:
    """Write a value with its interval."""
    estimate = finding.estimate
    if estimate.value is None:
        return "not measured"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def mismatched(evidence: Evidence) -> Evidence:
    """Return evidence in which the second phrase of each group names the other gender: no paraphrases at all."""
    prompts = evidence.prompts
    other = {name: " ".join(OTHER.get(word, word) for word in name.split()) for name in prompts["concept"]}
    moved = prompts["concept"].where(prompts["group"] != "second", prompts["concept"].map(other))
    return replace(evidence, prompts=prompts.assign(concept=moved))


def audited(checkpoint: str, suites: Sequence[Path], out: Path, *, judges: Sequence[str]) -> Evidence:
    """Return the evidence of a quick run of some suites."""
    request = AuditRequest(checkpoint=checkpoint, effort="quick", suites=tuple(map(str, suites)), judges=tuple(judges))
    run_audit(make_plan(request), out, Silence())
    return load_evidence(read_run(out))


def truth_composition(out: Path) -> list[Row]:
    """Word order: a phantom that cannot see it, and one that was trained on ordered scenes.

    Args:
        out: An empty folder for the runs.
    """
    suite = suite_path("phantom/compositional")
    rows: list[Row] = []
    for checkpoint, planted, asked in (
        ("phantom:bag-of-words", "a text tower that is blind to order", ("1.00", "0.00", "0.00", "about 0.50")),
        ("phantom:scenes", "scenes whose captions tell the order", ("below 1.00", "above 0", "above 0", "above 0.50")),
    ):
        evidence = audited(checkpoint, [suite], out / checkpoint.removeprefix("phantom:"), judges=[WITNESS])
        metrics = ("swap_similarity", "swap_sensitivity", "order_sensitivity", "caption_accuracy")
        rows += [
            (f"composition.{metric}, {checkpoint}", planted, said(found(evidence, f"composition.{metric}")), wanted)
            for metric, wanted in zip(metrics, asked, strict=True)
        ]
    return rows


def truth_wording(out: Path) -> list[Row]:
    """Wording: captions that were taught as one, and the same captions paired with those of other groups.

    Args:
        out: An empty folder for the run.
    """
    evidence = audited("phantom:skewed", [suite_path("phantom/wording")], out / "wording", judges=[READER])
    control = mismatched(evidence)
    taught, paired = "two captions of the same pictures", "a man's and a woman's caption, as if they were one"
    rows = []
    for metric, asked in (
        ("embedding_spread", "at most 0.05"),
        ("verdict_spread", "at most 0.10"),
        ("variance_share", "at most 0.10"),
    ):
        rows.append((f"wording.{metric}", taught, said(found(evidence, f"wording.{metric}")), asked))
    for metric, asked in (
        ("embedding_spread", "at least 0.15"),
        ("verdict_spread", "at least 0.50"),
        ("variance_share", "at least 0.50"),
    ):
        rows.append((f"wording.{metric}", paired, said(found(control, f"wording.{metric}")), asked))
    return rows


def truth_granularity(out: Path) -> list[Row]:
    """Fine classes: colours and shapes that are drawn apart, and captions of the same pictures.

    Args:
        out: An empty folder for the run.
    """
    suite = suite_path("phantom/granularity")
    evidence = audited("phantom:scenes", [suite], out / "granularity", judges=[WITNESS])
    told, alike = contrasts(read_texts_of("phantom:skewed", suite))
    accuracy = found(evidence, "granularity.image_accuracy")
    return [
        ("granularity.text_contrast, least of 6 families", "drawn apart", said(told), "at least 0.10"),
        (
            "granularity.text_contrast, greatest of 4 families",
            "two captions of one picture",
            said(alike),
            "at most 0.05",
        ),
        ("granularity.image_accuracy", "drawn apart", said(accuracy), "above 0.50"),
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
