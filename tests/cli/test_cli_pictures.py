"""Pictures in terminals: shown where the terminal says that it draws them, and nowhere else."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

DRAWS = b"\x1b[?62;4c"
DRAWS_NOT = b"\x1b[?62;22c"

TAKE = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
"""Makes the terminal that of the new session, whose foreground the process then is."""

SHOW = """
import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
from PIL import Image

from audit import evidence
from audit.cli.talk import Talk
from audit.cli.terminal_pictures import strip_lines
from audit.report import first_page
from audit.report.model import Picture, Strip

def picture(label):
    held = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), 120, np.uint8)).save(held, format="JPEG")
    return Picture(label=label, detail="judge reads -0.81", alternative="", jpeg=held.getvalue())

labels = ["as said woman", "pilot\\x1b]0;title", "as said man", "as said woman", "nurse", "as said man"]
strip = Strip(rule="", pictures=tuple(map(picture, labels)))
first_page.make_strip = lambda *_: strip
evidence.read_run = lambda _: None
prompts = pd.DataFrame(columns=["suite", "concept", "role", "facts", "prompt_id"])
outcome = SimpleNamespace(folder=None, findings=(), evidence=SimpleNamespace(prompts=prompts))
talk = Talk(as_json=False)
talk.draw(strip_lines(outcome, talk.width))
"""


def on_a_terminal(answer: bytes, *, columns: int = 130, **variables: str) -> str:
    """Run ``SHOW`` on a terminal of cells of 10 by 20 pixels that answers what it draws; return what it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, columns * 10, 1000))
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE + SHOW],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", **variables},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            got = os.read(ours, 1 << 16)
        except OSError:  # Linux says so when the last process has closed its side
            break
        if not got:
            break
        shown += got
        if b"\x1b[c" in got:  # "what are you?"
            os.write(ours, answer)
    os.close(ours)
    assert process.wait(timeout=60) == 0, shown.decode(errors="replace")
    return shown.decode(errors="replace")


def test_a_terminal_that_draws_pictures_shows_them_with_the_words_below_each():
    pytest.importorskip("textual_image", reason="the extra terminal is not installed")
    shown = on_a_terminal(DRAWS)
    assert '\x1bP0;0;0q"1;1;1200;180' in shown, "six pictures of 18 cells, 2 between, as high as wide"
    words = shown.rpartition("\x1b\\")[2]
    assert words.count("judge reads -0.81") == 6
    assert "as said woman" in words
    assert "\x1b]0;" not in words, "what a checkpoint's words say is no command to the terminal"


def test_on_a_narrow_terminal_the_two_concepts_stand_one_below_the_other():
    pytest.importorskip("textual_image", reason="the extra terminal is not installed")
    shown = on_a_terminal(DRAWS, columns=80)
    assert shown.count('\x1bP0;0;0q"1;1;600;180') == 2


@pytest.mark.parametrize(
    ("answer", "given"),
    [(DRAWS_NOT, {}), (DRAWS, {"TERM": "dumb"}), (DRAWS, {"columns": 50})],
    ids=["draws none", "dumb", "too narrow"],
)
def test_any_other_terminal_shows_no_picture(answer, given):
    shown = on_a_terminal(answer, **given)
    assert "\x1bP" not in shown
    assert "judge reads" not in shown


def test_away_from_a_terminal_there_is_no_picture():
    done = subprocess.run([sys.executable, "-c", SHOW], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
