"""Pictures of a comparison: pairs of the concepts that changed most, readings below, and none that a judge flagged."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from report_source import make_png
from run_folders import write_run
from worlds import World, add_controls, seen

from audit.studies.compare import compare_runs
from audit.studies.compare.comparison_pages import comparison_pages, comparison_verdict
from audit.studies.compare.paired_pictures import paired_pictures

LEANS = {"nurse": (0.1, 0.7), "pilot": (0.1, 0.2), "cook": (0.1, 0.9)}


def written(folder: Path, run: int, *, unsafe: float = 0.0) -> Path:
    world = World()
    for concept, leans in LEANS.items():
        for number in range(5):
            flagged = unsafe if concept == "cook" else 0.0
            signed = leans[run] + 0.01 * number
            world.ask(concept, seen("man", signed=signed, unsafe=flagged), template=f"{number} {{x}}")
    add_controls(world)
    return write_run(folder, world.evidence(), pictures=lambda key: make_png((key[0], key[1] + run)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    return [written(place / str(run), run) for run in (0, 1)]


@pytest.fixture(scope="module")
def found(runs):
    return compare_runs(*runs)


def test_pairs_are_of_what_changed_most_and_say_what_the_judge_reads_in_each(runs, found):
    strip = paired_pictures(*runs, [one.change for one in found.told]).strip
    assert [picture.label for picture in strip.pictures[:4]] == ["cook", "cook", "nurse", "nurse"]
    told = [picture.detail.partition("\njudge reads +") for picture in strip.pictures[:2]]
    assert [side for side, _, _ in told] == ["baseline", "candidate"]
    before, after = (float(reading) for _, _, reading in told)
    assert 0.1 <= before <= 0.15
    assert after - before == pytest.approx(LEANS["cook"][1] - LEANS["cook"][0])
    assert strip.pictures[0].alternative != strip.pictures[1].alternative


def test_what_a_judge_flags_in_either_run_is_shown_of_neither(runs, found, tmp_path):
    flagged = written(tmp_path / "flagged", 1, unsafe=0.9)
    changes = [one.change for one in found.told]
    for pair in ((runs[0], flagged), (flagged, runs[1])):
        found = paired_pictures(*pair, changes)
        labels = {picture.label for picture in found.strip.pictures}
        assert labels == {"nurse", "pilot"}
        assert set(found.gallery.columns[0].shown) == {"nurse", "pilot"}


def test_every_pair_can_be_looked_at_with_both_readings_and_their_difference(runs, found):
    gallery = paired_pictures(*runs, [one.change for one in found.told]).gallery
    columns = {column.label: column for column in gallery.columns}
    assert Counter(columns["Concept"].shown) == dict.fromkeys(LEANS, 5)
    apart = dict(zip(columns["Concept"].shown, columns["Difference"].numbers, strict=True))
    assert apart == pytest.approx({concept: after - before for concept, (before, after) in LEANS.items()})
    both = Image.open(io.BytesIO(gallery.jpegs[0]))
    assert both.size == (gallery.beside * both.height, both.height)
    left, right = both.crop((0, 0, both.height, both.height)), both.crop((both.height, 0, *both.size))
    assert ImageChops.difference(left, right).getbbox(), "two pictures, not one twice"
    page = str(comparison_pages(found)["explore.html"])
    assert "Baseline and candidate, inversions of the text" in page
    assert page.index('href="#changes"') < page.index('href="#pictures"')


def test_the_page_opens_with_the_pairs_and_says_at_once_that_the_checkpoint_is_the_same(found):
    assert comparison_verdict(found).startswith("Both runs are of the same checkpoint, ")
    page = str(comparison_pages(found)["report.html"])
    assert page.index("Both runs are of the same checkpoint") < page.index("In pictures") < page.index("Concept by")
    assert page.count("data:image/jpeg") == 6


def test_a_run_beside_itself_has_no_pairs(runs):
    found = compare_runs(runs[0], runs[0])
    assert f"{found.n_pairs} of {found.n_pairs} pairs are the same image" in comparison_verdict(found)
    assert "In pictures" not in str(comparison_pages(found)["report.html"])
