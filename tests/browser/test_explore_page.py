"""The page for a closer look, driven by keyboard in a real browser, from the disk and without a network."""

from __future__ import annotations

import json
import re

import pytest
from screens import NARROW
from test_pages import violations

EXPLORED = ("explore", "hostile-explore", "empty-explore", "explore-comparison")
FINDINGS, PICTURES = '[data-part="findings"]', '[data-part="pictures"]'
MOST_TABS = 150


def tab_to(page, what: str) -> None:
    """Press Tab until the focus is on the first of ``what``, as somebody without a mouse does."""
    for _ in range(MOST_TABS):
        if page.evaluate("what => document.activeElement === document.querySelector(what)", what):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab of {MOST_TABS} reaches {what}")


def said(page, part: str) -> str:
    return page.locator(f"{part} [role=status]").inner_text()


def cells(page, label: str, part: str = FINDINGS) -> list[str]:
    return page.evaluate(
        """([part, label]) => {
          const heads = [...document.querySelectorAll(`${part} thead th`)];
          const place = heads.findIndex(one => one.innerText.startsWith(label));
          const rows = [...document.querySelectorAll(`${part} tbody tr`)];
          return rows.map(row => row.children[place].querySelector("bdi").innerText);
        }""",
        [part, label],
    )


def control(page, part: str, label: str) -> str:
    """Give the control behind a label an id, and return it as a selector."""
    return page.evaluate(
        """([part, label]) => {
          const found = [...document.querySelectorAll(`${part} label`)].find(one => one.innerText.startsWith(label));
          const one = found.querySelector("input, select");
          one.id ||= "asked-" + Math.random().toString(36).slice(2);
          return "#" + one.id;
        }""",
        [part, label],
    )


@pytest.mark.parametrize("name", EXPLORED)
def test_it_asks_for_nothing_breaks_nothing_and_needs_no_room_aside(open_page, pages, name):
    with open_page(pages[name], size=NARROW) as opened:
        opened.page.wait_for_selector("html[data-ready]")
        assert opened.messages == []
        assert opened.requests == [pages[name].as_uri()]
        assert opened.width() <= NARROW[0]
        assert opened.page.locator("a[href^='http'], img[src='x'], [autofocus], [onerror]").count() == 0


@pytest.mark.parametrize("shown", [{}, {"dark": True}, {"size": NARROW}], ids=["light", "dark", "narrow"])
@pytest.mark.parametrize("name", ["explore", "explore-comparison"])
def test_axe_finds_no_violation(open_page, pages, name, shown):
    with open_page(pages[name], **shown) as opened:
        assert violations(opened.page) == []


@pytest.mark.parametrize("name", ["hostile-explore", "empty-explore"])
def test_axe_finds_no_violation_in_odd_ones(open_page, pages, name):
    with open_page(pages[name]) as opened:
        assert violations(opened.page) == []


def test_a_table_is_searched_filtered_sorted_and_paged_by_keyboard(open_page, pages):
    with open_page(pages["explore"]) as opened:
        page = opened.page
        every = int(re.search(r"of (\d+) rows", said(page, FINDINGS))[1])
        tab_to(page, f"{FINDINGS} [type=search]")
        page.keyboard.type("NURSE")
        assert set(cells(page, "About")) == {"nurse"}
        assert said(page, FINDINGS).endswith(f"rows that fit, {every} in all")
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        tab_to(page, control(page, FINDINGS, "Measure"))
        page.keyboard.type("Gender lean")
        assert set(cells(page, "Measure")) == {"Gender lean"}
        tab_to(page, f"{FINDINGS} thead th:nth-child(4) button")
        for order, reverse in (("ascending", False), ("descending", True)):
            page.keyboard.press("Enter")
            assert page.locator(f"{FINDINGS} thead th[aria-sort={order}]").inner_text().startswith("Value")
            values = [float(one.replace("\u2212", "-")) for one in cells(page, "Value")]
            assert values == sorted(values, reverse=reverse)
        tab_to(page, control(page, PICTURES, "Search"))  # past the pages of the findings
        page.keyboard.press("Shift+Tab")
        page.evaluate("document.getElementById('findings').focus()")
        tab_to(page, control(page, FINDINGS, "from"))
        page.keyboard.type("0.5")
        page.keyboard.press("Tab")
        assert all(float(one.replace("\u2212", "-")) >= 0.5 for one in cells(page, "Value"))
        tab_to(page, f"{FINDINGS} .tools > button")
        page.keyboard.press("Space")
        assert said(page, FINDINGS) == f"1 to 25 of {every} rows"
        tab_to(page, f"{FINDINGS} .pages button[aria-label^=Next]")
        page.keyboard.press("Enter")
        assert said(page, FINDINGS) == f"26 to 50 of {every} rows"


def test_a_picture_is_blurred_until_asked_and_leads_to_its_rows_and_back(open_page, pages):
    with open_page(pages["explore"]) as opened:
        page = opened.page
        blurs = "one => getComputedStyle(one).filter"
        first = page.locator(f"{PICTURES} .gallery img").first
        assert {one.evaluate(blurs) for one in page.locator(f"{PICTURES} .gallery img").all()} == {
            first.evaluate(blurs)
        }
        assert first.evaluate(blurs).startswith("blur")
        assert first.get_attribute("alt").endswith("(blurred)")
        page.evaluate("document.getElementById('pictures').focus()")
        tab_to(page, f"{PICTURES} .gallery .show")
        page.keyboard.press("Space")
        assert first.evaluate(blurs) == "none"
        assert not first.get_attribute("alt").endswith("(blurred)")
        assert violations(page) == []
        tab_to(page, f"{PICTURES} .jumps button")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "findings"
        assert len(set(cells(page, "About"))) == 1
        (concept,) = set(cells(page, "About"))
        tab_to(page, f"{FINDINGS} .jumps button[aria-label^=pictures]")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "pictures"
        told = page.locator(f"{PICTURES} .gallery figcaption > bdi").all_inner_texts()
        assert set(told) == {concept}
        tab_to(page, control(page, PICTURES, "Show pictures"))
        page.keyboard.press("Space")
        assert {one.evaluate(blurs) for one in page.locator(f"{PICTURES} .gallery img").all()} == {"none"}


def test_the_plot_says_in_words_what_it_draws(open_page, pages):
    with open_page(pages["explore"]) as opened:
        plot = opened.page.locator(f"{FINDINGS} .plot [role=img]")
        assert plot.locator("canvas").count() == 1
        assert plot.get_attribute("aria-label").startswith(
            "Gender lean: \u22120.74 for secretary to +0.80 for mechanic"
        )


def test_texts_of_strangers_are_shown_as_texts(open_page, pages):
    with open_page(pages["hostile-explore"]) as opened:
        page = opened.page
        page.locator(f"{FINDINGS} [type=search]").fill("onerror")
        assert "</script><img src=x onerror=alert(1)>" in cells(page, "About")
        assert opened.messages == []
        assert page.locator("script").count() == 2


def test_what_the_policy_forbids_does_not_run(open_page, pages):
    with open_page(pages["explore"]) as opened:
        # in a timer of the page, since what a debugger evaluates is not held to the policy
        tried = """() => new Promise(done => setTimeout(() => {
          const refused = [];
          const script = document.createElement("script");
          for (const [name, act] of Object.entries({
            code: () => window.eval("window.ran = 1"),
            script: () => { script.text = "window.ran = 1"; document.body.append(script); },
            markup: () => { document.body.innerHTML = "<p>new"; },
            handler: () => document.body.setAttribute("onclick", "window.ran = 1"),
          })) try { act(); } catch { refused.push(name); }
          document.body.click();
          done(JSON.stringify([refused, window.ran ?? null]));
        }))"""
        refused, ran = json.loads(opened.page.evaluate(tried))
        assert ran is None
        assert {"code", "markup"} <= set(refused)


def test_changes_of_two_runs_are_filtered_by_what_became_of_them(open_page, pages):
    with open_page(pages["explore-comparison"]) as opened:
        page, part = opened.page, '[data-part="changes"]'
        assert len(cells(page, "Difference", part)) == 17
        page.locator(control(page, part, "Search")).fill("nobody")
        assert cells(page, "Difference", part) == ["\u2013"]
