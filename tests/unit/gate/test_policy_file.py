"""Policy files: what is sound is read as it stands, and what is doubtful is refused with its line."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from audit.errors import ExitCode, UsageProblem
from audit.gate import asked_of, check_against, load_policy
from audit.lenses import metric_cards
from audit.packaged import POLICIES

HEAD = """schema_version = 1
name = "mine"
"""
RULE = """
[[rule]]
id = "safe"
metric = "nsfw.raw_rate"
suite = "names"
subject = "*"
at_most = 0.2
"""
WORSE = RULE.replace('"safe"', '"worse"').replace("at_most = 0.2", "worse_by_at_most = 0.1")
WAIVER = """
[[waiver]]
rule = "safe"
reason = "known"
owner = "Ada"
expires = 2026-12-31
"""


def write(folder: Path, text: str) -> str:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(UsageProblem) as found:
        load_policy(write(folder, text))
    assert found.value.exit_code is ExitCode.USAGE
    assert found.value.remedy
    return str(found.value)


def test_a_sound_policy_is_read_as_it_stands(tmp_path):
    more = """
[[rule]]
id = "lean"
metric = "gender.lean"
suite = "others"
subject = "each"
between = [-0.5, 1]
per_prompt_at_most = 0.9
min_prompts = 8
min_images = 16
max_unscored_share = 0.25
reason = \"\"\"Because
it matters.\"\"\"
"""
    policy = load_policy(write(tmp_path, HEAD + 'level = 0.9\ncorrection = "none"\n' + RULE + more + WAIVER))
    assert (policy.name, policy.level, policy.correction) == ("mine", 0.9, "none")
    safe, lean = policy.rules
    assert (safe.rule_id, safe.threshold.low, safe.threshold.high, safe.threshold.compared) == (
        "safe",
        None,
        0.2,
        False,
    )
    assert (safe.per_prompt_at_most, safe.min_prompts, safe.min_images, safe.max_unscored_share) == (None, 1, 1, 0.1)
    assert (lean.threshold.low, lean.threshold.high, lean.suite, lean.subject) == (-0.5, 1.0, "others", "each")
    assert (lean.per_prompt_at_most, lean.min_prompts, lean.min_images, lean.max_unscored_share) == (0.9, 8, 16, 0.25)
    assert lean.reason == "Because it matters."
    [waiver] = policy.waivers
    assert (waiver.rule_id, waiver.subject, waiver.owner, waiver.expires) == ("safe", None, "Ada", date(2026, 12, 31))
    assert not policy.compares


def test_level_and_correction_have_defaults(tmp_path):
    policy = load_policy(write(tmp_path, HEAD + RULE))
    assert (policy.level, policy.correction, policy.waivers) == (0.95, "holm", ())


def test_a_bound_at_zero_is_a_bound(tmp_path):
    policy = load_policy(write(tmp_path, HEAD + RULE + WORSE.replace("0.1", "0")))
    assert policy.rules[1].threshold.bounds == {"worse_by_at_most": 0.0}
    assert policy.compares


def test_the_digest_is_that_of_the_file(tmp_path):
    path = write(tmp_path, HEAD + RULE)
    assert load_policy(path).digest == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert load_policy(path).text == Path(path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("at_most = 0.2", "at_most = 1.2", 9, "out of the range of nsfw.raw_rate. Write numbers from 0 to 1."),
        ("at_most = 0.2", "at_most = -0.1", 9, "out of the range"),
        ("at_most = 0.2", "at_most = nan", 9, "found nan"),
        ("at_most = 0.2", "at_most = inf", 9, "found inf"),
        ("at_most = 0.2", 'at_most = "0.2"', 9, "found '0.2'"),
        ("at_most = 0.2", "at_most = true", 9, "found true"),
        ("at_most = 0.2", "at_least = 0.2", 9, "wrong way round: of nsfw.raw_rate, lower is better"),
        ("at_most = 0.2", "worse_by_at_most = -0.1", 9, "Write numbers from 0 to 1."),
        ("at_most = 0.2", "between = [0.3, 0.2]", 9, "holds nothing"),
        ("at_most = 0.2", "between = [0.2, 0.2]", 9, "holds nothing"),
        ("at_most = 0.2", "between = [0.2]", 9, "found [0.2]"),
        ("at_most = 0.2", "between = [0, 0.1, 0.2]", 9, "found [0, 0.1, 0.2]"),
        ("at_most = 0.2", "between = [0, nan]", 9, "found nan"),
        ("at_most = 0.2", "at_most = 0.2\nbetween = [0, 0.1]", 9, "has at_most, between. Give exactly one of"),
        ("at_most = 0.2", "", 5, "has no bound. Give exactly one of at_most"),
        ("at_most = 0.2", "at_mots = 0.2", 9, "unknown key 'at_mots'. Did you mean 'at_most'?"),
        ("at_most = 0.2", "at_most = 0.2\nzzz = 1", 10, "unknown key 'zzz'. Use one of: id, metric"),
        ("at_most = 0.2", "at_most = 0.2\nat_most = 0.3", 10, "not TOML"),
        ("at_most = 0.2", "at_most = 0.2\nmin_prompts = 0", 10, "found 0"),
        ("at_most = 0.2", "at_most = 0.2\nmin_prompts = 2.0", 10, "found 2.0"),
        ("at_most = 0.2", "at_most = 0.2\nmin_images = -1", 10, "found -1"),
        ("at_most = 0.2", "at_most = 0.2\nmax_unscored_share = 1.1", 10, "found 1.1"),
        ("at_most = 0.2", "at_most = 0.2\nper_prompt_at_most = 1.1", 10, "Write a number from 0 to less than 1."),
        ("at_most = 0.2", "at_most = 0.2\nper_prompt_at_most = -0.1", 10, "Write a number from 0 to less than 1."),
        ("nsfw.raw_rate", "nsfw.raw_rat", 6, "no metric 'nsfw.raw_rat'. Did you mean 'nsfw.raw_rate'?"),
        ('"safe"', '"Safe one"', 5, "Write small letters, digits, hyphens"),
        ('"safe"', '"::error"', 5, "Write small letters"),
        ('"names"', '" "', 7, "found ' '"),
        ("subject", "sub", 8, "unknown key 'sub'"),
        ('metric = "nsfw.raw_rate"\n', "", 4, "the key 'metric' is missing"),
        ("schema_version = 1", "schema_version = 2", 1, "Write 1."),
        ("schema_version = 1\n", "", 1, "the key 'schema_version' is missing"),
        ('name = "mine"', "name = 3", 2, "found 3"),
        ('name = "mine"', 'name = "mine"\nlevel = 0.9999999999999999', 3, "0.9999 or less"),
        ('name = "mine"', 'name = "mine"\nlevel = 95', 3, "found 95"),
        ('name = "mine"', 'name = "mine"\nlevel = 1.0', 3, "found 1.0"),
        ('name = "mine"', 'name = "mine"\nlevel = 0.4', 3, "found 0.4"),
        ('name = "mine"', 'name = "mine"\nlevel = 0.79', 3, "found 0.79"),
        ("at_most = 0.2", "at_most = 1", 9, "nothing can break at_most = 1.0: nsfw.raw_rate lies from 0 to 1"),
        ("at_most = 0.2", "between = [0, 1]", 9, "nothing can break between"),
        ("at_most = 0.2", "at_most = 0.2\nper_prompt_at_most = 1", 10, "or nothing can lie beyond it"),
        ('name = "mine"', 'name = "mine"\nlevel = nan', 3, "found nan"),
        ('name = "mine"', 'name = "mine"\ncorrection = "bonferroni"', 3, "Write 'holm' or 'none'."),
    ],
)
def test_what_is_wrong_is_refused_with_its_line_and_a_remedy(tmp_path, old, new, line, said):
    assert old in HEAD + RULE
    told = refused(tmp_path, (HEAD + RULE).replace(old, new))
    assert said in told
    assert f"policy.toml, line {line}:" in told


@pytest.mark.parametrize("text", ["", HEAD, HEAD + "rule = []\n", HEAD + "rule = 3\n", "name", "\0", "rule = [[]]"])
def test_an_empty_policy_is_none(tmp_path, text):
    refused(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('reason = "known"\n', "", "the key 'reason' is missing"),
        ('reason = "known"', 'reason = " "', "found ' '"),
        ('owner = "Ada"\n', "", "A waiver needs its rule, a reason, an owner"),
        ("expires = 2026-12-31\n", "", "as in expires = 2027-03-31"),
        ("2026-12-31", '"2026-12-31"', "without quotation marks"),
        ("2026-12-31", "2026-12-31T10:00:00Z", "found 2026-12-31T10:00:00+00:00"),
        ("2026-12-31", "2026-12-31T00:00:00", "found 2026-12-31T00:00:00"),
        ("2026-12-31", "2026-02-30", "not TOML"),
        ('rule = "safe"', 'rule = "sane"', "Did you mean 'safe'?"),
        ('rule = "safe"', 'rule = "safe"\nuntil = 1', "unknown key 'until'"),
    ],
)
def test_a_waiver_without_reason_owner_or_day_is_refused(tmp_path, old, new, said):
    assert said in refused(tmp_path, HEAD + RULE + WAIVER.replace(old, new))


def test_two_rules_need_two_names(tmp_path):
    assert "line 12: two rules are called 'safe'" in refused(tmp_path, HEAD + RULE + RULE)


def test_the_line_is_that_of_the_rule_that_is_wrong(tmp_path):
    second = RULE.replace('"safe"', '"other"').replace("0.2", "7")
    assert "line 16: at_most = 7.0 is out of the range" in refused(tmp_path, HEAD + RULE + second)
    guarded = RULE + "per_prompt_at_most = {}\n"
    text = HEAD + guarded.format(0.5) + guarded.format(7).replace('"safe"', '"other"')
    assert "line 18: per_prompt_at_most = 7.0 is out of the range" in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("metric", "bound", "said"),
    [
        ("quality.own_cosine", "at_most = 0.5", "higher is better"),
        ("quality.own_cosine", "at_least = 0.5\nper_prompt_at_most = 0.5", "higher is better"),
        ("gender.lean", "at_most = 1.6", "from -1.5 to 1.5"),
        ("gender.lean", "worse_by_at_most = 3.1", "from 0 to 3"),
        ("gender.lean", "worse_by_at_most = 3", "cannot change by more"),
        ("gender.lean", "at_most = 0.5\nper_prompt_at_most = 1.6", "from 0 to less than 1.5"),
        ("gender.woman_share", "at_most = 0.5\nper_prompt_at_most = 0.6", "from 0 to less than 0.5"),
        ("quality.own_percentile", "at_least = 101", "from 0 to 100"),
        ("gender.parity_gap", "between = [-0.6, 0.5]", "from -0.5 to 0.5"),
    ],
)
def test_every_metric_has_its_own_range_and_side(tmp_path, metric, bound, said):
    text = HEAD + RULE.replace("nsfw.raw_rate", metric).replace("at_most = 0.2", bound)
    assert said in refused(tmp_path, text)


@pytest.mark.parametrize(("metric", "greatest"), [("nsfw.raw_rate", 1), ("nsfw.excess", 1), ("gender.lean", 1.5)])
def test_a_guard_may_lie_up_to_the_end_of_its_range_and_not_at_it(tmp_path, metric, greatest):
    text = HEAD + RULE.replace("nsfw.raw_rate", metric) + "per_prompt_at_most = {}\n"
    for limit in (0, greatest - 0.01):
        assert load_policy(write(tmp_path, text.format(limit))).rules[0].per_prompt_at_most == limit
    assert "or nothing can lie beyond it" in refused(tmp_path, text.format(greatest))


@pytest.mark.parametrize("card", metric_cards(), ids=lambda card: card.name)
def test_of_every_metric_a_bound_that_nothing_can_break_is_refused(tmp_path, card):
    least, greatest = card.span
    assert card.neutral is None or least <= card.neutral <= greatest
    one_end = {"higher": f"at_least = {greatest}"}.get(card.direction, f"at_most = {least}")
    text = HEAD + RULE.replace("nsfw.raw_rate", card.name).replace('"*"', '"each"')
    assert load_policy(write(tmp_path, text.replace("at_most = 0.2", one_end))).rules[0].threshold.words
    both_ends = text.replace("at_most = 0.2", f"between = [{least}, {greatest}]")
    assert "nothing can break between" in refused(tmp_path, both_ends)


def test_no_value_of_a_mean_of_absolute_values_lies_below_zero(tmp_path):
    [card] = [card for card in metric_cards() if card.absolute][:1]
    text = HEAD + RULE.replace("nsfw.raw_rate", card.name).replace("at_most = 0.2", f"between = [0, {card.span[1]}]")
    assert "nothing can break" in refused(tmp_path, text)
    assert load_policy(write(tmp_path, text.replace('subject = "*"', 'subject = "each"')))


@pytest.mark.parametrize("day", ["9999-12-31", "2027-12-01"])
def test_a_waiver_of_more_than_a_year_is_refused(tmp_path, day):
    path = write(tmp_path, HEAD + RULE + WAIVER.replace("2026-12-31", day))
    with pytest.raises(UsageProblem, match=rf"line 15: the waiver of 'safe' expires on {day}, more than a year"):
        load_policy(path, date(2026, 11, 29))
    kept = write(tmp_path, HEAD + RULE + WAIVER.replace("2026-12-31", "2027-11-29"))
    assert load_policy(kept, date(2026, 11, 29)).waivers[0].expires == date(2027, 11, 29)


def test_a_bound_on_a_change_needs_one_on_the_value_beside_it(tmp_path):
    assert load_policy(write(tmp_path, HEAD + RULE + WORSE)).compares
    alone = refused(tmp_path, HEAD + WORSE)
    assert (
        "line 9: the rule 'worse' bounds the change of nsfw.raw_rate since a baseline, and no rule its value" in alone
    )
    assert "Add a rule on nsfw.raw_rate with the suite 'names', the subject '*'" in alone
    for old, new in (('"names"', '"others"'), ('subject = "*"', 'subject = "ada"'), ("raw_rate", "rate")):
        assert "no rule its value" in refused(tmp_path, HEAD + RULE + WORSE.replace(old, new))
    each = RULE.replace('subject = "*"', 'subject = "each"')
    assert load_policy(write(tmp_path, HEAD + each + WORSE.replace('subject = "*"', 'subject = "ada"')))
    assert "no rule its value" in refused(tmp_path, HEAD + each + WORSE)


def test_a_policy_that_is_not_there_names_those_that_are():
    with pytest.raises(UsageProblem, match="Shipped policies: phantom, release"):
        load_policy("nix")
    with pytest.raises(UsageProblem, match=r"no file 'nix\.toml'\. Shipped policies"):
        load_policy("nix.toml")


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_policies_say_why_of_every_rule_and_fit_their_suites(path):
    from audit.evidence import prompts_table
    from audit.suites import list_suites, load_suite

    policy = load_policy(path.stem)
    assert policy.name == path.stem
    assert all(rule.reason for rule in policy.rules)
    suites = {suite.name: suite for suite in map(load_suite, list_suites())}
    prompts = [prompt for rule in policy.rules for prompt in suites[rule.suite].prompts]
    check_against(policy, asked_of(prompts_table(list({prompt.prompt_id: prompt for prompt in prompts}.values()))))
