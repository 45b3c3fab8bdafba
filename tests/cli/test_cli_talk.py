"""How commands speak and show the time left."""

import io
import json
import sys

import pytest

from audit.cli.progress_bars import Bars, Lines, show_progress
from audit.cli.talk import Talk, clean, json_text, make_console
from audit.pipeline import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_numbers_that_are_not_finite_become_null():
    assert (
        json_text({"a": [float("inf"), 1.5], "b": (float("nan"),)}).split()
        == json_text({"a": [None, 1.5], "b": [None]}).split()
    )


def test_json_is_ascii_so_that_no_terminal_can_fail_at_it():
    assert json_text("é\u202e\udc80").isascii()


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\u202egnp.exe", "\r", "\x00", "\x9b31m"])
def test_no_control_reaches_a_terminal(text):
    assert clean(text).isprintable()


def test_names_in_any_script_stay_readable():
    assert clean("Zoë 名前 \u202f%") == "Zoë 名前 \u202f%"


def test_plain_lines_come_at_every_tenth(capsys):
    clock = Clock()
    lines = Lines(Talk(as_json=False), clock)
    lines.begin("inverting", 100)
    for _ in range(100):
        clock.now += 1
        lines.advance(1)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 11
    assert told[5] == "inverting: 50 of 100 (50%), 50 s so far, about 50 s left"
    assert told[-1] == "inverting: 100 of 100 (100%), 1 min 40 s so far"


def test_a_line_comes_after_a_long_silence(capsys):
    clock = Clock()
    lines = Lines(Talk(as_json=False), clock)
    lines.begin("inverting", 100, 40)
    clock.now = 14
    lines.beat()
    clock.now = 15
    lines.beat()
    lines.beat()
    assert capsys.readouterr().err.splitlines() == [
        "inverting: 40 of 100 (40%)",
        "inverting: 40 of 100 (40%), 15 s so far",
    ]


def test_what_an_earlier_run_did_does_not_count_as_speed(capsys):
    clock = Clock()
    lines = Lines(Talk(as_json=False), clock)
    lines.begin("inverting", 100, 80)
    clock.now = 10
    lines.advance(10)
    assert capsys.readouterr().err.splitlines()[-1].endswith("10 s so far, about 10 s left")


def test_nothing_to_do_is_no_division_by_zero(capsys):
    lines = Lines(Talk(as_json=False), Clock())
    lines.begin("judging", 0)
    lines.advance(0)
    assert "judging: 0 of 0" in capsys.readouterr().err


def test_away_from_a_terminal_lines_are_plain(capsys):
    talk = Talk(as_json=False)
    with show_progress(talk) as progress:
        assert isinstance(progress, Lines)
        assert isinstance(progress, Progress)
        progress.begin("inverting [red]", 2)
        progress.advance(2)
        progress.say("[bold]look[/bold]")
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "inverting [red]: 2 of 2 (100%)" in told
    assert "[bold]look[/bold]" in told


def test_on_a_terminal_bars_show_the_time_left(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with show_progress(Talk(as_json=False)) as progress:
        assert isinstance(progress, Bars)
        assert isinstance(progress, Progress)
        progress.begin("inverting [red]", 4, 1)
        progress.advance(3)
        progress.begin("judging", 1)
        progress.advance(1)
    assert "inverting [red]" in stream.getvalue()
    assert "4/4" in stream.getvalue()


def test_colour_is_left_away_where_it_is_not_wanted(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    Talk(as_json=False).say("text", style="red")
    assert stream.getvalue() == "text\n"


def test_lines_are_not_folded_away_from_a_terminal(capsys):
    Talk(as_json=False).say("word " * 200)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_reader_who_goes_silences_the_console_and_not_the_work(monkeypatch):
    class Gone(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    console = make_console(stderr=True)
    console.print("one")
    console.print("two")
    assert console.quiet


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", ": :error::x"),
        ("  ::stop-commands::x", "  : :stop-commands::x"),
        ("a\n::add-mask::x", "a\n: :add-mask::x"),
        ("evil ##[error]x", "evil ## [error]x"),
        ("phantom:skewed a::b #1 [2]", "phantom:skewed a::b #1 [2]"),
    ],
)
def test_in_a_job_of_github_no_text_becomes_a_command(monkeypatch, text, shown):
    assert clean(text) == text
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert clean(text) == shown


def test_json_holds_the_same_text_and_no_command():
    text = json_text({"name": "evil ##[error]x"})
    assert "##[" not in text
    assert json.loads(text) == {"name": "evil ##[error]x"}
