"""Designs of coverage as audits have them: concepts with an error of their own, crossed templates, rare events, humps.

The error of a concept is that which neutralised subjects of the shipped phantoms show: a standard deviation of 0.108,
which an audit knows by few of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from audit import stats as ours
from tests.oracles.coverage_worlds import Design, draw_hits, labels

TAU: Final = 0.108
PROMPT_SD: Final = 0.29
GRADES: Final = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])


def _ends(found):
    return found.low, found.high


def _mean(values, **more):
    return ours.cluster_mean(values, ours.singles(values), **more)


def _neutral(rng, *, concepts, prompts):
    own = rng.normal(0, TAU, concepts)
    return ours.instrument_error([_mean(one + rng.normal(0, PROMPT_SD, prompts)) for one in own])


def leans_with_an_error_of_their_own() -> Iterator[Design]:
    """A lean of 0.3, read with the error of its concept; ``cluster_mean`` alone leaves that out."""
    for prompts in (4, 8, 12):
        for known in (0, 4, 14):

            def look(rng, prompts=prompts, known=known):
                found = _mean(0.3 + rng.normal(0, TAU) + rng.normal(0, PROMPT_SD, prompts))
                return _ends(ours.widen(found, _neutral(rng, concepts=known, prompts=prompts) if known else None))

            yield Design(
                method="widen" if known else "t alone",
                world=f"{prompts} prompts, concepts differ by {TAU}, {known} neutralised subjects",
                truth=0.3,
                look=look,
                conservative=True,
                claimed=bool(known),
            )


def leans_at_an_end() -> Iterator[Design]:
    """Readings that are cut where the judge's score ends: 0.9 of the way there, with the concept's error."""
    for prompts in (4, 8):
        for widened in (False, True):

            def look(rng, prompts=prompts, widened=widened):
                standards = 0.95 * np.tanh(1.6 * GRADES) / np.tanh(1.6) + rng.normal(0, 0.05, (prompts, 5))
                height = float(np.interp(0.9 + rng.normal(0, TAU), GRADES, 0.95 * np.tanh(1.6 * GRADES) / np.tanh(1.6)))
                readings = np.minimum(0.97, height + rng.normal(0, 0.12, prompts))
                found = ours.read_off(readings, np.minimum(0.97, standards), GRADES).estimate
                return _ends(ours.widen(found, _neutral(rng, concepts=14, prompts=prompts)) if widened else found)

            yield Design(
                method="read_off, widened" if widened else "read_off alone",
                world=f"{prompts} prompts near an end of the scale, concepts differ by {TAU}",
                truth=0.9,
                look=look,
                conservative=True,
                claimed=widened,
            )


def two_humps() -> Iterator[Design]:
    """Scores of which 5 % lie on the other side."""
    for prompts in (4, 8, 12, 24):
        for unseen in (0.0, 0.05):

            def look(rng, prompts=prompts, unseen=unseen):
                side = np.where(rng.random(prompts) < 0.05, 0.9, -0.9)
                values = np.clip(side + rng.normal(0, 0.03, prompts), -1, 1)
                return _ends(_mean(values, bounds=(-1.0, 1.0), unseen=unseen))

            yield Design(
                method="cluster_mean, unseen minority" if unseen else "t alone",
                world=f"{prompts} prompts with two humps, 5 % on the other one",
                truth=-0.81,
                look=look,
                conservative=True,
                claimed=bool(unseen),
            )


def rare_shares() -> Iterator[Design]:
    for prompts in (4, 8, 12, 48):
        for share in (0.01, 0.05):

            def look(rng, prompts=prompts, share=share):
                hits = draw_hits(rng, prompts=prompts, replicates=2, share=share, alike=0.9)
                return _ends(ours.cluster_share(hits.ravel(), labels(prompts, 2)))

            world = f"{prompts} prompts x 2, share {share:g}, images of a prompt alike (0.9)"
            yield Design(method="cluster_share, rare", world=world, truth=share, look=look, conservative=True)


def rare_differences() -> Iterator[Design]:
    for pairs in (8, 14, 64):
        for share in (0.003, 0.1):

            def look(rng, pairs=pairs, share=share):
                one = draw_hits(rng, prompts=pairs, replicates=16, share=share).mean(axis=1)
                return _ends(ours.paired_difference(one, np.zeros(pairs), bounds=(0.0, 1.0)))

            world = f"{pairs} pairs x 16, share {share:g} and 0"
            yield Design(method="paired_difference, rare", world=world, truth=share, look=look, conservative=True)
    for own, floor in ((8, 56), (24, 24)):
        for share, over in ((0.02, 0.0), (0.05, 0.25)):

            def above(rng, own=own, floor=floor, share=share, over=over):
                one = draw_hits(rng, prompts=own, replicates=2, share=share + over).mean(axis=1)
                two = draw_hits(rng, prompts=floor, replicates=2, share=share).mean(axis=1)
                return _ends(ours.excess_over_floor(one, two).excess)

            world = f"{own} prompts of share {share + over:g}, {floor} of the floor of {share:g}"
            yield Design(method="excess_over_floor", world=world, truth=over, look=above, conservative=True)


def names_among_names() -> Iterator[Design]:
    for references in (8, 24, 64):
        for share in (0.02, 0.1, 0.3):

            def look(rng, references=references, share=share):
                own = np.clip(rng.beta(share / 0.43, (1 - share) / 0.43, (references + 1, 1)), 1e-6, 1 - 1e-6)
                hits = rng.binomial(2, rng.beta(own * 2.3, (1 - own) * 2.3, (references + 1, 8))) / 2
                means = hits[1:].mean(axis=1)
                return _ends(ours.excess_over_references(hits[0], means, means))

            world = f"a name of the kind of its {references} references, share {share:g}, names alike (0.3)"
            yield Design(method="excess_over_references", world=world, truth=0.0, look=look, conservative=True)


def suites() -> Iterator[Design]:
    for concepts, templates in ((14, 8), (40, 8), (64, 4)):
        for sd in (0.1, 0.2, 0.35):
            rows, columns = (list(axis.ravel().astype(str)) for axis in np.indices((concepts, templates)))
            names = [f"{one} {other}" for one, other in zip(rows, columns, strict=True)]

            def look(rng, size=(concepts, templates), sd=sd, rows=rows, columns=columns, names=names):
                values = rng.normal(0, 0.3, (size[0], 1)) + rng.normal(0, sd, (1, size[1])) + rng.normal(0, 0.25, size)
                return _ends(ours.crossed_mean(values.ravel(), names, concepts=rows, templates=columns))

            def alone(rng, size=(concepts, templates), sd=sd):
                values = rng.normal(0, 0.3, (size[0], 1)) + rng.normal(0, sd, (1, size[1])) + rng.normal(0, 0.25, size)
                return _ends(_mean(values.mean(axis=1)))

            world = f"{concepts} concepts x {templates} templates that differ by {sd}"
            yield Design(method="crossed_mean", world=world, truth=0.0, look=look, conservative=False)
            yield Design(method="t alone", world=world, truth=0.0, look=alone, conservative=True, claimed=False)


def sizes() -> Iterator[Design]:
    """The mean absolute lean of what concepts are drawn from."""
    kinds = {
        "no lean": (0.0, lambda rng, n: 0.0 * rng.random(n)),
        "leans of 0.5 either way": (0.5, lambda rng, n: rng.choice([-0.5, 0.5], n)),
        "even leans up to 0.8": (0.4, lambda rng, n: rng.uniform(-0.8, 0.8, n)),
        "normal leans of sd 0.1": (0.1 * np.sqrt(2 / np.pi), lambda rng, n: rng.normal(0, 0.1, n)),
    }
    for concepts in (8, 14):
        for kind, (truth, draw) in kinds.items():

            def look(rng, concepts=concepts, draw=draw):
                error = _neutral(rng, concepts=14, prompts=8)
                own = draw(rng, concepts) + rng.normal(0, TAU, concepts)
                return _ends(ours.mean_size([_mean(one + rng.normal(0, PROMPT_SD, 8)) for one in own], error))

            world = f"{concepts} concepts x 8 prompts, {kind}"
            yield Design(method="mean_size", world=world, truth=float(truth), look=look, conservative=True)


def correlations() -> Iterator[Design]:
    for concepts in (8, 14, 40):
        for linear in (0.0, 0.8, 0.98):

            def look(rng, concepts=concepts, linear=linear):
                one = rng.normal(size=concepts)
                two = linear * one + np.sqrt(1 - linear**2) * rng.normal(size=concepts)
                return _ends(ours.spearman(one, two))

            truth = 6 / np.pi * np.arcsin(linear / 2)
            world = f"{concepts} concepts, normal, correlation {linear:g}"
            yield Design(method="spearman", world=world, truth=float(truth), look=look, conservative=True)
    for words in (8, 25):
        for gap in (0.0, 1.0, 4.0):

            def effect(rng, words=words, gap=gap):
                return _ends(ours.effect_size(rng.normal(gap, 1, words), rng.normal(0, 1, words)))

            truth = gap / np.sqrt(1 + gap**2 / 4)
            world = f"{words} and {words} normal words, {gap:g} standard deviations apart"
            yield Design(method="effect_size", world=world, truth=float(truth), look=effect, conservative=False)


AUDITS: Final = (
    leans_with_an_error_of_their_own,
    leans_at_an_end,
    two_humps,
    rare_shares,
    rare_differences,
    names_among_names,
    suites,
    sizes,
    correlations,
)
