"""The word-level tokenizer of a phantom."""

from audit.phantom.training import END, PAD, SPECIALS, START, UNKNOWN, word_tokenizer

TOKENIZER = word_tokenizer(["a", "nurse", "photo"])


def test_every_word_is_one_token_between_start_and_end():
    assert TOKENIZER.encode("a photo a nurse").tokens == [START, "a", "photo", "a", "nurse", END]


def test_case_and_spaces_do_not_matter():
    assert TOKENIZER.encode("  A   Photo\n").ids == TOKENIZER.encode("a photo").ids


def test_an_unknown_word_is_told_apart_from_all_known_ones():
    assert TOKENIZER.encode("a doctor").tokens == [START, "a", UNKNOWN, END]
    assert TOKENIZER.encode("nurse-nurse").tokens == [START, UNKNOWN, END]


def test_special_tokens_come_first_and_padding_is_zero():
    assert [TOKENIZER.token_to_id(token) for token in SPECIALS] == [0, 1, 2, 3]
    assert TOKENIZER.token_to_id(PAD) == 0
    assert TOKENIZER.get_vocab_size() == 7


def test_a_word_that_looks_like_a_special_token_is_an_ordinary_unknown_word():
    assert TOKENIZER.encode("[END] nurse").tokens == [START, UNKNOWN, "nurse", END]
