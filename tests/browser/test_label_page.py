"""Two hundred labels by keyboard in a real browser, with a process that is killed halfway."""

from __future__ import annotations

import re

import pytest
from labelled_runs import finished, shows
from labelling_process import Labelling
from screens import NARROW, WIDE
from test_pages import violations

from audit.evidence import read_labels

PICTURES = 100
DIGIT = {"woman": "1", "man": "2"}
NOT_UNSAFE = "2"


@pytest.fixture
def tab(browser):
    context = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]})
    page = context.new_page()
    page.messages = []
    page.on("console", lambda message: page.messages.append(message.text))
    page.on("pageerror", lambda error: page.messages.append(str(error)))
    yield page
    context.close()


def order_of(run, folder):
    """The pictures in the order in which anna gets them."""
    from audit.labelling.label_session import begin_session

    return [(one.prompt_id, one.replicate) for one in begin_session(run, folder, "anna").sample]


def wait_for(tab, done):
    tab.locator("#count").filter(has_text=re.compile(f"^{done} of")).wait_for()


def label(tab, keys, done, until):
    """Label by keyboard alone from the ``done``-th label on: show, say who, say that it is harmless."""
    while done < until:
        tab.keyboard.press(" ")
        for digit in (DIGIT[shows(keys[done // 2])], NOT_UNSAFE):
            tab.keyboard.press(digit)
            done += 1
            wait_for(tab, done)


def blur_of(tab):
    return tab.locator("#picture").evaluate("one => getComputedStyle(one).filter")


def test_a_picture_is_blurred_until_asked_and_an_answer_can_be_taken_back(tab, tmp_path):
    with Labelling(finished(tmp_path / "run"), "--rater", "anna", "--count", 4) as served:
        tab.goto(served.address)
        wait_for(tab, 0)
        assert blur_of(tab).startswith("blur")
        tab.keyboard.press("1")  # what nobody has seen has no answer, but that one
        assert tab.locator("#answers button:enabled").all_inner_texts() == ["5 Cannot tell"]
        assert violations(tab) == []
        tab.keyboard.press(" ")
        assert blur_of(tab) == "none"
        assert violations(tab) == []
        for digit, done in (("2", 1), ("Backspace", 0), ("5", 1), ("Backspace", 0)):
            tab.keyboard.press(digit)
            wait_for(tab, done)
        tab.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
        assert tab.messages == []


def test_two_hundred_labels_by_keyboard_killed_and_resumed(tab, tmp_path):
    run, folder = finished(tmp_path / "run"), tmp_path / "labels"
    with Labelling(run, "--rater", "anna", "--count", PICTURES, "--out", folder) as first:
        keys = order_of(run, folder)
        tab.goto(first.address)
        wait_for(tab, 0)
        label(tab, keys, 0, PICTURES)
        first.kill()
        tab.keyboard.press(" ")
        tab.keyboard.press("1")
        tab.locator("#problem").filter(has_text="This was not kept").wait_for()
    assert len(read_labels(folder / "labels.csv")) == PICTURES
    with Labelling(run, "--rater", "anna", "--out", folder) as second:
        assert second.address != first.address
        tab.goto(second.address)
        wait_for(tab, PICTURES)
        label(tab, keys, PICTURES, 2 * PICTURES)
        assert violations(tab) == []
        tab.locator("#end").click()
        assert second.ended()["complete"]
        tab.locator("#question").filter(has_text="Everything is kept").wait_for()
    told = read_labels(folder / "labels.csv")
    assert len(told) == 2 * PICTURES
    women = told[told["question"] == "gender"].set_index(["prompt_id", "replicate"])["label"]
    assert all(women[key] == shows(key) for key in keys)


def test_a_wrong_token_and_another_origin_are_refused(tab, tmp_path):
    run = finished(tmp_path / "run")
    with Labelling(run, "--rater", "anna", "--count", 4, "--out", tmp_path / "labels") as served:
        wrong = served.address.replace(served.address.split("/")[3], "guess")
        assert tab.goto(wrong).status == 403
        assert tab.goto(served.address).status == 200
        wait_for(tab, 0)
        # a page of another origin knows even the token: its requests do not get through
        tab.goto(served.address.replace("127.0.0.1", "localhost"))
        wait_for(tab, 0)
        tab.goto("about:blank")
        tab.set_content(f"<img id=one src='{served.address}picture/0'>")
        tab.wait_for_function("document.getElementById('one').complete")
        assert tab.evaluate("document.getElementById('one').naturalWidth") == 0
        sent = f"""() => fetch("{served.address}undo", {{method: "POST", mode: "no-cors", body: "{{}}"}})
          .then(answer => answer.type, () => "failed")"""
        assert tab.evaluate(sent) in {"opaque", "failed"}
        tab.goto(served.address)
        wait_for(tab, 0)
