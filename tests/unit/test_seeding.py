"""Seeds are functions of names."""

import hashlib

import pytest

from audit.seeding import derive_seed


def test_the_same_names_give_the_same_seed_on_every_machine():
    assert derive_seed("invert", 0, "0123456789abcdef", 3) == derive_seed("invert", 0, "0123456789abcdef", 3)
    text = bytes([0, 0, 0, 0, 0, 0, 0, 6]) + b"invert" + bytes([0, 0, 0, 0, 0, 0, 0, 1]) + b"5"
    assert derive_seed("invert", 5) == int(hashlib.sha256(text).hexdigest()[:16], 16) // 2


def test_a_seed_does_not_depend_on_what_was_drawn_before():
    alone = derive_seed("views", 7)
    for other in range(5):
        derive_seed("views", other)
    assert derive_seed("views", 7) == alone


def test_order_and_borders_of_the_names_matter():
    seeds = [
        derive_seed("ab", "c"),
        derive_seed("a", "bc"),
        derive_seed("abc"),
        derive_seed("c", "ab"),
        derive_seed("ab", "c", ""),
        derive_seed("", "ab", "c"),
    ]
    assert len(set(seeds)) == len(seeds)


def test_a_number_and_its_digits_are_the_same_name():
    assert derive_seed("replicate", 12) == derive_seed("replicate", "12")


@pytest.mark.parametrize("name", ["", "\0", "a photo of a nurse", "名前", "\ud800", "x" * 10_000])
def test_any_text_is_a_name_and_its_seed_fits_a_generator(name):
    assert 0 <= derive_seed(name) < 2**63


def test_seeds_fill_their_range_evenly():
    seeds = [derive_seed("spread", number) for number in range(2000)]
    assert len(set(seeds)) == 2000
    high = sum(seed >= 2**62 for seed in seeds)
    assert 900 < high < 1100  # 4.5 standard deviations around one half


def test_a_seed_without_a_name_is_refused():
    with pytest.raises(ValueError, match="at least one name"):
        derive_seed()
