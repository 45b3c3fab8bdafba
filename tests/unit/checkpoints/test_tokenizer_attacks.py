"""A tokenizer of a stranger: what is on the list works as the library has it, all else is refused, soon and by name."""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import itertools
import json
import resource
import subprocess
import sys
import time

import pytest
import torch
from checkpoint_tiny import tiny_model_cfg, word_tokenizer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from audit.checkpoints import tokenizer as module
from audit.checkpoints.config import parse_model_config
from audit.checkpoints.tokenizer import load_tokenizer
from audit.checkpoints.tokenizer_parts import check_regex, parse_tokenizer
from audit.errors import RefusedProblem

CONFIG = parse_model_config(tiny_model_cfg(hf_tokenizer_name="local", pool_type="last"))
CLIP_SPLIT = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
GPT_2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
GPT_4 = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"""
)
SIGLIP = r"""[!\"\#\$%\&'\(\)\*\+,\-\.:;=\?@\[\]\\\^_`\{\}\~]"""


def plain() -> dict:
    return json.loads(word_tokenizer().to_str())


def load(tmp_path, content, config=CONFIG, **options):
    (tmp_path / "tokenizer.json").write_text(content if isinstance(content, str) else json.dumps(content))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(options))
    return load_tokenizer(config, tmp_path / "tokenizer.json", where="here")


# --- what is in use ---------------------------------------------------------------------------------------------------


def clip() -> Tokenizer:
    vocab = {"a": 0, "b": 1, "b</w>": 2, "ab</w>": 3, "<|startoftext|>": 4, "<|endoftext|>": 5}
    tokenizer = Tokenizer(
        models.BPE(vocab, [("a", "b</w>")], unk_token="<|endoftext|>", end_of_word_suffix="</w>", fuse_unk=False)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(CLIP_SPLIT), "removed", invert=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", 5), ("<|startoftext|>", 4))
    return tokenizer


def siglip() -> Tokenizer:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((sign, -float(n)) for n, sign in enumerate("▁abcdr"))]
    tokenizer = Tokenizer(models.Unigram(pieces, 2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.Replace(Regex(SIGLIP), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def bert() -> Tokenizer:
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "red": 4, "##s": 5}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def gemma() -> Tokenizer:
    vocab = {"<unk>": 0, "<bos>": 1, "<eos>": 2, "▁": 3, "r": 4, "e": 5, "d": 6, "re": 7}
    tokenizer = Tokenizer(models.BPE(vocab, [("r", "e")], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 2)])
    return tokenizer


@pytest.mark.parametrize("make", [clip, siglip, bert, gemma, word_tokenizer])
def test_the_tokenizers_of_known_families_give_what_the_library_gives(make, tmp_path):
    theirs = make()
    ours = load(tmp_path, theirs.to_str())
    for text in ("", "red reds ab b A  ball!", "ab " * 30):
        cut = Tokenizer.from_str(theirs.to_str())
        cut.enable_truncation(12)
        cut.enable_padding(length=12, pad_id=0)
        assert ours.encode([text])[0].tolist() == cut.encode(" ".join(text.split())).ids


@pytest.mark.parametrize(
    "pattern", [CLIP_SPLIT, GPT_2, GPT_4, SIGLIP, r"\s+", " {2,}", r"\d", "[[:alpha:]&&[^a]]+", "x?"]
)
def test_the_regular_expressions_in_use_are_taken(pattern):
    assert check_regex(pattern) == pattern


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(([a-z]|[a-z ])*)*\d$", "(a+)+", "(a|a)*b", "(?:a*)*", "(a{1,9}){1,9}", "a*a*a*b", r"(a)\1", r"\k<n>",
        r"\g<0>", "(?<n>a)", "(?>a)", "(?<=a)b", "(?~a)", "(?(1)a)", "(*FAIL)", "(?{x})", "a{99999}", "a{1,2,3}",
        "a{x}", "[a", "\\", r"\p{", r"\A", r"\R", "a" * 501, "[[[[", "a{9999999999999999999999}", "a{,", "(?#c)",
        r"\G+", r"\X+",
    ],
)  # fmt: skip
def test_a_regular_expression_that_may_not_end_is_refused(pattern):
    with pytest.raises(ValueError, match="the regular expression"):
        check_regex(pattern)


@settings(max_examples=150, deadline=500)
@given(st.text(alphabet="ab()[]{}|*+?\\pLs^$.,0129<>!:=-", max_size=60))
@example("(" * 400)
@example("[" * 400)
def test_whatever_a_regular_expression_holds_it_is_judged_at_once(pattern):
    with contextlib.suppress(ValueError):
        assert check_regex(pattern) == pattern


def sized(word: str, times: int) -> list[dict]:
    return [{"type": "Replace", "pattern": {"String": word}, "content": word * 2}] * times


def edited(path: str, value: object) -> dict:
    content = plain()
    *steps, last = path.split("/")
    place = content
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[last] = value
    return content


TEXT = {"Sequence": {"id": "A", "type_id": 0}}
START = {"SpecialToken": {"id": "[SOS]", "type_id": 0}}
ATTACKS = {
    "a regular expression that panics": (
        "normalizer", {"type": "Replace", "pattern": {"Regex": r"^(([a-z]|[a-z ])*)*\d$"}, "content": ""},
    ),
    "normalisers that double": ("normalizer", {"type": "Sequence", "normalizers": sized("a", 40)}),
    "a few that grow too much": ("normalizer", {"type": "Sequence", "normalizers": sized("a", 7)}),
    "normalisers in normalisers": (
        "normalizer", {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": sized("a", 7)}]},
    ),
    "a long replacement": ("normalizer", {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 99}),
    "an empty pattern": ("normalizer", {"type": "Replace", "pattern": {"String": ""}, "content": "aa"}),
    "two patterns": ("normalizer", {"type": "Replace", "pattern": {"String": "a", "Regex": "b"}, "content": ""}),
    "no pattern": ("pre_tokenizer", {"type": "Split", "pattern": {}, "behavior": "Isolated", "invert": False}),
    "a table that is no base64": ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "!"}),
    "a table that is cut off": (
        "normalizer", {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(b"\xff\xff\0\0ab").decode()},
    ),
    "a table that explodes": (
        "normalizer",
        {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(b"\4\0\0\0abcd" + b"x" * 9999).decode()},
    ),
    "an unknown normaliser": ("normalizer", {"type": "Rune"}),
    "an unknown splitter": ("pre_tokenizer", {"type": "Custom"}),
    "a template id beyond the vocabulary": ("post_processor/special_tokens/[EOS]/ids", [99_999]),
    "a negative template id": ("post_processor/special_tokens/[EOS]/ids", [-1]),
    "a template as long as the context": ("post_processor/single", [*[START] * 11, TEXT, START]),
    "a template that is too long": ("post_processor/single", [*[START] * 300, TEXT]),
    "a template without the text": ("post_processor/single", [START]),
    "a template with the text twice": ("post_processor/single", [TEXT] * 2),
    "a template token that is unknown": ("post_processor/special_tokens", {}),
    "pieces without one for the unknown": (
        "model", {"type": "Unigram", "unk_id": None, "vocab": [["a", 0.0], ["b", -1.0]], "byte_fallback": False},
    ),
    "pieces that are empty": ("model", {"type": "Unigram", "unk_id": 0, "vocab": [["", 0.0]]}),
    "pieces with huge scores": ("model", {"type": "Unigram", "unk_id": 0, "vocab": [["a", 10**18]]}),
    "a model that draws": ("model", {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.5}),
    "merges of what is not there": ("model", {"type": "BPE", "vocab": {"a": 0}, "merges": ["x y"]}),
    "an id that is no number": ("model/vocab/red", "4"),
    "an id that is negative": ("model/vocab/red", -1),
    "an id that is true": ("model/vocab/red", True),
    "an id beyond the vocabulary": ("model/vocab/red", 5000),
    "an added token beyond it": ("added_tokens", [{"id": 5000, "content": "x"}]),
    "a fill beyond it": (
        "padding",
        {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 900_000,
         "pad_type_id": 0, "pad_token": "x"},
    ),
    "a key that nobody knows": ("auto_map", {"AutoTokenizer": "evil.py"}),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value"), ATTACKS.values(), ids=ATTACKS)
def test_what_is_not_on_the_list_or_out_of_bounds_is_refused_at_once(path, value, tmp_path):
    began = time.process_time()
    with pytest.raises(RefusedProblem, match=r"tokenizer\.json|tokenizer of here"):
        load(tmp_path, edited(path, value))
    assert time.process_time() - began < 2


@pytest.mark.parametrize("token", ["\\ud800", "\\uDFFF"])
def test_half_a_character_is_refused_wherever_it_stands(tmp_path, token):
    (tmp_path / "tokenizer.json").write_text(word_tokenizer().to_str())
    (tmp_path / "tokenizer_config.json").write_text(f'{{"pad_token": "{token}"}}')
    with pytest.raises(RefusedProblem, match="tokenizer_config"):
        load_tokenizer(CONFIG, tmp_path / "tokenizer.json", where="here")


def test_a_fill_that_is_not_in_the_file_is_that_of_the_text_tower(tmp_path):
    content = plain() | {"padding": None}
    ours = load(tmp_path, content)
    assert ours.encode(["red"])[0, 3:].tolist() == [CONFIG.text_cfg.pad_id] * 9
    assert load(tmp_path, content, pad_token="[EOS]").encode(["red"])[0, 3:].tolist() == [3] * 9


def test_what_a_file_says_of_decoding_is_dropped_unread(tmp_path):
    assert load(tmp_path, plain() | {"decoder": {"type": "Rune"}}).encode(["red"]).shape == (1, 12)


# --- the trial --------------------------------------------------------------------------------------------------------


def trial(tmp_path, monkeypatch, body: str):
    script = tmp_path / "trial.py"
    script.write_text(body)
    monkeypatch.setattr(module, "_TRIAL", script)
    monkeypatch.setattr(module, "_TRIED", {})
    monkeypatch.setattr(module, "_SECONDS", 1)
    monkeypatch.setattr(module, "_PATIENCE", 1)
    return load(tmp_path, plain())


@pytest.mark.parametrize("body", ["import os; os.abort()", "while True: pass", "print('[]')", "raise SystemExit(3)"])
def test_a_trial_that_does_not_come_back_is_a_refusal(tmp_path, monkeypatch, body):
    with pytest.raises(RefusedProblem, match="ends the process"):
        trial(tmp_path, monkeypatch, body)


def test_the_trial_loads_no_torch():
    command = [sys.executable, "-X", "importtime", "-P", module._TRIAL]
    asked = {
        "content": word_tokenizer().to_str(), "captions": ["red"], "context": 4, "vocab_size": 100,
        "pad": None, "pad_token": "[EOS]", "pad_id": 0, "sep_token": None, "seconds": 9,
    }  # fmt: skip
    done = subprocess.run(command, input=json.dumps(asked).encode(), capture_output=True, check=True)
    assert json.loads(done.stdout) == {"problem": "", "pad": [3, "[EOS]"], "sep": None}
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "tokenizers" in loaded
    assert loaded.isdisjoint({"torch", "numpy", "transformers", "audit"})


def test_the_trial_is_held_once_for_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TRIED", {})
    load(tmp_path, plain())
    monkeypatch.setattr(module, "_answer_of", None)
    assert load(tmp_path, plain()).encode(["red"]).dtype == torch.int64


def test_a_panic_later_on_is_a_refusal_too(tmp_path):
    class PanicException(BaseException):
        """Named as that of pyo3."""

    class Panics:
        def encode(self, *_args, **_more):
            raise PanicException("index out of bounds")

        encode_batch = encode

    ours = load(tmp_path, plain())
    ours._plain = ours._padded = Panics()
    for ask in (lambda: ours.encode(["x"]), lambda: ours.count_tokens("x"), lambda: ours.unknown_words("x")):
        with pytest.raises(RefusedProblem, match="index out of bounds"):
            ask()


# --- others of the same kinds -------------------------------------------------------------------------------------

HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.lists(st.integers(0, 9), max_size=3),
    st.sampled_from(["(a+)+", "a" * 2000, {}, {"type": "Sequence"}, [[]], {"Regex": "(?:a|a)*"}, -1, 2**40]),
)


def places(content: object, path: tuple = ()) -> list[tuple]:
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


BASES = [json.loads(make().to_str()) for make in (clip, siglip, bert, gemma)]
PLACES = [(number, place) for number, base in enumerate(BASES) for place in places(base) if place]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), HOSTILE), min_size=1, max_size=3))
def test_a_tokenizer_with_anything_in_any_place_is_refused_or_gives_ids_of_the_vocabulary(changes, tmp_path):
    (first, _), _ = changes[0]
    content = copy.deepcopy(BASES[first])
    for (number, (*steps, last)), value in changes:
        if number == first:
            place = content
            try:
                for step in steps:
                    place = place[step]
                place[last] = value
            except (TypeError, KeyError, IndexError):  # an earlier change took the place away
                continue
    began = time.process_time()
    try:
        tokens = load(tmp_path, content).encode(["a red ball", "x" * 300])
    except RefusedProblem:
        pass
    else:
        assert tokens.shape == (2, 12)
        assert 0 <= int(tokens.min()) <= int(tokens.max()) < CONFIG.vocab_size
    assert time.process_time() - began < 5


@settings(max_examples=100, deadline=None)
@given(st.recursive(HOSTILE, lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6))
def test_whatever_json_holds_it_is_no_tokenizer(content):
    with pytest.raises(RefusedProblem):
        parse_tokenizer(content, vocab_size=10, context=8, where="x")


# --- what it may cost -------------------------------------------------------------------------------------------------


def like_gemma(pieces: int, merges: int) -> dict:
    """Byte pairs over all short words of an alphabet, as large as one asks for."""
    signs = "▁abcdefghijklmnopqrstuvwx"
    words = ("".join(word) for length in (1, 2, 3, 4) for word in itertools.product(signs, repeat=length))
    vocab = ["<unk>", "<pad>", *itertools.islice(words, pieces - 2)]
    pairs = ([word[:cut], word[cut:]] for word in vocab[2:] for cut in range(1, len(word)))
    return {
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "vocab": {word: number for number, word in enumerate(vocab)},
            "merges": list(itertools.islice(pairs, merges)),
        },
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    }


def like_xlm(pieces: int) -> dict:
    """Pieces that share few beginnings, which is what costs a unigram memory."""
    numbers = (hashlib.sha256(str(number).encode()).hexdigest()[:10] for number in range(pieces - 2))
    words = ["<unk>", "▁", *numbers]
    vocab = [[word, -number / pieces] for number, word in enumerate(words)]
    split = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return {"model": {"type": "Unigram", "unk_id": 0, "vocab": vocab}, "pre_tokenizer": split}


def tried(content: dict, pieces: int):
    whole = {"version": "1.0", "added_tokens": [], "post_processor": None, "decoder": None} | content
    named = {"pad_token": None, "sep_token": None, "pad": [1, "x"], "pad_id": 1}
    asked = {"content": json.dumps(whole), "captions": ["a red ball"], "context": 12, "vocab_size": pieces, **named}
    return module._answer_of(json.dumps({**asked, "seconds": 20}), seconds=20)


@pytest.mark.slow
def test_the_largest_in_use_pass_the_limit_of_memory():
    assert tried(like_gemma(256_000, 580_000), 256_000).problem == ""
    assert tried(like_xlm(250_000), 250_000).problem == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is limited on Linux alone")
def test_one_that_takes_more_than_a_gibibyte_is_ended():
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert "1 GiB" in tried(like_xlm(900_000), 900_000).problem
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 15  # so it was not the limit of 20 s


def test_a_file_larger_than_any_in_use_is_not_parsed(tmp_path):
    with pytest.raises(RefusedProblem, match="more than the 40000000 bytes"):
        load(tmp_path, " " * 40_000_001)
