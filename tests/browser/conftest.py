"""A real browser that opens pages from the disk, cut off from every network; skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from other_pages import ablation, explanation, own_images
from papers import comparison, explored_comparison, history
from report_source import make_finding, make_hostile, make_scaled, make_source
from screens import WIDE

from audit.records import Decision, RuleResult, Verdict
from audit.report import build_report, explore_run, render_explorer, render_html, render_paper_html
from audit.report.first_page import MOST_ROWS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Opened:
    """A page in the browser, what it asked for and what it said."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def width(self) -> float:
        """Width that the page needs, in CSS pixels."""
        return self.page.evaluate("document.documentElement.scrollWidth")


UNASKED = Decision(
    verdict=Verdict.NONE,
    results=(RuleResult(rule="control: people", verdict=Verdict.PASS, evidence="Passed."),),
)
MANY = {f"profession {number}": 0.9 - 0.1 * number for number in range(MOST_ROWS)}
ONE = make_finding("gender.lean", "nurse", -0.5, suite="phantom-professions")

Open = Callable[..., AbstractContextManager[Opened]]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"there is no browser here: {', '.join(NAMES)}")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
    with api.sync_playwright() as playwright:
        # the sandbox of Chromium needs rights that a container does not have; the pages are our own
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def open_page(browser: Browser) -> Open:
    @contextmanager
    def opening(path: Path, *, size: tuple[int, int] = WIDE, dark: bool = False, paper: bool = False) -> Iterator:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            offline=True,
        )
        try:
            opened = Opened(page=context.new_page())
            opened.page.on("request", lambda request: opened.requests.append(request.url))
            opened.page.on("console", lambda message: opened.messages.append(message.text))
            opened.page.on("pageerror", lambda error: opened.messages.append(str(error)))
            if paper:
                opened.page.emulate_media(media="print")
            opened.page.goto(path.as_uri())
            yield opened
        finally:
            context.close()

    return opening


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page that we write, by name."""
    place = tmp_path_factory.mktemp("pages")
    made = {"report": render_html(build_report(make_source())), "hostile": render_html(build_report(make_hostile()))}
    made |= {"comparison": render_paper_html(comparison()), "history": render_paper_html(history())}
    made |= {
        "ablation": ablation(),
        "explanation": explanation(),
        "own-images": own_images(),
        "hostile-comparison": render_paper_html(comparison(hostile=True)),
        "hostile-history": render_paper_html(history(hostile=True)),
        "unasked": render_html(build_report(make_source(decision=UNASKED))),
        "strip": render_html(build_report(make_scaled(MANY, "professions"))),
        "empty": render_html(build_report(make_source(findings=(), tables={}))),
        "one": render_html(build_report(make_source(findings=(ONE,), tables={}))),
        "explore": render_explorer(explore_run(make_source())),
        "hostile-explore": render_explorer(explore_run(make_hostile())),
        "empty-explore": render_explorer(explore_run(make_source(findings=(), pictured="none"))),
        "explore-comparison": render_explorer(explored_comparison()),
    }
    paths = {name: place / f"{name}.html" for name in made}
    for name, path in paths.items():
        path.write_text(made[name], encoding="utf-8")
    return paths
