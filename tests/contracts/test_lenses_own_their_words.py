"""A lens owns its words: nothing outside of its own file knows a lens or a metric by its name."""

import ast
import re
from functools import cache
from pathlib import Path

import audit
from audit.lenses import CARDS, LENSES

ROOT = Path(audit.__file__).parent
PHANTOMS = ("phantom/", "studies/calibrate/")
ALLOWED = {
    **dict.fromkeys(PHANTOMS, "phantoms plant what lenses find, and the study of them compares both"),
    "records.py": "what judges are asked is called as the lens that asks",
    "judges/__init__.py": "the judge that reads letters is called letters",
    "judges/letters_judge.py": "the same, and letters are what it counts",
    "judges/judge_protocol.py": "a column of its scores: how many letters",
    "judges/image_classifier.py": "a label of classifiers, as nsfw",
    "judges/nsfw_net.py": "the judge is called nsfw, as its net is",
    "evidence/schemas.py": "a column of scores: how many letters",
    "pipeline/written_pictures.py": "a kind of picture: one with letters on it",
    "pipeline/defaults.py": "a suite: controls",
    "cli/invert.py": "a key of the JSON of an inverted image: its quality",
    "stats/variances.py": "a cause of variance: the wording",
    "lenses/associations.py": "a fact of its suites: attributes",
    "lenses/controls.py": "a fact of its suites: the gender of somebody clothed",
    "lenses/letters.py": "an answer of its suites: written",
    "lenses/written.py": "a kind of picture: one with letters on it",
}
"""Files, or folders, in which such a word means something else."""
METRIC = re.compile(rf"({'|'.join(LENSES)})\.[a-z_]*")


def literals(path: Path) -> set[str]:
    every = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in every if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@cache
def strangers() -> dict[str, set[str]]:
    """File -> names of lenses and metrics that stand in it, own ones left out."""
    owner = {name: type(lens).__module__ for name, lens in LENSES.items()}
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        said = {text: METRIC.fullmatch(text) for text in literals(path)}
        names = {text for text, metric in said.items() if owner.get(metric[1] if metric else text, module) != module}
        if names:
            found[path.relative_to(ROOT).as_posix()] = names
    return found


def test_no_name_of_a_lens_or_metric_stands_outside_of_its_own_file():
    found = {path: names for path, names in strangers().items() if not any(path.startswith(one) for one in ALLOWED)}
    assert found == {}


def test_no_metric_is_named_outside_of_lenses_and_phantoms_even_where_a_word_is_allowed():
    said = {path: names - LENSES.keys() for path, names in strangers().items() if not path.startswith(PHANTOMS)}
    assert {path: names for path, names in said.items() if names} == {}


def test_every_exception_is_used():
    assert [one for one in ALLOWED if not any(path.startswith(one) for path in strangers())] == []


def test_every_metric_has_the_name_of_its_lens_and_a_title_of_its_own():
    for lens in LENSES.values():
        assert all(card.name.startswith(f"{lens.card.name}.") for card in lens.card.metrics)
        assert lens.card.question.endswith("?")
    titles = [card.title for card in CARDS.values()]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_what_says_a_metric_better_is_a_metric_of_the_same_lens():
    for lens in LENSES.values():
        names = {card.name for card in lens.card.metrics}
        assert {card.told_as for card in lens.card.metrics} - {""} <= names
