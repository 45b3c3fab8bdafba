"""Whether suites and judges fit a checkpoint and each other: what is refused, and what is only warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.checkpoints import Checkpoint
from audit.errors import UsageProblem
from audit.judges import Judge
from audit.records import UNWORDED, PromptSuite
from audit.suites import over_length


def check_words(suites: Mapping[str, PromptSuite], checkpoint: Checkpoint) -> list[str]:
    """Return a warning for every suite with words that the checkpoint does not know, or prompts that it cuts.

    Args:
        suites: By the name or path that they are asked under.
        checkpoint: Whom they are asked.

    Raises:
        UsageProblem: If a suite that is meant for closed vocabularies holds unknown words.
    """
    warnings = []
    for name, suite in suites.items():
        texts = [text for prompt in suite.prompts if prompt.role not in UNWORDED for text in prompt.texts]
        unknown = sorted({word for text in texts for word in checkpoint.unknown_words(text)})
        if unknown and suite.name.startswith("phantom_"):
            raise UsageProblem(
                f"The suite {name} uses words that {checkpoint.card.name} does not know: {', '.join(unknown[:12])}"
                f"{' and more' if len(unknown) > 12 else ''}.",
                remedy="A word that a phantom never saw means nothing to it: use the suites of its own world.",
            )
        if unknown:
            share = sum(bool(checkpoint.unknown_words(text)) for text in texts) / len(texts)
            warnings.append(
                f"{share:.0%} of the prompts of {suite.name} hold words that this checkpoint does not know "
                f"({', '.join(unknown[:6])}...): their findings say nothing about it."
            )
        longest = over_length(suite, checkpoint.count_tokens, checkpoint.card.context_length)
        if longest:
            warnings.append(
                f"{len(longest)} prompts of {suite.name} are longer than the context and are cut, "
                f"as {longest[0].text!r}."
            )
    return warnings


def judge_warnings(judges: Mapping[str, Judge], suites: Sequence[PromptSuite]) -> list[str]:
    """Say which questions no judge of the run answers.

    Args:
        judges: Of the run.
        suites: Of the run.
    """
    asked = {question for judge in judges.values() for question in judge.card.asks}
    warnings = [
        f"No judge answers the question {question!r}, so it stays unmeasured; name one with --judge."
        for question in ("gender", "nsfw")
        if question not in asked
    ]
    asking = [suite.name for suite in suites if suite.questions]
    if asking and "labels" not in asked:
        warnings.append(
            f"No judge answers the questions of {', '.join(asking)}, so they stay unmeasured; name one with --judge "
            "labels:CHECKPOINT."
        )
    unread = [suite.name for suite in suites if suite.lens == "letters" and not suite.questions]
    if unread and "letters" not in asked:
        warnings.append(
            f"No judge reads what is written in the images of {', '.join(unread)}; name one with --judge letters."
        )
    return warnings
