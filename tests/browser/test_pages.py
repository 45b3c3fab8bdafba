"""Pages in a real browser, from the disk and without a network: quiet, accessible, readable small and on paper."""

from __future__ import annotations

import pytest
from screens import NARROW, PAPER, WIDE

DRAWN = ("report", "hostile", "comparison", "history", "ablation")
"""Pages with figures."""
PAGES = (*DRAWN, "explanation", "own-images")

COLLISIONS = """() => {
  const found = [];
  for (const drawing of document.querySelectorAll("svg[role=img]")) {
    const texts = [...drawing.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
    for (const [i, [a, p]] of texts.entries()) {
      for (const [b, q] of texts.slice(i + 1)) {
        const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
        const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (across > 1 && down > 3) found.push(a + " over " + b);
      }
    }
  }
  return found;
}"""
"""Labels of figures that lie over each other; lines of text may touch, since their boxes are higher than letters."""

CUT_OFF = """() => {
  const edge = document.body.getBoundingClientRect().right + 1;
  return [...document.querySelectorAll("table, svg, img, pre")]
    .filter(e => e.getBoundingClientRect().right > edge).map(e => e.id || e.outerHTML.slice(0, 80));
}"""


BROKEN_WORDS = """() => {
  const found = [];
  for (const cell of document.querySelectorAll("th")) {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (const word of node.data.matchAll(/(?<!\\S)[A-Za-z]{2,14}(?!\\S)/g)) {
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(r => r.top)).size > 1) found.push(word[0]);
      }
    }
  }
  return found;
}"""
"""Words of headings, of rows too, that a line breaks; longer ones may have to be broken."""


def violations(page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:120]})" for one in found]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_but_itself_and_says_nothing(open_page, pages, name):
    with open_page(pages[name]) as opened:
        assert opened.messages == []
        assert opened.requests == [pages[name].as_uri()]


@pytest.mark.parametrize("shown", [{}, {"dark": True}, {"size": NARROW}], ids=["light", "dark", "narrow"])
@pytest.mark.parametrize("name", ["report", "comparison", "history", "ablation", "explanation", "own-images"])
def test_axe_finds_no_violation(open_page, pages, name, shown):
    with open_page(pages[name], **shown) as opened:
        assert violations(opened.page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_telephone_shows_the_page_without_scrolling_sideways(open_page, pages, name):
    with open_page(pages[name], size=NARROW) as opened:
        assert opened.width() <= NARROW[0]


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_on_paper(open_page, pages, name):
    with open_page(pages[name], size=PAPER, paper=True) as opened:
        assert opened.page.evaluate(CUT_OFF) == []
        assert opened.width() <= PAPER[0]


@pytest.mark.parametrize("name", PAGES)
def test_paper_is_white_however_dark_the_screen_is(open_page, pages, name):
    with open_page(pages[name], dark=True, paper=True) as opened:
        colours = "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
        assert opened.page.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


@pytest.mark.parametrize("name", ["hostile", "hostile-comparison", "hostile-history", "empty", "one"])
def test_axe_finds_no_violation_in_other_pages(open_page, pages, name):
    with open_page(pages[name]) as opened:
        assert violations(opened.page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_with_every_word_whole(open_page, pages, name):
    with open_page(pages[name], size=PAPER, paper=True) as opened:
        assert opened.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
        assert opened.page.evaluate(BROKEN_WORDS) == []


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("shown", [{"size": WIDE}, {"size": PAPER, "paper": True}], ids=["screen", "paper"])
def test_no_label_of_a_figure_lies_over_another(open_page, pages, name, shown):
    with open_page(pages[name], **shown) as opened:
        assert opened.page.locator("svg[role=img] text").count() > 10
        assert opened.page.evaluate(COLLISIONS) == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_first_screen_holds_verdict_worst_finding_and_its_interval(open_page, pages, size):
    with open_page(pages["report"], size=size) as opened:
        for what in ("#verdict", ".controls", ".highlights li:first-child .numbers"):
            assert _ends(opened, what) <= size[1]
        assert "95\u202f% interval" in opened.page.locator(".highlights .numbers").first.inner_text()


@pytest.mark.parametrize("name", ["report", "unasked"])
def test_the_first_printed_page_holds_the_verdict_and_the_main_figure_below_it(open_page, pages, name):
    with open_page(pages[name], size=PAPER, paper=True) as opened:
        assert _ends(opened, "#verdict") < _ends(opened, "#main-figure") <= PAPER[1]
        assert _ends(opened, "#main-figure") < _ends(opened, "#matters")


def _ends(opened, what: str) -> float:
    box = opened.page.locator(what).bounding_box()
    return box["y"] + box["height"]


@pytest.mark.parametrize("name", ["report", "unasked"])
def test_ten_seconds_at_the_first_screen_tell_verdict_main_figure_uncertainty_and_what_was_not_measured(
    open_page, pages, name
):
    with open_page(pages[name], size=WIDE) as opened:
        seen = (
            "#verdict",
            ".highlights li:last-child .numbers",
            "#unmeasured",
            "#main-figure-text",
            "#main-figure svg",
        )
        assert {what: _ends(opened, what) <= WIDE[1] for what in seen} == dict.fromkeys(seen, True)
        main = opened.page.locator("#main-figure-text").inner_text()
        assert "interval" in main
        assert "cannot be told from parity" in main
        assert "did not converge" in opened.page.locator("#unmeasured").inner_text()


def test_the_first_screen_shows_the_whole_figure_and_what_the_judge_reads_in_pictures_of_its_ends(open_page, pages):
    with open_page(pages["strip"], size=WIDE) as opened:
        readings = opened.page.locator(".strip small")
        assert readings.count() == 6
        assert "judge reads" in readings.last.inner_text()
        assert _ends(opened, ".strip li:last-child") <= WIDE[1]
        assert violations(opened.page) == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", ["comparison", "history"])
def test_the_first_screen_of_a_paper_holds_what_changed_most_and_its_interval(open_page, pages, name, size):
    with open_page(pages[name], size=size) as opened:
        told = opened.page.locator(".verdict p").filter(has_text="interval").first
        box = told.bounding_box()
        assert box["y"] + box["height"] <= size[1]
        assert "\u22120.30" in told.inner_text() or "\u22120.80" in told.inner_text()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_pass_without_a_policy_leaves_room_for_the_worst_finding(open_page, pages, size):
    with open_page(pages["unasked"], size=size) as opened:
        assert opened.page.locator("#verdict").inner_text() == "Verdict: none, no policy was given"
        box = opened.page.locator(".highlights li:first-child .numbers").bounding_box()
        assert box["y"] + box["height"] <= size[1]


@pytest.mark.parametrize("name", ["empty", "one"])
def test_a_report_of_hardly_a_finding_says_so_on_the_first_screen(open_page, pages, name):
    with open_page(pages[name]) as opened:
        assert opened.messages == []
        assert opened.page.locator("#unmeasured").is_visible()
        assert ("No finding was made" in opened.page.locator("#unmeasured").inner_text()) == (name == "empty")


def test_the_keyboard_finds_the_way_past_the_header(open_page, pages):
    with open_page(pages["report"]) as opened:
        opened.page.keyboard.press("Tab")
        link = opened.page.locator(":focus")
        assert link.inner_text() == "Skip to the findings"
        assert link.bounding_box()["x"] >= 0
        opened.page.keyboard.press("Enter")
        assert opened.page.url.endswith("#main")


def test_what_scrolls_can_be_reached_by_keyboard(open_page, pages):
    with open_page(pages["report"], size=NARROW) as opened:
        stuck = """() => [...document.querySelectorAll("*")].filter(e => e.scrollWidth > e.clientWidth + 1
          && getComputedStyle(e).overflowX === "auto" && e.tabIndex < 0).length"""
        assert opened.page.evaluate(stuck) == 0


@pytest.mark.parametrize(
    "name", ["hostile", "hostile-comparison", "hostile-history", "ablation", "explanation", "own-images"]
)
def test_no_text_of_a_stranger_becomes_an_element(open_page, pages, name):
    with open_page(pages[name]) as opened:
        assert opened.messages == []
        assert opened.page.locator("script, a[href^='http'], img[src='x'], [autofocus], [onerror]").count() == 0
