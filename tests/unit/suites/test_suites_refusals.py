"""What is wrong in a suite is said with file, line, what was found, and the remedy."""

from pathlib import Path

import pytest

from audit.errors import ExitCode, UsageProblem
from audit.suites import MAX_PROMPTS, load_suite
from audit.suites.document import MAX_BYTES

GOOD = """# 1
schema_version = 1
name = "crafts"
version = "1.0"
lens = "gender"
purpose = "Try."
source = "Own."
licence = "Apache-2.0"
[slots] # "craft = [ {" in a comment is no craft
craft = [
  { concept = "welder" },
  { concept = "roofer", text = "a } in a text" },
]
[[block]]
role = "subject"
templates = [
  "a photo of {a_craft}", # 17
  "a portrait of {a_craft}",
]
[[block]]
role = "explicit"
expected = "man"
templates = ["a male {craft}"]
"""


def refusal(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "crafts.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageProblem) as caught:
        load_suite(path)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert str(path) in caught.value.what
    return str(caught.value)


def test_the_suite_that_the_refusals_start_from_is_good(tmp_path):
    path = tmp_path / "crafts.toml"
    path.write_text(GOOD)
    assert len(load_suite(path).prompts) == 6


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("a portrait of {a_craft}", "a portrait of {a_job}", 18, "which [slots] does not have. Known slots: craft"),
        ("a portrait of {a_craft}", "a portrait of {craft.text}", 18, "reaches into an attribute"),
        ("a portrait of {a_craft}", "a portrait of {craft[0]}", 18, "reaches into an item"),
        ("a portrait of {a_craft}", "a portrait of {craft!r}", 18, "has a conversion"),
        ("a portrait of {a_craft}", "a portrait of {craft:>9}", 18, "has a format"),
        ("a portrait of {a_craft}", "a portrait of {craft:{craft}}", 18, "has a format"),
        ("a portrait of {a_craft}", "a portrait of {0}", 18, "is a position"),
        ("a portrait of {a_craft}", "a portrait of {}", 18, "has no name"),
        ("a portrait of {a_craft}", "a portrait of {Craft}", 18, "small letters"),
        ("a portrait of {a_craft}", "a portrait of {craft", 18, "expected '}'"),
        ("a portrait of {a_craft}", "a portrait of craft}", 18, "Single '}'"),
        ("a portrait of {a_craft}", "a photo of {a_craft}", 18, "stands twice; first on line 17"),
        ("a portrait of {a_craft}", " ", 18, "the text is empty"),
        ("a portrait of {a_craft}", "a \\u0007 bell", 18, "control character U+0007"),
        ("a portrait of {a_craft}", "a \\u202E turn", 18, "control character U+202E"),
        ("a portrait of {a_craft}", "x" * 501, 18, "more than 500 characters"),
        ('"welder" }', '"roofer" }', 12, "stands twice in the slot 'craft'; first on line 11"),
        ('concept = "welder"', 'concept = ""', 11, "the text is empty"),
        ('concept = "welder"', 'text = "welder"', 11, "the key 'concept' is missing"),
        ('"welder" }', '"welder", women = 1.5, year = 1, source = "s" }', 11, "not a share between 0 and 1"),
        ('"welder" }', '"welder", women = 0.5, year = 1 }', 11, "needs its source"),
        ('"welder" }', '"welder", expcted = "man" }', 11, "misspelt 'expected'"),
        ('"welder" }', '"welder", weight = nan }', 11, "neither a text nor a finite number"),
        ('"welder" }', '"welder", known = true }', 11, "neither a text nor a finite number"),
        ('"welder" }', '"welder", born = 2000-01-01 }', 11, "neither a text nor a finite number"),
        ('"welder" }', '"welder", expected = "robot" }', 11, "found 'robot'. Write 'man', 'woman'"),
        ("[slots]", '[slots]\ntool = [{ concept = "axe" }]', 10, "no template uses the slot 'tool'"),
        ("[slots]", "[defaults.tool]\nyear = 1\n[slots]", 9, "belongs to no list of [slots]"),
        ("\ncraft = [", '\na_craft = [{ concept = "x" }]\ncraft = [', 10, "begins with 'a_'"),
        ("\ncraft = [", "\nCraft = [", 10, "small letters"),
        ('expected = "man"', "# none", 23, "needs one known answer; found none"),
        ('role = "subject"', 'role = "subject"\nexpected = "man"', 18, "a subject prompt has no known answer"),
        ('role = "subject"', 'role = "object"', 17, "needs one known answer; found none"),
        ('role = "subject"', 'role = "topic"', 15, "found 'topic'. Write 'subject', 'reference'"),
        ('role = "subject"', 'role = "subject"\nconcept_of = "tool"', 18, "which concept_of names"),
        ('role = "subject"', 'role = "subject"\ntemplate = "x"', 16, "'template'. Did you mean 'templates'?"),
        ('["a male {craft}"]', "[]", 23, "templates is empty"),
        ('role = "explicit"', 'role = "noise"', 23, "no text to fill slots of"),
        ('lens = "gender"', 'lens = "a colour"', 5, "found 'a colour'. Write small letters"),
        ('lens = "gender"', 'lense = "gender"', 5, "unknown key 'lense'. Did you mean 'lens'?"),
        ('lens = "gender"', 'lens = "gender"\nauthor = "me"', 6, "unknown key 'author'"),
        ('name = "crafts"', 'name = "../crafts"', 3, "found '../crafts'. Write small letters"),
        ('version = "1.0"', 'version = "new"', 4, "found 'new'. Write numbers and dots"),
        ('version = "1.0"', "version = 1.0", 4, "version: found 1.0"),
        ("schema_version = 1", "schema_version = 2", 2, "found 2. Write 1"),
        ('licence = "Apache-2.0"', "", 1, "'licence' is missing"),
        ("[[block]]", '[[question]]\nname = "q"\nanswers = { a = "x", b = "x" }\n[[block]]', 16, "same phrase"),
        ('version = "1.0"', 'version = "1.0', 4, "not TOML"),
        ('version = "1.0"', 'version = "1.0"\nversion = "1.1"', 5, "not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_a_remedy(tmp_path, old, new, line, said):
    assert old in GOOD
    message = refusal(tmp_path, GOOD.replace(old, new, 1))
    assert f"line {line}: " in message
    assert said in message


def test_a_list_of_no_concepts_expands_to_nothing_and_is_refused(tmp_path):
    start, end = GOOD.index("craft = [\n"), GOOD.index("[[block]]")
    assert "line 10: craft is empty" in refusal(tmp_path, GOOD[:start] + "craft = []\n" + GOOD[end:])


def test_concepts_in_tables_of_their_own_are_found_by_line_too(tmp_path):
    start, end = GOOD.index("[slots]"), GOOD.index("[[block]]")
    tables = '[[slots.craft]]\nconcept = "welder"\n[[slots.craft]]\nconcept = "welder"\n'
    assert "line 11: the concept 'welder' stands twice" in refusal(tmp_path, GOOD[:start] + tables + GOOD[end:])


def test_two_slots_need_a_word_on_which_one_is_the_concept(tmp_path):
    text = GOOD.replace("[slots]", '[slots]\ntool = [{ concept = "axe" }]').replace("portrait of", "{tool} and")
    assert "line 19" in refusal(tmp_path, text)
    assert 'Add concept_of = "tool"' in refusal(tmp_path, text)


def test_two_known_answers_are_one_too_many(tmp_path):
    text = GOOD.replace('"welder" }', '"welder", expected = "woman" }')
    assert "line 23: a control of role 'explicit' needs one known answer; found man and woman" in refusal(
        tmp_path, text
    )


def test_a_suite_of_no_blocks_is_refused(tmp_path):
    assert "'block' is missing" in refusal(tmp_path, GOOD[: GOOD.index("[[block]]")])


def test_a_huge_product_is_refused_before_it_is_expanded(tmp_path):
    many = ", ".join(f'{{ concept = "c{number}" }}' for number in range(1000))
    slots = "\n".join(f"slot{letter} = [{many}]" for letter in "abcdef")
    head = GOOD[: GOOD.index("[slots]")]
    text = " ".join(f"{{slot{letter}}}" for letter in "abcdef")
    block = f'[[block]]\nrole = "subject"\nconcept_of = "slota"\ntemplates = ["{text}"]'
    message = refusal(tmp_path, f"{head}[slots]\n{slots}\n{block}\n")
    assert f"1,000,000,000,000,000,000 prompts; the limit is {MAX_PROMPTS:,}" in message
    assert "line 19" in message


def test_a_file_over_the_limit_is_not_parsed(tmp_path):
    assert "larger than 1,000,000 bytes" in refusal(tmp_path, b"#" * (MAX_BYTES + 1))


def test_bytes_that_are_no_utf8_are_named_with_their_line(tmp_path):
    assert "line 6: byte 0xe9 is not UTF-8" in refusal(tmp_path, GOOD.replace("Try.", "Té.").encode("latin-1"))


def test_deep_nesting_is_refused_without_a_crash(tmp_path):
    assert "nested too deeply" in refusal(tmp_path, "x = " + "[" * 100_000)


def test_a_number_of_many_digits_is_refused_without_a_crash(tmp_path):
    assert "not TOML" in refusal(tmp_path, "x = " + "9" * 10_000)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(UsageProblem, match="No such file"):
        load_suite(tmp_path / "none.toml")
    with pytest.raises(UsageProblem, match="it is a folder"):
        load_suite(tmp_path)


@pytest.mark.parametrize(
    ("between", "says"),
    [
        ('{ man = "a male {craft}", woman = "a male {craft}" }', "two different phrases"),
        ('{ man = "a male {craft}", woman = "a woman" }', "two different phrases"),
        ('{ man = "a male {craft}", woman = "a female {trade}" }', "two different phrases"),
        ('{ man = "a male {craft", woman = "a female {craft}" }', "in between"),
        ('{ man = "a male {craft}" }', "two opposite answers"),
        ('{ man = "a male {craft}", clothed = "a dressed {craft}" }', "two opposite answers"),
        ('["a male {craft}", "a female {craft}"]', "between"),
    ],
)
def test_opposites_that_give_no_scale_are_refused(tmp_path, between, says):
    assert says in refusal(tmp_path, GOOD.replace('role = "subject"', f'role = "subject"\nbetween = {between}'))


BETWEEN = 'between = { man = "a male {craft}", woman = "a female {craft}" }'


def test_only_subjects_have_scales(tmp_path):
    assert "only subjects" in refusal(tmp_path, GOOD.replace('expected = "man"', f'expected = "man"\n{BETWEEN}'))


def test_a_template_with_a_scale_does_not_hold_what_joins_its_texts(tmp_path):
    text = GOOD.replace('role = "subject"', f'role = "subject"\n{BETWEEN}')
    assert "only subjects" in refusal(tmp_path, text.replace("a portrait of {a_craft}", "{craft} || clay"))


def test_a_graded_block_cannot_be_written_by_hand(tmp_path):
    refusal(tmp_path, GOOD.replace('role = "subject"', 'role = "graded"'))
