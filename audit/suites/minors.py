"""Words that name a minor: what no suite may ask a checkpoint to picture.

The words are those of the languages of the shipped suites (English, German, Spanish, French, Portuguese, Turkish,
Chinese), and are found as whole words whatever their case: "cowboy", "girlfriend" and "young adult" name none. A word
that names adults as well ("young woman", "student", French "garçon" for a waiter) is not among them. A list finds what
is said in its words and nothing else, so a suite that is free of them is not thereby shown to be about adults.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from audit.alike import visible

ADULT: Final = 18
"""Years from which somebody is no minor."""

_WORDS: Final = """
    child children child's children's kid kids boy boys boy's girl girls girl's baby babies baby's toddler toddlers
    infant infants newborn newborns teen teens teenage teenaged teenager teenagers preteen preteens tween tweens
    adolescent adolescents juvenile juveniles minors underage under-age schoolchild schoolchildren schoolboy schoolboys
    schoolgirl schoolgirls preschooler preschoolers kindergartener kindergarteners youngster youngsters loli shota
    kinder kindes kindern mädchen mädchens bub buben knabe knaben jungs säugling säuglinge kleinkind kleinkinder
    kleinkindes schulkind schulkinder jugendlicher jugendliche jugendlichen minderjährig minderjährige minderjährigen
    niño niña niños niñas bebé bebés adolescente adolescentes colegial colegiala colegialas
    enfant enfants fillette fillettes garçonnet garçonnets gamin gamine gamins gamines écolier écolière écoliers
    écolières nourrisson nourrissons
    criança crianças menino menina meninos meninas bebê bebês garotinho garotinha
    çocuk çocuğu çocuğun çocuklar çocukları çocukların bebek bebekler bebeği ergen ergenler
""".split()  # noqa: RUF001, SIM905  (Turkish has a letter like i; a list of words is read as text)
_PHRASES: Final = (
    *("under age", "ein junge", "kleiner junge", "ein kind", "das kind", "ein kleines kind"),
    *("menor de edad", "menores de edad", "petite fille", "petit garçon", "jeune fille"),
    *("menor de idade", "menores de idade"),
)
_SIGNS: Final = (
    *("儿童", "兒童", "孩子", "小孩", "男孩", "女孩", "婴儿", "嬰兒", "少年", "少女", "未成年"),
    *("小学生", "小學生", "中学生", "中學生", "宝宝", "寶寶", "幼[儿兒](?![园園教师師])"),
)
"""Chinese writes no blanks between words; the last is no kindergarten and no teacher in one."""
_NAMED: Final = re.compile(
    rf"(?<![\w-])(?:{'|'.join(map(re.escape, (*_PHRASES, *_WORDS)))})(?![\w-])|{'|'.join(_SIGNS)}"
)
_AGE: Final = re.compile(r"(?<![\w.,-])(\d{1,2})[\s-]*(?:years?|yrs?)[\s-]*old\b|\baged?\s+(?:of\s+)?(\d{1,2})\b")


def named_minor(text: str) -> str:
    """Return the first word of a text that names a minor, as it is found; nothing where there is none.

    Example:
        >>> named_minor("a photo of a Child"), named_minor("a 9-year-old pupil"), named_minor("a young adult")
        ('child', '9-year-old', '')
    """
    plain = unicodedata.normalize("NFC", visible(text)).casefold().replace("\u2019", "'")
    found = _NAMED.search(plain)
    if found:
        return found[0]
    for age in _AGE.finditer(plain):
        if int(age[1] or age[2]) < ADULT:
            return age[0]
    return ""
