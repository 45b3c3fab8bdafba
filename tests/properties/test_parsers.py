"""Whatever a file holds, its reader ends soon: in what it holds, or in one paragraph; never in a crash.

``corpus/PARSER/`` keeps inputs that were found in this way, one for each place where a reader stops. After a new fault,
put the smallest file that shows it there.
"""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.errors import AuditProblem
from tests.properties.parsers import CORPUS, PARSERS

SECONDS = 3
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
TOML = st.sampled_from(
    ["true", "[]", "{}", '""', "[[]]", '"\\u200b"', "1979-05-27", "-1", "1e400", "nan", "'{x'", "[1, 'a']", "{a = {}}"]
)
KINDS = {name: parser.file.rpartition(".")[2] for name, parser in PARSERS.items()}


def holds(name: str, data: bytes, folder) -> str:
    """Read a file that holds some bytes; return what its reader says, empty where it takes them."""
    path = folder / PARSERS[name].file
    path.write_bytes(data)
    began = time.process_time()
    try:
        PARSERS[name].read(path)
        said = "", "as it is"
    except AuditProblem as problem:
        said = problem.what, problem.remedy
    assert time.process_time() - began < SECONDS
    assert said[1]
    assert "\n" not in said[0]
    return said[0]


def places(content: object, at: tuple = ()) -> list[tuple]:
    """Every place in JSON: the whole, and each value in it."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


def changed(content: object, place: tuple, value: object) -> object:
    """JSON with another value at one place."""
    if not place:
        return value
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[place[0]] = changed(copy[place[0]], place[1:], value)
    return copy


@pytest.mark.parametrize("name", PARSERS)
def test_a_sound_file_is_read(name, tmp_path):
    assert holds(name, PARSERS[name].sound(), tmp_path) == ""


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_any_bytes_in_any_place_is_read_or_refused(name, tmp_path, data):
    sound = PARSERS[name].sound()
    start = data.draw(st.integers(0, len(sound)))
    gone = data.draw(st.integers(0, 12) | st.just(len(sound)))
    new = data.draw(
        st.binary(max_size=12) | st.sampled_from([b"\0", b"\xff\xfe", b"[" * 5000, b"9" * 400, b'"', b"\n"])
    )
    holds(name, sound[:start] + new + sound[start + gone :], tmp_path)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind == "json"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_json_with_any_value_in_any_place_is_read_or_refused(name, tmp_path, data):
    content = json.loads(PARSERS[name].sound())
    place = data.draw(st.sampled_from(places(content)))
    holds(name, json.dumps(changed(content, place, data.draw(ANY))).encode(), tmp_path)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind == "toml"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_toml_with_any_value_in_any_line_is_read_or_refused(name, tmp_path, data):
    lines = PARSERS[name].sound().decode().splitlines()
    line = data.draw(st.sampled_from([number for number, text in enumerate(lines) if "=" in text]))
    lines[line] = f"{lines[line].partition('=')[0]}= {data.draw(TOML)}"
    holds(name, "\n".join(lines).encode(), tmp_path)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_safetensors_header_with_any_value_in_any_place_is_read_or_refused(tmp_path, data):
    sound = PARSERS["safetensors"].sound()
    length = int.from_bytes(sound[:8], "little")
    header = json.loads(sound[8 : 8 + length])
    place = data.draw(st.sampled_from(places(header)))
    raw = json.dumps(changed(header, place, data.draw(ANY))).encode()
    holds("safetensors", len(raw).to_bytes(8, "little") + raw + sound[8 + length :], tmp_path)


KEPT = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.relative_to(CORPUS).as_posix())
def test_every_kept_input_is_refused_in_one_paragraph(path, tmp_path):
    assert holds(path.parent.name, path.read_bytes(), tmp_path) != ""


def test_every_parser_has_kept_inputs():
    assert {path.parent.name for path in KEPT} == set(PARSERS)
