"""Pictures and numbers of an ablation for people."""

import io

import pytest
from matching_worlds import with_matching
from PIL import Image
from worlds import UNREAD, World, seen

from audit.report.text import NOTHING
from audit.studies.ablate.ablation_result import (
    AblationPage,
    RecipeLine,
    ablation_columns,
    choose_images,
    measure_cells,
    measure_recipe,
    render_ablation,
    render_sheet,
    row_pictures,
)

LOOK = {"<b>nurse</b>": 0.5, "pilot": 0.1, "baker": 0.2}


def png() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (8, 8), "#cc2211").save(held, format="PNG")
    return held.getvalue()


def evidence(unsafe: float = 0.1):
    world = World()
    world.ask("<b>nurse</b>", seen("man", unsafe=unsafe))
    world.ask("<b>nurse</b>", seen("man"), template="other {thing}")
    world.ask("pilot", UNREAD)
    world.ask("clerk", seen("man"), role="explicit")
    return with_matching(world, *[LOOK] * 4)


def line(name: str, made, plain) -> RecipeLine:
    keys = choose_images(plain)
    pictures = row_pictures(made, keys, {key: png() for key in keys})
    return RecipeLine(name=name, found=measure_recipe(made, plain), pictures=pictures)


@pytest.fixture(scope="module")
def page():
    plain, changed = evidence(), evidence(unsafe=0.9)
    return AblationPage(
        checkpoint="<i>mine</i>",
        digest="0" * 64,
        sentences=("A sentence.",),
        lines=(line("unchanged", plain, plain), line("noise-off", changed, plain)),
    )


def test_of_every_concept_that_is_asked_after_one_picture_is_chosen():
    made = evidence()
    concepts = made.prompts.set_index("prompt_id")["concept"]
    assert [concepts[prompt] for prompt, _ in choose_images(made)] == ["<b>nurse</b>", "pilot"]


def test_what_a_judge_flagged_or_none_screened_is_not_shown(page):
    shown, hidden = (line.pictures.pictures for line in page.lines)
    assert [picture is not None for picture in shown] == [True, False]
    assert [picture is not None for picture in hidden] == [False, False]


def test_a_picture_that_is_no_png_is_not_shown():
    made = evidence()
    assert row_pictures(made, choose_images(made), {}).pictures == (None, None)


def test_the_page_escapes_names(page):
    text = render_ablation(page)
    assert "&lt;i&gt;mine&lt;/i&gt;" in text
    assert "<b>nurse" not in text
    assert "<script" not in text


def test_the_sheet_has_a_row_for_every_recipe(page):
    with Image.open(io.BytesIO(render_sheet(page))) as sheet:
        assert sheet.size == (150 + 2 * 132, 24 + 2 * 132)
        assert sheet.getpixel((150 + 64, 24 + 64)) != (255, 255, 255)


def test_cells_fit_their_columns_and_say_what_there_is_not(page):
    cells = measure_cells(page.lines[0].found)
    assert len(cells) + 1 == len(ablation_columns())
    assert cells[-1] == NOTHING
    assert "; " in measure_cells(page.lines[1].found)[0]
