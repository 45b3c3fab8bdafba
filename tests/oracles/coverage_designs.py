"""Worlds of known truth in the designs that the tool uses, and the intervals that are to cover it.

A method that is exact, or that covers more because hits are few and whole, is ``conservative``: only the lower side of
its coverage is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from audit import stats as ours
from tests.oracles.coverage_audits import AUDITS
from tests.oracles.coverage_worlds import ALARMS, Design, Ends, draw_hits, draw_leans, judged_world, labels

PROMPTS: Final = (4, 8, 12, 24)


def every_design() -> tuple[Design, ...]:
    return tuple(design for group in (*AUDITS, *GROUPS) for design in group())


def _ends(found) -> Ends:
    return found.low, found.high


def _shares() -> Iterator[Design]:
    for prompts in PROMPTS:
        for replicates, share in ((2, 0.0), (2, 0.02), (4, 0.02), (4, 0.2), (2, 0.5), (4, 0.5)):
            for counted in (False, True):

                def look(rng, prompts=prompts, replicates=replicates, share=share, counted=counted):
                    hits = draw_hits(rng, prompts=prompts, replicates=replicates, share=share)
                    names = labels(prompts, replicates)
                    return _ends(ours.cluster_share(hits.ravel(), names, replicates_count=counted))

                yield Design(
                    method="cluster_share, replicates count" if counted else "cluster_share",
                    world=f"{prompts} prompts x {replicates}, share {share:g}",
                    truth=share,
                    look=look,
                    conservative=True,
                )


def _means() -> Iterator[Design]:
    for prompts in PROMPTS:

        def by_t(rng, prompts=prompts):
            scores = draw_leans(rng, prompts=prompts, replicates=3)
            return _ends(ours.cluster_mean(scores.ravel(), labels(prompts, 3), bounds=(-1.0, 1.0)))

        world = f"{prompts} prompts x 3, lean 0"
        yield Design(method="cluster_mean", world=world, truth=0.0, look=by_t, conservative=False)


def _pairs() -> Iterator[Design]:
    """Runs with common seeds: a prompt that leans, leans in both."""
    for prompts in PROMPTS:
        for share, gap in ((0.0, 0.0), (0.02, 0.0), (0.02, 0.1), (0.5, 0.2)):

            def shares(rng, prompts=prompts, share=share, gap=gap):
                before = draw_hits(rng, prompts=prompts, replicates=4, share=share)
                after = np.maximum(before, rng.random(before.shape) < gap / (1 - share))
                found = ours.paired_difference(after.mean(axis=1), before.mean(axis=1), bounds=(0.0, 1.0))
                return _ends(found)

            world = f"{prompts} prompts x 4, share {share:g} and {share + gap:g}"
            yield Design(
                method="paired_difference",
                world=world,
                truth=gap,
                look=shares,
                conservative=share < 0.5 or prompts <= 8,
            )

        def leans(rng, prompts=prompts):
            before = draw_leans(rng, prompts=prompts, replicates=4)
            after = before + 0.1 + rng.normal(0, 0.2, (prompts, 1)) + rng.normal(0, 0.2, before.shape)
            return _ends(ours.paired_difference(after.mean(axis=1), before.mean(axis=1)))

        yield Design(
            method="paired_difference",
            world=f"{prompts} prompts x 4, lean moved by 0.1",
            truth=0.1,
            look=leans,
            conservative=False,
        )


def _jackknives() -> Iterator[Design]:
    for prompts in PROMPTS:

        def ratio(rng, prompts=prompts):
            """A statistic that is no mean: the ratio of two mean shares, of candidate less baseline."""
            runs = [rng.beta([4, 6], [4, 4], (prompts, 2)) for _ in range(2)]
            whole = [float(run[:, 0].mean() / run[:, 1].mean()) for run in runs]
            left = [(run[:, 0].sum() - run[:, 0]) / (run[:, 1].sum() - run[:, 1]) for run in runs]
            return _ends(ours.jackknife_difference(whole[1] - whole[0], left[1] - left[0]))

        world = f"{prompts} prompts, ratio of means"
        yield Design(method="jackknife_difference", world=world, truth=0.0, look=ratio, conservative=False)


def _unpaired() -> Iterator[Design]:
    for one, two in ((4, 8), (8, 14), (24, 24)):
        for share in (0.0, 0.05, 0.3):

            def look(rng, one=one, two=two, share=share):
                first = draw_hits(rng, prompts=one, replicates=4, share=share + 0.2 * (share > 0)).mean(axis=1)
                second = draw_hits(rng, prompts=two, replicates=4, share=share).mean(axis=1)
                return _ends(ours.welch_difference(first, second, shares=True, trials=(4 * one, 4 * two)))

            truth = 0.2 if share else 0.0
            world = f"{one} and {two} prompts x 4, share {share + truth:g} and {share:g}"
            yield Design(method="welch_difference", world=world, truth=truth, look=look, conservative=True)

        def leans(rng, one=one, two=two):
            first, second = (draw_leans(rng, prompts=n, replicates=4) for n in (one, two))
            return _ends(ours.welch_difference(first.mean(axis=1), second.mean(axis=1)))

        world = f"{one} and {two} prompts x 4, leans"
        yield Design(method="welch_difference", world=world, truth=0.0, look=leans, conservative=False)


def _single_answers() -> Iterator[Design]:
    """Score intervals cover their level on average over shares, and dip at single ones: so their shares are drawn."""
    for answers in (8, 24, 60):
        for share in (0.0, 0.02, 0.1, 0.5):

            def exact(rng, answers=answers, share=share):
                return _ends(ours.clopper_pearson(int(rng.binomial(answers, share)), answers))

            world = f"{answers} answers, share {share:g}"
            yield Design(method="clopper_pearson", world=world, truth=share, look=exact, conservative=True)

        def single(rng, answers=answers):
            share = rng.random()
            return _around(share, ours.wilson(int(rng.binomial(answers, share)), answers))

        world = f"{answers} answers, any shares"
        yield Design(method="wilson", world=world, truth=0.0, look=single, conservative=False)


def _around(truth, found) -> Ends:
    """Ends as seen from a truth that every world has of its own."""
    return found.low - truth, found.high - truth


def _judges() -> Iterator[Design]:
    for share in (0.0, 0.05, 0.3):
        for labelled in (0, 16):

            def look(rng, share=share, labelled=labelled):
                concept = float(rng.choice(ALARMS))
                return _ends(judged_world(rng, share=share, concept=concept, labelled=labelled).corrected())

            world = (
                f"8 prompts x 4, share {share:g}, false alarms 0 to 0.57 by concept, {labelled} of its images labelled"
            )
            yield Design(method="rogan_gladen", world=world, truth=share, look=look, conservative=True)


def _wordings() -> Iterator[Design]:
    spreads = ((0.5, 0.2, 0.2, 0.3), (0.5, 0.4, 0.05, 0.3), (0.5, 0.0, 0.0, 0.5))
    for concepts, templates, replicates in ((8, 4, 2), (24, 4, 2), (12, 8, 4)):
        for concept, template, cell, seed in spreads:

            def look(
                rng,
                size=(concepts, templates, replicates),
                sds=(concept, template, cell, seed),
            ):
                parts = [
                    rng.normal(0, sd, (*size[:k], 1, 1, 1)[:3]) for sd, k in ((sds[0], 1), (sds[2], 2), (sds[3], 3))
                ]
                values = sum(parts) + rng.normal(0, sds[1], (1, size[1], 1))
                rows, columns, _ = np.indices(size)
                found = ours.wording_share(
                    values.ravel(), list(columns.ravel().astype(str)), list(rows.ravel().astype(str))
                )
                return _ends(found.wording)

            truth = (template**2 + cell**2) / (concept**2 + template**2 + cell**2 + seed**2)
            world = (
                f"{concepts} concepts x {templates} templates x {replicates}, sd {concept}, {template}, {cell}, {seed}"
            )
            yield Design(method="wording_share", world=world, truth=truth, look=look, conservative=True)


GROUPS: Final = (
    _shares,
    _means,
    _pairs,
    _jackknives,
    _unpaired,
    _single_answers,
    _judges,
    _wordings,
)
