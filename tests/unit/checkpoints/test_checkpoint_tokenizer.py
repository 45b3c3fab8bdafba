import json

import open_clip
import pytest
import torch
from checkpoint_tiny import bpe_model_cfg, tiny_model_cfg, word_tokenizer

from audit.checkpoints.config import TextConfig, parse_model_config
from audit.checkpoints.tokenizer import BytePairTokenizer, load_tokenizer
from audit.errors import RefusedProblem


def word_config(**changes):
    cfg = tiny_model_cfg(hf_tokenizer_name="local", **changes)
    return parse_model_config(cfg)


@pytest.fixture
def tokenizer_json(tmp_path):
    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_the_bundled_tokenizer_is_open_clips_own_and_spells_every_word():
    ours = BytePairTokenizer(TextConfig())
    texts = ["a photo of a Nurse &amp; friends", "zxqvw " * 60, ""]
    assert torch.equal(ours.encode(texts), open_clip.get_tokenizer("ViT-B-32")(texts))
    assert ours.unknown_words("zxqvw") == ()
    assert ours.count_tokens("a photo of a nurse") == 7
    assert ours.count_tokens("word " * 100) == 102


def test_a_closed_vocabulary_names_the_words_that_it_does_not_hold(tokenizer_json):
    ours = load_tokenizer(word_config(), tokenizer_json, where="here")
    assert ours.unknown_words("a photo of a Red zebra, a zebra and a ball") == ("zebra", ",", "and")
    assert ours.unknown_words("a photo of a red ball") == ()
    assert ours.unknown_words("") == ()


def test_a_closed_vocabulary_pads_and_keeps_the_end_of_a_cut_text(tokenizer_json):
    ours = load_tokenizer(word_config(), tokenizer_json, where="here")
    tokens = ours.encode(["red ball", "red " * 40])
    assert tokens.shape == (2, 12)
    assert tokens.dtype == torch.int64
    assert tokens[0, 3] == 3
    assert tokens[0, 4:].tolist() == [0] * 8
    assert tokens[1, 0] == 2
    assert tokens[1, -1] == 3
    assert ours.count_tokens("red " * 40) == 42


def test_the_padding_token_is_the_one_that_tokenizer_config_names(tokenizer_json):
    tokenizer_json.with_name("tokenizer_config.json").write_text(json.dumps({"pad_token": {"content": "[EOS]"}}))
    ours = load_tokenizer(word_config(), tokenizer_json, where="here")
    assert ours.encode(["red"])[0, 3:].tolist() == [3] * 9


def test_the_separator_is_blanked_where_the_configuration_says_so(tokenizer_json):
    tokenizer_json.with_name("tokenizer_config.json").write_text(
        json.dumps({"sep_token": "[EOS]", "auto_map": {"AutoTokenizer": "evil.py"}})
    )
    config = word_config(tokenizer_kwargs={"strip_sep_token": True}, pool_type="last")
    assert 3 not in load_tokenizer(config, tokenizer_json, where="here").encode(["red"])


def test_a_tokenizer_with_more_words_than_the_tower_is_refused(tokenizer_json):
    change(tokenizer_json, lambda content: content["model"]["vocab"].update(extra=5000))
    with pytest.raises(RefusedProblem, match="token ids up to 5000"):
        load_tokenizer(word_config(), tokenizer_json, where="here")
    with pytest.raises(RefusedProblem, match="token ids up to 49407"):
        load_tokenizer(
            parse_model_config(bpe_model_cfg() | {"text_cfg": {"vocab_size": 1000, "eos_id": 2}}), None, where="here"
        )


@pytest.mark.parametrize("content", ["{}", '{"model": {"type": "Rune"}}', "not json"])
def test_a_damaged_tokenizer_is_refused(tokenizer_json, content):
    tokenizer_json.write_text(content)
    with pytest.raises(RefusedProblem, match=r"tokenizer\.json"):
        load_tokenizer(word_config(), tokenizer_json, where="here")


def test_a_word_list_without_a_token_for_unknown_words_is_refused(tokenizer_json):
    change(tokenizer_json, lambda content: content["model"].update({"unk_token": "[NONE]"}))
    with pytest.raises(RefusedProblem, match="unk_token, for what it does not know, is none of its words"):
        load_tokenizer(word_config(), tokenizer_json, where="here")


def test_digests_follow_the_vocabulary(tokenizer_json):
    before = load_tokenizer(word_config(), tokenizer_json, where="here").digest
    change(tokenizer_json, lambda content: content["model"]["vocab"].update(extra=4))
    assert load_tokenizer(word_config(), tokenizer_json, where="here").digest != before
