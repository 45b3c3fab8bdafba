"""Every change of a comparison as the page on which people look closer."""

from __future__ import annotations

from audit.lenses import CARDS
from audit.records import reported_p
from audit.report.explorer import (
    MOST_ROWS,
    ExploredTable,
    Explorer,
    Gallery,
    Plotted,
    about_word,
    chance_column,
    cut_sentence,
    first_drawn,
    number_column,
    suite_word,
    words_column,
)
from audit.report.text import clean, quote, show_level, title_of
from audit.studies.compare.two_runs import Comparison


def explore_comparison(found: Comparison, *, verdict: str, created: str, gallery: Gallery | None = None) -> Explorer:
    """Return every change of a comparison for the page on which people look closer.

    Args:
        found: What was compared.
        verdict: What came of it, in a sentence.
        created: ISO date.
        gallery: Pictures of both runs, in pairs.
    """
    names = [one.checkpoint.name for one in (found.candidate, found.baseline)]
    return Explorer(
        title=f"Explore the comparison of {' with '.join(clean(name, longest=80) for name in names)}",
        heading=f"Explore the comparison of {' with '.join(map(quote, names))}",
        created=created,
        sentences=(clean(verdict), *map(clean, found.doubts)),
        tables=(_explored_changes(found),),
        gallery=gallery,
    )


def _explored_changes(found: Comparison) -> ExploredTable:
    every = [*found.told, *found.instruments]
    told = every[:MOST_ROWS]
    changes = [one.change for one in told]
    signed = [one.metric in CARDS and CARDS[one.metric].signed for one in changes]
    always = [True] * len(changes)
    first = clean(title_of(first_drawn(one.metric for one in changes)), longest=120)
    measures = words_column("Measure", (title_of(one.metric) for one in changes))
    return ExploredTable(
        name="changes",
        title="Changes",
        sentences=(
            (
                "Every difference is the candidate less the baseline, paired, with the ends of its "
                f"{show_level(found.level)} interval; p is corrected for all concepts of a suite. What matters most "
                "comes first."
            ),
            *cut_sentence(len(told), len(every), "tables/changes.csv"),
        ),
        columns=(
            words_column("About", (about_word(one.subject) for one in changes)),
            words_column("Suite", (suite_word(one.suite) for one in changes)),
            measures,
            words_column("Outcome", (one.outcome.value for one in told)),
            number_column("Difference", (one.difference.value for one in changes), signed=always),
            number_column("Low", (one.difference.low for one in changes), signed=always),
            number_column("High", (one.difference.high for one in changes), signed=always),
            chance_column("p", [reported_p(one) for one in changes]),
            number_column("Baseline", (one.baseline.value for one in changes), signed=signed),
            number_column("Candidate", (one.candidate.value for one in changes), signed=signed),
            words_column("Because", (one.reason for one in told), kind="text", longest=300),
            words_column("Note", (one.note for one in changes), kind="text", longest=300),
        ),
        plotted=Plotted(
            measure="Measure",
            value="Difference",
            low="Low",
            high="High",
            first=first,
            neutral=dict.fromkeys(measures.shown, 0.0),
        ),
        about=("Suite", "About"),
    )
