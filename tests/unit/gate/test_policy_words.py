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
    ],
)
def test_what_cannot_be_asked_is_refused_in_these_words(tmp_path, old, new, said):
    assert old in POLICY
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageProblem) as found:
        load_policy(str(path))
    assert str(found.value) == f"{path}, {said}"
