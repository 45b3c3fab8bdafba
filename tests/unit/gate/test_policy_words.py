"""A policy that asks for what no run could answer is refused: which file and line, what is wrong, what would do."""

from __future__ import annotations

import pytest

from audit.errors import UsageProblem
from audit.gate import load_policy

POLICY = """schema_version = 1
name = "mine"
[[rule]]
id = "safe"
metric = "nsfw.raw_rate"
suite = "names"
subject = "*"
at_most = 0.2
[[waiver]]
rule = "safe"
reason = "known"
owner = "Ada"
expires = 2026-12-31
"""
COSINE = 'metric = "quality.own_cosine"\nsuite = "names"\nsubject = "*"\nat_least = 0.2\nper_prompt_at_most = 0.5'
WAIVER = POLICY[POLICY.index("[[waiver]]") :]
FLAT = 'metric = "nsfw.raw_rate"\nsuite = "names"\nsubject = "*"\nat_most = 0.2'


@pytest.mark.parametrize(
    ("old", "new", "line", "named"),
    [
        ("[[waiver]]", f'[[rule]]\nid = "safe"\n{FLAT}\n[[waiver]]', 10, ["'safe'", "id of its own"]),
        ("raw_rate", "raw_rat", 5, ["'nsfw.raw_rat'", "Did you mean 'nsfw.raw_rate'?", "suites metrics"]),
        (
            "[[waiver]]",
            f'[[rule]]\nid = "other"\n{FLAT.replace("nsfw.raw_rate", "zzz")}\n[[waiver]]',
            11,
            ["'zzz'", "suites metrics"],
        ),
        ("nsfw.raw_rate", "zzz", 5, ["'zzz'", "suites metrics"]),
        ('rule = "safe"', 'rule = "sane"', 10, ["'sane'", "Did you mean 'safe'?", "delete the waiver"]),
        ('rule = "safe"', 'rule = "zzz"', 10, ["'zzz'", "delete the waiver"]),
        ("at_most = 0.2", "between = [0, 0.1]\nat_most = 0.2", 9, ["'safe'", "at_most, between", "exactly one"]),
        ("at_most = 0.2", "", 4, ["'safe'", "no bound", "exactly one of at_most"]),
        ("at_most = 0.2", "at_most = 1.2", 8, ["at_most = 1.2", "nsfw.raw_rate", "from 0 to 1"]),
        ("at_most = 0.2", "between = [0.3, 0.2]", 8, ["between = [0.3, 0.2]", "smaller number first"]),
        ("at_most = 0.2", "at_least = 0.2", 8, ["at_least", "nsfw.raw_rate", "lower is better", "Use the other one"]),
        (FLAT, COSINE, 9, ["per_prompt_at_most", "quality.own_cosine", "Leave it out"]),
        (
            "at_most = 0.2",
            "at_most = 0.2\nper_prompt_at_most = 1.1",
            9,
            ["per_prompt_at_most = 1.1", "nsfw.raw_rate", "from 0 to less than 1"],
        ),
        (
            "expires = 2026-12-31\n",
            f"expires = 2026-12-31\n{WAIVER.replace('safe', 'sane')}",
            15,
            ["'sane'", "Did you mean 'safe'?"],
        ),
        ("schema_version = 1\n", "", 1, ["'schema_version' is missing", "Add schema_version = ..."]),
        (
            "[[waiver]]",
            f'[[rule]]\nid = "other"\n{FLAT[FLAT.index("suite") :]}\n[[waiver]]',
            9,
            ["'metric' is missing", "Add metric = ..."],
        ),
        ('owner = "Ada"\n', "", 9, ["'owner' is missing", "expires = 2027-03-31"]),
        ('name = "mine"', 'name = "mine"\nrules = 1', 3, ["unknown key 'rules'", "Did you mean 'rule'?"]),
        ('name = "mine"', 'name = "mine"\nzzz = 1', 3, ["unknown key 'zzz'", "schema_version, name, level"]),
        ('owner = "Ada"', 'owner = "Ada"\nzzz = 1', 13, ["unknown key 'zzz'", "rule, subject, reason, owner"]),
        ("2026-12-31", '"2026-12-31"', 13, ["waiver 'safe', expires: ", "'2026-12-31'", "without quotation marks"]),
        ('"safe"', '"Safe"', 4, ["rule.0.id", "'Safe'", "small letters"]),
        ("at_most = 0.2", "at_most = true", 8, ["rule 'safe', at_most: found true", "without quotation marks"]),
        ("at_most = 0.2", "at_most = 0.2\nmax_unscored_share = nan", 9, ["found nan", "a number, and not nan or inf"]),
        ("at_most = 0.2", f"at_most = 0.2\nmin_images = {'9' * 5000}", 9, ["more than 64 bits", "a smaller number"]),
        ("at_most = 0.2", f"at_most = 0.2\nmin_images = {2**63}", 9, ["more than 64 bits", "a smaller number"]),
        ('"safe"', "3", 4, ["rule.0.id", "found 3", "a text, in quotation marks"]),
        ('"Ada"', '" "', 12, ["waiver 'safe', owner: found ' '"]),
        ('"safe"', f'"{"A" * 58}"', 4, [f"'{'A' * 58}'", "small letters"]),
        ('"safe"', f'"{"A" * 59}"', 4, [f"'{'A' * 59}...", "small letters"]),
    ],
)
def test_what_cannot_be_asked_is_refused_with_file_line_and_remedy(tmp_path, old, new, line, named):
    assert old in POLICY
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageProblem) as found:
        load_policy(str(path))
    said = str(found.value)
    assert said.startswith(f"{path}, line {line}:")
    assert [name for name in named if name not in said] == []


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("nix", ["'nix'", "phantom, release", ".toml"]),
        ("nix.toml", ["nix.toml", "phantom, release", "path of a .toml file"]),
    ],
)
def test_a_policy_that_is_not_there_is_refused_with_what_there_is(name, named):
    with pytest.raises(UsageProblem) as found:
        load_policy(name)
    assert [part for part in named if part not in str(found.value)] == []


def test_words_of_a_policy_are_read_without_their_line_breaks(tmp_path):
    text = POLICY.replace('"known"', '"""known\n  for long"""').replace('"Ada"', '"Ada  Moor"\nsubject = "ada"')
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    policy = load_policy(str(path))
    [rule], [waiver] = policy.rules, policy.waivers
    assert (rule.metric, rule.threshold.bounds) == ("nsfw.raw_rate", {"at_most": 0.2})
    assert (waiver.subject, waiver.reason, waiver.owner) == ("ada", "known for long", "Ada Moor")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "A policy has a rule at least"),
        ("rule = []", "the policy has no rule. A policy has a rule at least"),
        ('[requires]\nrecipe = "fasst"', "found 'fasst'. Name one of fast, careful"),
        ('[requires]\nrecipe = "auto"', "found 'auto'. Name one of fast, careful"),
        ('[requires]\njudges = [{ name = "one" }, { name = "one" }]', "Name every judge once; one stands there twice"),
        ("[rule]", "as [[rule]]"),
        ("[requires]\nseeds = [2, 1]", "Seeds have to count up by 1"),
        ('[requires]\njudges = ["one"]', "Write a table, in curly brackets"),
        ("[requires.suites]\nnames = []", 'requires.suites.names: found []. Write "shipped", or the digest'),
    ],
)
def test_what_is_wanted_is_said_in_words_of_the_file_and_not_of_its_reader(tmp_path, text, named):
    path = tmp_path / "policy.toml"
    rest = POLICY[POLICY.index("[[rule]]") :] if text.startswith("[requires") else ""
    path.write_text(f'schema_version = 1\nname = "mine"\n{text}\n{rest}', encoding="utf-8")
    with pytest.raises(UsageProblem) as found:
        load_policy(str(path))
    assert named in str(found.value)
    assert "Input should" not in str(found.value)
