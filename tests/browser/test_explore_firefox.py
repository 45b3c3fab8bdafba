"""The page for a closer look in Firefox, by keyboard and without a network; skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from firefox import Firefox, program

MOST_TABS = 150
STATE = """
  const rows = [...document.querySelectorAll("[data-part=findings] tbody tr")];
  return {
    tables: document.documentElement.dataset.ready,
    about: rows.map(row => row.children[0].querySelector("bdi").textContent),
    values: rows.map(row => Number(row.children[3].textContent.replace("\\u2212", "-"))),
    blur: getComputedStyle(document.querySelector(".gallery img")).filter,
    plots: document.querySelectorAll(".plot canvas").length,
    focus: document.activeElement.id,
    inner: document.documentElement.scrollWidth <= document.documentElement.clientWidth,
  };
"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    path = program()
    if path is None:
        pytest.skip("there is no Firefox here")
    with Firefox(path, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(firefox, pages):
    firefox.ask("WebDriver:Navigate", url=pages["explore"].as_uri())
    return firefox


def tab_to(page, what):
    for _ in range(MOST_TABS):
        if page.run("return document.activeElement === document.querySelector(arguments[0])", what):
            return
        page.press("Tab")
    raise AssertionError(f"no Tab of {MOST_TABS} reaches {what}")


@pytest.mark.slow
def test_a_table_is_searched_and_sorted_and_a_picture_shown_by_keyboard(page):
    state = page.run(STATE)
    assert (state["tables"], state["plots"], state["inner"]) == ("3", 1, True)
    assert state["blur"].startswith("blur")
    tab_to(page, "[data-part=findings] [type=search]")
    page.press(*"nurse")
    assert set(page.run(STATE)["about"]) == {"nurse"}
    tab_to(page, "[data-part=findings] thead th:nth-child(4) button")
    page.press("Enter")
    values = page.run(STATE)["values"]
    assert values == sorted(values)
    tab_to(page, "[data-part=findings] .jumps button[aria-label^=pictures]")
    page.press("Enter")
    assert page.run(STATE)["focus"] == "pictures"
    tab_to(page, ".gallery .show")
    page.press("Space")
    assert page.run(STATE)["blur"] == "none"


@pytest.mark.slow
def test_axe_finds_no_violation(page):
    package = pytest.importorskip("axe_playwright_python")
    axe = Path(package.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    run = "const done = arguments[0]; axe.run(document).then(told => done(told.violations.map(one => one.id)));"
    assert page.ask("WebDriver:ExecuteAsyncScript", script=f"{axe}\n{run}", args=[]) == []


@pytest.mark.slow
def test_no_text_becomes_code(firefox, pages):
    firefox.ask("WebDriver:Navigate", url=pages["hostile-explore"].as_uri())
    told = firefox.run("return [document.documentElement.dataset.ready, document.scripts.length, document.title]")
    assert told[:2] == ["3", 2]
    tried = """
      try { document.body.setAttribute("onclick", "document.title = 'ran'"); } catch { /* refused by the policy */ }
      document.body.click();
      return document.title;
    """
    assert firefox.run(tried) == told[2]
