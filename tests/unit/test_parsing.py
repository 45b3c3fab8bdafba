"""What strangers wrote is bounded before it is parsed: every parser ends soon, in an answer or in a ValueError."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import time
import tomllib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from audit.checkpoints.safe_files import read_json
from audit.cli.config_file import read_config
from audit.codec import parse_object
from audit.errors import AuditProblem, EnvironmentProblem, RefusedProblem, UsageProblem
from audit.gate import load_policy
from audit.parsing import blank_strings, open_picture, parse_json, parse_toml
from audit.phantom.world import read_world
from audit.suites import list_suites, load_suite

SECONDS = 3
NUMBERS = [
    "1" + "0" * 309,
    "-" + "9" * 400,
    "0x" + "f" * 500,
    "9" * 5000,
    "1e999",
    "-1e400",
    "9223372036854775808",
    "nan",
    "inf",
]

# --- TOML -------------------------------------------------------------------------------------------------------------

SLOW = {
    "a key of 40,000 dots": "a" + ".a" * 40_000 + " = 1",
    "the same with blanks": "a" + " . a" * 40_000 + " = 1",
    "the same in quotes": '"a"' + '."a"' * 40_000 + " = 1",
    "a table of 40,000 dots": "[a" + ".a" * 40_000 + "]",
    "an inline table of 40,000 dots": "x = {a" + ".a" * 40_000 + " = 1}",
    "brackets": "a = " + "[" * 400_000,
    "braces": "a = " + "{a = " * 150_000,
    "one long key": "a" * 900_000 + " = 1",
    "quotes that open": '"' * 500_001,
    "escaped quotes": 'a = "' + '\\"' * 400_000,
    "triple quotes": 'a = """' + '""a' * 300_000,
    "digits": "a = " + "1" * 900_000,
    "hexadecimal digits": "a = 0x" + "f" * 900_000,
    "too long": "#" * 1_000_001,
    "comments": "#\n" * 60_000,
    "blanks": " " * 999_000,
    "dots": "." * 900_000,
    "keys and blanks": "a " * 400_000,
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_toml_that_is_slow_to_parse_is_refused_at_once(text):
    began = time.process_time()
    with contextlib.suppress(ValueError):
        parse_toml(text)
    assert time.process_time() - began < SECONDS


def test_a_key_of_many_dots_says_where_it_stands(tmp_path):
    path = tmp_path / "suite.toml"
    path.write_text("schema_version = 1\n" + "a" + ".a" * 40_000 + " = 1\n")
    with pytest.raises(UsageProblem, match=r"line 2: not TOML: A key has more than 16 dots"):
        load_suite(path)


def test_dots_that_are_no_keys_are_none():
    dots = ".".join("abcdefghijklmnopqrstuvwxyz")
    text = f'a = [{", ".join(["0.1"] * 99)}]\nb = "{dots}"\n# {dots}\nc = \'{dots}\'\nd = """\n{dots}\n"""\n'
    assert parse_toml(text) == tomllib.loads(text)


def test_what_is_shipped_is_parsed_as_the_library_parses_it():
    for path in list_suites():
        text = path.read_text(encoding="utf-8")
        assert parse_toml(text) == tomllib.loads(text)


@pytest.mark.parametrize("number", [number for number in NUMBERS if "e" not in number and number not in {"nan", "inf"}])
def test_a_number_that_toml_does_not_have_is_refused(number):
    with pytest.raises(ValueError, match=r"64 bits|limit|Exceeds"):
        parse_toml(f"a = [1, {{b = {number}}}]")


@pytest.mark.parametrize(
    "text",
    ["a = 1\nb = [\n[{0}]]", "a = 1\n\nb = {{ c = {0} }}", '"{0}" = "{0}"\n# {0}\nb = -{0}', "[x.{0}]\nc = 1\nb=+{0}"],
)
@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "0x" + "f" * 17])
def test_a_number_that_is_too_long_is_found_on_its_line(text, number):
    if number.startswith("0x"):
        text = text.replace("-{0}", "{0}").replace("+{0}", "{0}")  # TOML has no sign there
    with pytest.raises(ValueError, match=r"64 bits \(at line 3, column 1\)") as found:
        parse_toml(text.format(number))
    assert "set_int" not in str(found.value)


def test_keys_of_many_digits_are_no_numbers():
    digits = "9" * 30
    assert parse_toml(f"{digits} = 1\n[x.{digits}]\n") == {digits: 1, "x": {digits: {}}}
    assert parse_toml(f"[{digits}]\n{digits} = 1\n") == {digits: {digits: 1}}


@settings(max_examples=120, deadline=2000)
@given(st.text(alphabet="ab.[]{}=\"'#\\\n 1_-:Te+x,", max_size=120))
def test_blanking_keeps_every_place_and_parsing_ends(text):
    blank = blank_strings(text)
    assert len(blank) == len(text)
    assert [place for place, sign in enumerate(blank) if sign == "\n"] == [
        place for place, sign in enumerate(text) if sign == "\n"
    ]
    try:
        ours = parse_toml(text)
    except ValueError:
        return
    assert repr(ours) == repr(tomllib.loads(text))


SUITE = """schema_version = 1
name = "own"
version = "1.0"
lens = "gender"
purpose = "x"
source = "x"
licence = "x"
[slots]
job = [ {{ concept = "nurse", {fact} }} ]
[[block]]
role = "subject"
templates = ["a photo of {{a_job}}"]
"""


@pytest.mark.parametrize("key", ["women", "year", "inversions", "any_fact"])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_beyond_bounds_in_a_suite_is_the_users_to_mend(tmp_path, key, number):
    path = tmp_path / "suite.toml"
    path.write_text(SUITE.format(fact=f"{key} = {number}"))
    with pytest.raises(UsageProblem, match=r"suite\.toml, line \d+"):
        load_suite(path)


VALUES = st.one_of(
    st.sampled_from(
        [*NUMBERS, "true", "[]", "{}", '""', "[[]]", '"\\u200b"', "1979-05-27", '"{job}"', "'{'", "{a = 1}"]
    ),
    st.integers(-(2**70), 2**70).map(str),
    st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.lists(st.integers(0, 9), max_size=3).map(str),
)
LINES = [line for line in SUITE.format(fact="group = 'x'").splitlines() if "=" in line]


@settings(max_examples=120, deadline=3000)
@given(line=st.sampled_from(LINES), value=VALUES)
def test_a_suite_with_anything_in_any_place_is_read_or_is_the_users_to_mend(tmp_path_factory, line, value):
    path = tmp_path_factory.mktemp("suite") / "suite.toml"
    text = SUITE.format(fact="group = 'x'").replace(line, f"{line.split('=')[0]}= {value}", 1)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    _held(lambda: load_suite(path), UsageProblem)


@settings(max_examples=60, deadline=3000)
@given(key=st.sampled_from(["level", "correction", "name", "schema_version", "max_unscored_share"]), value=VALUES)
def test_a_policy_with_anything_in_any_place_is_read_or_is_the_users_to_mend(tmp_path_factory, key, value):
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    settings_ = {"schema_version": "1", "name": '"p"', "level": "0.95", key: value}
    rule = '[[rule]]\nid = "a"\nmetric = "gender.lean"\nsuite = "s"\nsubject = "*"\nat_most = 0.5\nreason = "x"\n'
    path.write_text("".join(f"{name} = {told}\n" for name, told in settings_.items()) + rule, "utf-8", "surrogatepass")
    _held(lambda: load_policy(str(path)), UsageProblem)


@settings(max_examples=40, deadline=3000)
@given(key=st.sampled_from(["name", "seed", "training.epochs", "training.pictures", "profession"]), value=VALUES)
def test_a_world_with_anything_in_any_place_is_read_or_is_the_users_to_mend(tmp_path_factory, key, value):
    path = tmp_path_factory.mktemp("world") / "world.toml"
    path.write_text(f'based_on = "skewed"\n{key} = {value}\n', "utf-8", "surrogatepass")
    _held(lambda: read_world(path), UsageProblem)


@pytest.mark.parametrize("what", ["a key of 40,000 dots", "brackets", "too long"])
def test_settings_of_a_folder_are_read_or_are_the_users_to_mend(tmp_path, what):
    text = SLOW[what]
    for name in ("clip-audit.toml", "pyproject.toml"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text(text)
        _held(lambda folder=folder: read_config(folder), UsageProblem)


def _held(ask, *problems: type[AuditProblem]) -> None:
    began = time.process_time()
    with contextlib.suppress(*problems):
        ask()
    assert time.process_time() - began < SECONDS


# --- JSON -------------------------------------------------------------------------------------------------------------

JSON = {
    "deep lists": b"[" * 100_000,
    "deep lists that close": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "empty lists without end": b"[" + b"[]," * 3_000_000 + b"[]]",
    "a huge number": b"[" + b"9" * 1_000_000 + b"]",
    "a number of 310 digits": b"[1" + b"0" * 309 + b"]",
    "a number beyond all others": b"[1e999]",
    "not a number": b"[NaN]",
    "a key twice": b'{"a": 1, "a": 2}',
    "half a character": b'["\\ud800"]',
    "half a character as a key": b'{"\\uDFFF": 1}',
    "no text": b"\xff\xfe",
    "nothing": b"",
}


@pytest.mark.parametrize("raw", JSON.values(), ids=JSON)
def test_json_that_costs_too_much_or_means_nothing_is_refused_at_once(raw, tmp_path):
    began = time.process_time()
    with pytest.raises(ValueError):  # noqa: PT011  (each says something else)
        parse_json(raw)
    path = tmp_path / "x.json"
    path.write_bytes(raw)
    with pytest.raises(RefusedProblem, match=r"x\.json"):
        read_json(path, max_bytes=1 << 26)
    with pytest.raises(EnvironmentProblem, match=r"x\.json is damaged"):
        parse_object(raw, path)
    assert time.process_time() - began < SECONDS


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)


def nested(inner):
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)


@settings(max_examples=150, deadline=2000)
@given(st.recursive(PLAIN, nested, max_leaves=12))
def test_ordinary_json_is_what_the_library_makes_of_it(content):
    raw = json.dumps(content).encode()
    if b"\\ud" not in raw:
        assert parse_json(raw) == json.loads(raw)


@settings(max_examples=150, deadline=2000)
@given(st.binary(max_size=80) | st.text(alphabet='[]{}",:0123456789.eE+-tfn\\u ', max_size=80).map(str.encode))
def test_whatever_the_bytes_json_ends_in_a_value_or_a_value_error(raw):
    try:
        parse_json(raw)
    except ValueError:
        return
    json.loads(raw)


# --- pictures ---------------------------------------------------------------------------------------------------------


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG whose header says what it likes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 1), (1, 5000), (65_535, 65_535)])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(size):
    with pytest.raises(ValueError, match=r"pixels|damaged"):
        open_picture(png(*size, zlib.compress(b"\0" * 1000)), kinds=("PNG",))


@settings(max_examples=100, deadline=2000)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_damaged_picture_is_a_value_error(noise, place):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, format="PNG")
    whole = buffer.getvalue()
    try:
        assert open_picture(whole[:place] + noise + whole[place + len(noise) :], kinds=("PNG",)).size == (8, 8)
    except ValueError as error:
        assert str(error)  # noqa: PT017


def test_a_picture_of_another_kind_is_refused():
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, format="GIF")
    with pytest.raises(ValueError, match="no PNG or JPEG"):
        open_picture(buffer.getvalue(), kinds=("PNG", "JPEG"))
