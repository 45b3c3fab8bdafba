"""The judge that reads letters, on what its stated error was measured on, in smaller numbers."""

import pytest
from reading import cases, found

from audit.judges import load_judge

COUNT = 20


@pytest.fixture(scope="module")
def shares():
    judge = load_judge("letters")
    asked = {"phantom, 64 px, a word", "noise, 64 px, no word", "noise, 64 px, a word of size 12"}
    return {case.name: found(judge, case) for case in cases(COUNT) if case.name in asked}


@pytest.mark.parametrize("name", ["phantom, 64 px, a word", "noise, 64 px, a word of size 12"])
def test_printed_words_are_found_and_read(shares, name):
    assert min(share.value for share in shares[name]) >= 0.9


def test_noise_holds_no_text(shares):
    assert shares["noise, 64 px, no word"][0].value <= 0.05
