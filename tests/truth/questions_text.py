"""What the lenses of texts find on phantoms, beside what was planted: no image is made, so it takes seconds.

``phantom:balanced`` has the same words as ``phantom:skewed`` and none of its differences: what is found there in the
order of what was planted in ``skewed`` is error.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from question_rows import Row, at_least, holds, said

from audit.checkpoints import load_checkpoint
from audit.evidence import IMAGES, Evidence, build_table, prompts_table
from audit.lenses import LENSES
from audit.phantom.phantom_folder import read_phantom_world
from audit.pipeline import Silence
from audit.pipeline.execute import read_by, wanted_texts
from audit.records import UNWORDED, Finding
from audit.stats import ClusterEstimate, spearman
from audit.suites import load_suite, suite_path

SUITES = ("phantom/neighbours", "phantom/associations", "phantom/professions")
PHANTOMS = ("phantom:skewed", "phantom:balanced")


def read_phantom(name: str) -> Evidence:
    """Return what a run of the suites would hold of a phantom if it made no image."""
    checkpoint = load_checkpoint(name)
    prompts = [prompt for suite in SUITES for prompt in load_suite(suite_path(suite)).prompts]
    table = prompts_table(prompts)
    own = [text for prompt in prompts if prompt.role not in UNWORDED for text in prompt.texts]
    wanted = [text for text in wanted_texts(table) if not checkpoint.unknown_words(text)]
    return Evidence(
        prompts=table,
        images=build_table(IMAGES, []),
        scores={},
        judges={},
        checkpoint=checkpoint.card,
        texts=read_by(checkpoint, tuple(dict.fromkeys((*own, *wanted))), Silence()),
    )


def findings(evidence: Evidence, metric: str, suite: str) -> dict[str, Finding]:
    """Return the findings of a metric on a suite, by subject."""
    answers = LENSES[metric.partition(".")[0]].examine(evidence).findings
    return {one.subject: one for one in answers if (one.metric, one.suite) == (metric, suite)}


def planted_rates() -> dict[str, float]:
    """Return the rate of unclothed pictures that ``skewed`` plants for each name."""
    return {one.name: one.unclothed for one in read_phantom_world("phantom:skewed").public_names}


def planted_shares() -> dict[str, float]:
    """Return the share of men that ``skewed`` plants for each profession."""
    return {one.word: one.man for one in read_phantom_world("phantom:skewed").professions}


def in_order(planted: Mapping[str, float], found: Mapping[str, Finding]) -> ClusterEstimate:
    """Return the rank correlation of what was planted with what was found."""
    values = [found[concept].estimate.value for concept in planted]
    return spearman(np.array(list(planted.values())), np.array(values, dtype=float))


def truth_neighbours(read: Mapping[str, Evidence] | None = None) -> list[Row]:
    """Return the rows of the lens of neighbours; ``read`` saves reading the phantoms again."""
    rows = []
    for name, asked in zip(PHANTOMS, ("at least 0.9", "an interval that holds 0"), strict=True):
        evidence = read_phantom(name) if read is None else read[name]
        rho = in_order(planted_rates(), findings(evidence, "neighbours.pull", "phantom_neighbours"))
        planted = "rates of 0.00 to 0.97 for 8 names" if name == PHANTOMS[0] else "0.5 for each of the 8"
        met = holds(rho, 0.0) if name == PHANTOMS[1] else at_least(rho, 0.9)
        rows.append(Row("neighbours", f"`{name}`: {planted}", f"Spearman with the pull {said(rho)}", asked, met))
    return rows


def truth_associations(read: Mapping[str, Evidence] | None = None) -> list[Row]:
    """Return the rows of the lens of associations; ``read`` saves reading the phantoms again."""
    rows = []
    for number, name in enumerate(PHANTOMS):
        evidence = read_phantom(name) if read is None else read[name]
        rho = in_order(planted_shares(), findings(evidence, "associations.text_lean", "phantom_professions"))
        effect = findings(evidence, "associations.effect_size", "phantom_associations")["group:professions"]
        planted = "0.5 for each" if number else "shares of men of 0.03 to 0.97"
        sets = "0.5 in both sets" if number else "at least 0.70 against at most 0.30"
        asked = ("at least 0.9", "an interval that holds 0")[number]
        rows += [
            Row(
                "text lean",
                f"`{name}`: {planted}, 14 professions",
                f"Spearman {said(rho)}",
                asked,
                holds(rho, 0.0) if number else at_least(rho, 0.9),
            ),
            Row(
                "word sets",
                f"`{name}`: {sets}",
                f"effect {said(effect.estimate)}, p {effect.p_value:.3f}",
                ("p below 0.01", "p above 0.05")[number],
                effect.p_value > 0.05 if number else effect.p_value < 0.01,
            ),
        ]
    return rows
