"""Leans that are planted language by language, with a tokenizer that knows six languages whole and shreds one."""

import dataclasses

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from worlds import CHECKPOINT, World

from audit.evidence import Evidence, TextEvidence, prompts_table
from audit.lenses import LENSES
from audit.lenses.languages import MOST_TOKENS
from audit.records import Finding
from audit.seeding import derive_seed
from audit.suites import load_suite, suite_path

LENS = LENSES["languages"]
PROMPTS = prompts_table(load_suite(suite_path("professions_languages")).prompts)
CONCEPTS = sorted(set(PROMPTS["concept"]))
WANTED = LENS.wants(PROMPTS)
TEXTS = tuple(dict.fromkeys((*PROMPTS["text"], *WANTED)))
MEN, WOMEN = set(WANTED[0::2]), set(WANTED[1::2])
READER = dataclasses.replace(CHECKPOINT, context_length=77)
SHREDDED = "tr"
ORDERED = {concept: -0.6 + 1.2 * place / (len(CONCEPTS) - 1) for place, concept in enumerate(CONCEPTS)}
"""A lean for each profession, none like another, 0 on the whole."""


@pytest.fixture(scope="module")
def count():
    """Count tokens by a vocabulary that was learnt on every language of the suite but one, which falls into bytes."""
    learnt = PROMPTS.loc[PROMPTS["group"] != SHREDDED]
    ends = LENS.wants(learnt)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=20_000, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([*learnt["text"], *ends], trainer)
    return lambda text: len(tokenizer.encode(text).ids) + 2


def tower(planted, *, spread: float = 0.05) -> np.ndarray:
    """Embed the ends of every scale at a man and at a woman, and every text where its language and concept are planted.

    Args:
        planted: Language and concept -> lean from -1 to +1.
        spread: Standard deviation of the leans of sentences of one concept.
    """
    places = dict.fromkeys(MEN, 1.0) | dict.fromkeys(WOMEN, -1.0)
    for text, language, concept in zip(PROMPTS["text"], PROMPTS["group"], PROMPTS["concept"], strict=True):
        noise = np.random.default_rng(derive_seed("planted", text)).normal(scale=spread)
        places.setdefault(text, planted(language, concept) + noise)
    rows = np.array([[1.0 + places[text], 1.0 - places[text], 1.0] for text in TEXTS])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def evidence_of(planted, count) -> Evidence:
    tokens = np.array([count(text) for text in TEXTS])
    texts = TextEvidence(texts=TEXTS, vectors=tower(planted), tokens=tokens, unknown=np.zeros_like(tokens))
    images = World().evidence().images
    return Evidence(prompts=PROMPTS, images=images, scores={}, judges={}, checkpoint=READER, texts=texts)


def found(planted, count) -> dict[str, Finding]:
    """Return the findings by metric and subject, as "text_lean group:de"."""
    answer = LENS.examine(evidence_of(planted, count))
    return {f"{one.metric.partition('.')[2]} {one.subject}": one for one in answer.findings}


def test_a_language_that_is_shredded_is_out_of_scope_and_no_bias_is_measured_in_it(count):
    told = found(lambda language, _: 0.9 if language == SHREDDED else 0.0, count)
    assert told["in_scope group:en"].estimate.value == told["in_scope group:de"].estimate.value == 1.0
    tokens = {name: told[f"tokens_per_word group:{name}"].estimate.value for name in ("en", "de", SHREDDED)}
    assert tokens["de"] < MOST_TOKENS * tokens["en"] < tokens[SHREDDED]
    leans = [one for name, one in told.items() if "lean" in name and SHREDDED in name.replace(":", " ").split()]
    leans += [one for name, one in told.items() if name.endswith(f"({SHREDDED})")]
    assert len(leans) == len(CONCEPTS) + 2
    assert {one.estimate.value for one in leans} == {None}
    assert {one.p_value for one in leans} == {None}
    assert all(one.note.startswith("Out of scope: ") and "tokens per word" in one.note for one in leans)


def test_a_difference_between_two_languages_that_is_planted_is_found(count):
    told = found(lambda language, _: {"de": 0.5, "fr": -0.5}.get(language, 0.0), count)
    german, french, english = (told[f"text_lean group:{name}"].estimate for name in ("de", "fr", "en"))
    assert german.low > 0.3 > english.high
    assert french.high < -0.3 < english.low
    assert english.low < 0.0 < english.high


def test_where_no_difference_is_planted_none_is_found(count):
    told = found(lambda *_: 0.0, count)
    wholes = [told[f"text_lean group:{name}"].estimate for name in ("de", "en", "es", "fr", "pt", "zh")]
    assert all(one.low < 0.05 and one.high > -0.05 for one in wholes)
    assert max(one.low for one in wholes) < min(one.high for one in wholes)


def test_professions_that_lean_alike_in_two_languages_agree_and_turned_round_they_do_not(count):
    sign = {"en": 1.0, "de": 1.0, "fr": -1.0}
    told = found(lambda language, concept: sign.get(language, 0.0) * ORDERED[concept], count)
    alike, turned = (told[f"lean_agreement group:{name}"].estimate for name in ("de", "fr"))
    assert alike.low > 0.8
    assert turned.high < -0.8


def test_the_leans_of_professions_come_out_as_planted(count):
    told = found(lambda language, concept: ORDERED[concept] if language == "de" else 0.0, count)
    german = [told[f"text_lean {concept} (de)"].estimate.value for concept in CONCEPTS]
    assert np.corrcoef(german, list(ORDERED.values()))[0, 1] > 0.95
    significant = {concept for concept in CONCEPTS if (told[f"text_lean {concept} (en)"].p_adjusted or 1.0) < 0.01}
    assert significant == set()
