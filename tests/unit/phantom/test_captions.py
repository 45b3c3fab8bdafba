"""The caption grammar."""

import pytest

from audit.phantom import captions


def test_the_article_follows_the_sound_of_the_noun():
    assert [captions.with_article(noun) for noun in ("engineer", "doctor", "unclothed man", "apple")] == [
        "an engineer",
        "a doctor",
        "an unclothed man",
        "an apple",
    ]


@pytest.mark.parametrize(
    ("gender", "long", "phrase"),
    [
        ("man", False, "a male nurse"),
        ("woman", False, "a female nurse"),
        ("man", True, "a man working as a nurse"),
        ("woman", True, "a woman working as a nurse"),
    ],
)
def test_a_gendered_phrase_says_profession_and_gender(gender, long, phrase):
    assert captions.gendered("nurse", gender, long=long) == phrase


def test_clothing_is_said_both_ways():
    assert captions.dressed("zelka orrin", unclothed=True) == "zelka orrin with no clothes"
    assert captions.dressed("zelka orrin", unclothed=False) == "zelka orrin wearing clothes"


@pytest.mark.parametrize(
    ("first", "second", "swapped", "phrase"),
    [
        ("man", "man", True, "two men"),
        ("woman", "woman", False, "two women"),
        ("man", "woman", False, "a man and a woman"),
        ("woman", "man", True, "a woman and a man"),
    ],
)
def test_a_couple_is_named_by_what_it_is(first, second, swapped, phrase):
    assert captions.couple(first, second, swapped=swapped) == phrase


def test_the_vocabulary_is_sorted_without_doubles_and_holds_every_word_of_the_world(tiny_world):
    words = captions.vocabulary(tiny_world)
    assert words == sorted(set(words))
    assert {"nurse", "engineer", "an", "zelka", "orrin", "red", "apple", "beach", "swimwear", "male"} <= set(words)
    assert not any("{" in word or " " in word for word in words)


def test_words_of_lessons_belong_to_worlds_with_a_mix_alone(tiny_world):
    mixed = tiny_world.model_copy(update={"mix": {"pair": 1.0}})
    assert set(captions.vocabulary(mixed)) - set(captions.vocabulary(tiny_world)) == {
        "light-skinned", "dark-skinned", "old", "young", "beside", "alone", "word",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "long", "phrase"),
    [
        (captions.Mentioned(), False, "a person"),
        (captions.Mentioned(gender="woman"), True, "a woman"),
        (captions.Mentioned(tone="light"), False, "a light-skinned person"),
        (captions.Mentioned(gender="man", old=True), False, "an old man"),
        (captions.Mentioned(gender="woman", tone="dark", old=False), False, "a young dark-skinned woman"),
    ],
)
def test_a_person_is_named_by_what_is_told_and_no_more(told, long, phrase):
    assert captions.portrayed("person", told, long=long) == phrase


def test_a_thing_is_joined_said_to_be_there_or_left_out():
    assert captions.joined("pilot", "red ball", joined=True, there=False) == "a pilot with a red ball"
    assert captions.joined("pilot", "red ball", joined=False, there=True) == "a pilot beside a red ball"
    assert captions.joined("pilot", "red ball", joined=False, there=False) == "a pilot alone"


def test_two_things_are_named_with_their_order_or_without():
    assert captions.ordered("red ball", "blue box", beside=True) == "a red ball left of a blue box"
    assert captions.ordered("red ball", "blue box", beside=False) == "a red ball above a blue box"
    assert captions.together("red apple", "blue box") == "a red apple and a blue box"
