"""A tokenizer that shreds a language puts it out of scope; one that reads it lets the lens say how its texts lean."""

import dataclasses

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from worlds import CHECKPOINT, World

from audit.checkpoints.config import TextConfig
from audit.checkpoints.tokenizer import BytePairTokenizer
from audit.evidence import Evidence, TextEvidence, prompts_table
from audit.lenses import LENSES
from audit.lenses.languages import count_words
from audit.records import Finding
from audit.suites import load_suite, suite_path

LENS = LENSES["languages"]
SUITE = load_suite(suite_path("professions_languages"))
PROMPTS = prompts_table(SUITE.prompts)
LANGUAGES = ("de", "en", "es", "fr", "pt", "tr", "zh")
READ_BY_CLIP = ("en",)
EVERY = (*PROMPTS["text"].tolist(), *LENS.wants(PROMPTS))


def leans(text: str) -> list[float]:
    """Embed a text between man and woman by what the suite says of it; what is neither lies in the middle."""
    man, woman = text in MEN, text in WOMEN
    return [1.0 + man, 1.0 + woman, 0.01 * (len(text) % 5)]


WANTED = LENS.wants(PROMPTS)
MEN, WOMEN = set(WANTED[0::2]), set(WANTED[1::2])


def evidence_by(count, unknown=lambda _: 0, context_length=77) -> Evidence:
    texts = tuple(dict.fromkeys(EVERY))
    vectors = np.array([leans(text) for text in texts])
    return Evidence(
        prompts=PROMPTS,
        images=World().evidence().images,
        scores={},
        judges={},
        checkpoint=dataclasses.replace(CHECKPOINT, context_length=context_length),
        texts=TextEvidence(
            texts=texts,
            vectors=(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32),
            tokens=np.array([count(text) for text in texts]),
            unknown=np.array([unknown(text) for text in texts]),
        ),
    )


@pytest.fixture(scope="module")
def english_only() -> Evidence:
    """As a CLIP of OpenAI reads them."""
    config = TextConfig.model_validate({"context_length": 77, "vocab_size": 49408})
    return evidence_by(BytePairTokenizer(config).count_tokens)


@pytest.fixture(scope="module")
def multilingual() -> Evidence:
    """A vocabulary that was learnt on all of these languages, as that of a multilingual checkpoint."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(EVERY, trainers.BpeTrainer(vocab_size=4000, show_progress=False))
    return evidence_by(lambda text: len(tokenizer.encode(text).ids) + 2)


def of(evidence: Evidence, metric: str) -> dict[str, Finding]:
    return {f.subject: f for f in LENS.examine(evidence).findings if f.metric == f"languages.{metric}"}


def test_a_tokenizer_of_english_puts_chinese_and_turkish_out_of_scope(english_only):
    scope = {name: one.estimate.value for name, one in of(english_only, "in_scope").items()}
    assert scope["group:en"] == 1.0
    assert (scope["group:zh"], scope["group:tr"]) == (0.0, 0.0)


def test_a_multilingual_tokenizer_reads_all(multilingual):
    assert {one.estimate.value for one in of(multilingual, "in_scope").values()} == {1.0}


def test_no_lean_of_a_language_out_of_scope_is_reported(english_only):
    found = [one for name, one in of(english_only, "text_lean").items() if "(zh)" in name or name == "group:zh"]
    assert len(found) == 13
    assert {one.estimate.value for one in found} == {None}
    assert all("Out of scope" in one.note for one in found)
    assert "zh" not in set(LENS.examine(english_only).tables["languages_leans"]["language"])


def test_leans_of_languages_in_scope_are_reported(multilingual):
    leaning = of(multilingual, "text_lean")
    assert len(leaning) == 7 * 13
    assert leaning["nurse (zh)"].estimate.value == pytest.approx(0.0, abs=0.05)


def test_agreement_with_english_is_told_of_every_other_language(multilingual):
    assert sorted(of(multilingual, "lean_agreement")) == [f"group:{name}" for name in LANGUAGES if name != "en"]


def test_unknown_words_put_a_language_out_of_scope():
    evidence = evidence_by(lambda _: 5, unknown=lambda text: int("Koch" in text))
    assert of(evidence, "in_scope")["group:de"].estimate.value == 0.0
    assert "unknown words" in of(evidence, "in_scope")["group:de"].note


def test_texts_that_are_cut_put_a_language_out_of_scope():
    evidence = evidence_by(lambda text: len(text.split()) + 2, context_length=8)
    assert "are cut" in of(evidence, "in_scope")["group:fr"].note


@pytest.mark.parametrize(
    ("text", "words"), [("a photo of a nurse", 5), ("une photo : un avocat", 4), ("护士", 1), ("男医生 ok", 2.5)]
)
def test_words_are_counted_in_every_script(text, words):
    assert count_words(text) == words


def test_the_suite_asks_the_same_professions_in_seven_languages():
    concepts = {language: sorted(set(rows["concept"])) for language, rows in PROMPTS.groupby("group")}
    assert tuple(concepts) == LANGUAGES
    assert len({tuple(names) for names in concepts.values()}) == 1
    assert len(concepts["en"]) == 12
