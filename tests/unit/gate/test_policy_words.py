"""What is said of a policy that asks for what no run could answer, word for word."""

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
BOUNDS = "Give exactly one of at_most, at_least, between, worse_by_at_most."
METRICS = "`clip-audit suites metrics` lists them all."
STRANGER, WAIVE = "which this policy does not have.", "Name one of its rules, or delete the waiver."
OTHER = "Use the other one of at_most and at_least."
COSINE = 'metric = "quality.own_cosine"\nsuite = "names"\nsubject = "*"\nat_least = 0.2\nper_prompt_at_most = 0.5'
READABLE, EXAMPLES = "Give the path of a readable .toml file;", "audit/gate/policies/ holds examples."
NEEDS = "A waiver needs its rule, a reason, an owner and the day on which it expires, as in expires = 2027-03-31."
DAY = "Write a day without quotation marks, as in expires = 2027-03-31."
LETTERS = "Write small letters, digits, hyphens and underscores, as in lean-of-professions."
WAIVER = POLICY[POLICY.index("[[waiver]]") :]
FLAT = 'metric = "nsfw.raw_rate"\nsuite = "names"\nsubject = "*"\nat_most = 0.2'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "[[waiver]]",
            f'[[rule]]\nid = "safe"\n{FLAT}\n[[waiver]]',
            "line 10: two rules are called 'safe'. Give every rule an id of its own.",
        ),
        ("raw_rate", "raw_rat", f"line 5: there is no metric 'nsfw.raw_rat'. Did you mean 'nsfw.raw_rate'? {METRICS}"),
        (
            "[[waiver]]",
            f'[[rule]]\nid = "other"\n{FLAT.replace("nsfw.raw_rate", "zzz")}\n[[waiver]]',
            f"line 11: there is no metric 'zzz'. {METRICS}",
        ),
        ("nsfw.raw_rate", "zzz", f"line 5: there is no metric 'zzz'. {METRICS}"),
        (
            'rule = "safe"',
            'rule = "sane"',
            f"line 10: the waiver names the rule 'sane', {STRANGER} Did you mean 'safe'? {WAIVE}",
        ),
        (
            'rule = "safe"',
            'rule = "zzz"',
            f"line 10: the waiver names the rule 'zzz', {STRANGER} {WAIVE}",
        ),
        (
            "at_most = 0.2",
            "between = [0, 0.1]\nat_most = 0.2",
            f"line 9: the rule 'safe' has at_most, between. {BOUNDS}",
        ),
        ("at_most = 0.2", "", f"line 4: the rule 'safe' has no bound. {BOUNDS}"),
        (
            "at_most = 0.2",
            "at_most = 1.2",
            "line 8: at_most = 1.2 is out of the range of nsfw.raw_rate. Write numbers from 0 to 1.",
        ),
        (
            "at_most = 0.2",
            "between = [0.3, 0.2]",
            "line 8: between = [0.3, 0.2] holds nothing. Write the smaller number first, and two different ones.",
        ),
        (
            "at_most = 0.2",
            "at_least = 0.2",
            f"line 8: at_least is the wrong way round: of nsfw.raw_rate, lower is better. {OTHER}",
        ),
        (
            FLAT,
            COSINE,
            "line 9: per_prompt_at_most is the wrong way round: of quality.own_cosine, higher is better. Leave it out.",
        ),
        (
            "at_most = 0.2",
            "at_most = 0.2\nper_prompt_at_most = 1.1",
            "line 9: per_prompt_at_most = 1.1 is out of the range of nsfw.raw_rate. Write a number from 0 to 1.",
        ),
        (
            "expires = 2026-12-31\n",
            f"expires = 2026-12-31\n{WAIVER.replace('safe', 'sane')}",
            f"line 15: the waiver names the rule 'sane', {STRANGER} Did you mean 'safe'? {WAIVE}",
        ),
        (
            "schema_version = 1\n",
            "",
            f"line 1: the key 'schema_version' is missing. Add schema_version = ...; {EXAMPLES}",
        ),
        (
            "[[waiver]]",
            f'[[rule]]\nid = "other"\n{FLAT[FLAT.index("suite") :]}\n[[waiver]]',
            f"line 9: the key 'metric' is missing. Add metric = ...; {EXAMPLES}",
        ),
        (
            'owner = "Ada"\n',
            "",
            f"line 9: the key 'owner' is missing. {NEEDS}",
        ),
        ('name = "mine"', 'name = "mine"\nrules = 1', "line 3: unknown key 'rules'. Did you mean 'rule'?"),
        (
            'name = "mine"',
            'name = "mine"\nzzz = 1',
            "line 3: unknown key 'zzz'. Use one of: schema_version, name, level, correction, rule, waiver.",
        ),
        (
            'owner = "Ada"',
            'owner = "Ada"\nzzz = 1',
            "line 13: unknown key 'zzz'. Use one of: rule, subject, reason, owner, expires.",
        ),
        ("2026-12-31", '"2026-12-31"', f"line 13: waiver.0.expires: found '2026-12-31'. {DAY}"),
        ('"safe"', '"Safe"', f"line 4: rule.0.id: found 'Safe'. {LETTERS}"),
        ('"safe"', "3", "line 4: rule.0.id: found 3. Input should be a valid string."),
        ('"Ada"', '" "', r"line 12: waiver.0.owner: found ' '. String should match pattern '\S'."),
        ('"safe"', f'"{"A" * 58}"', f"line 4: rule.0.id: found '{'A' * 58}'. {LETTERS}"),
        ('"safe"', f'"{"A" * 59}"', f"line 4: rule.0.id: found '{'A' * 59}.... {LETTERS}"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_these_words(tmp_path, old, new, said):
    assert old in POLICY
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageProblem) as found:
        load_policy(str(path))
    assert str(found.value) == f"{path}, {said}"


def test_a_policy_that_is_not_there_is_refused_in_these_words():
    for name, said in (
        ("nix", "There is no policy 'nix'. Shipped policies: phantom, release; or give the path of a .toml file."),
        ("nix.toml", f"Cannot read the policy nix.toml: No such file or directory. {READABLE} {EXAMPLES}"),
    ):
        with pytest.raises(UsageProblem) as found:
            load_policy(name)
        assert str(found.value) == said


def test_words_of_a_policy_are_read_without_their_line_breaks(tmp_path):
    text = POLICY.replace('"known"', '"""known\n  for long"""').replace('"Ada"', '"Ada  Moor"\nsubject = "ada"')
    path = tmp_path / "policy.toml"
    path.write_text(text.replace("at_most = 0.2", "worse_by_at_most = 0.1"), encoding="utf-8")
    policy = load_policy(str(path))
    [rule], [waiver] = policy.rules, policy.waivers
    assert (rule.metric, rule.threshold.bounds) == ("nsfw.raw_rate", {"worse_by_at_most": 0.1})
    assert (waiver.subject, waiver.reason, waiver.owner) == ("ada", "known for long", "Ada Moor")
