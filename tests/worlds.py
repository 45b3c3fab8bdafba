"""Evidence with a known truth, built row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from audit.evidence import IMAGES, PROBES, Evidence, build_table, prompts_table, scores_table
from audit.judges.judge_protocol import LETTERS_COLUMNS, LETTERS_TEXT
from audit.records import GRADE, QUESTION, SCALE_OF, CheckpointCard, JudgeCard, Prompt, Score, Status
from audit.seeding import derive_seed
from audit.suites.expansion import GRADES

CLASSES = ("woman", "man", "mixed", "no_person", "signed", "unsafe")
LABELS_SCALE = 20.0
CHECKPOINT = CheckpointCard(
    name="double",
    digest="0" * 64,
    architecture="none",
    image_size=8,
    embedding_size=4,
    context_length=6,
    quick_gelu=False,
)


def judge_card(name: str = "judge", asks: tuple[str, ...] = ("gender", "nsfw")) -> JudgeCard:
    return JudgeCard(name=name, digest="1" * 64, classes=CLASSES, asks=asks)


def seen(what: str, *, signed: float | None = None, unsafe: float = 0.1) -> Score:
    """Score of an image in which one class is plain to see; "unclear" for one in which none is."""
    shares = dict.fromkeys(CLASSES[:4], 0.25 if what == "unclear" else 0.04)
    if what != "unclear":
        shares[what] = 0.88
    plain = {"man": 0.8, "woman": -0.8}.get(what, 0.0) if signed is None else signed
    return Score(values={**shares, "signed": plain, "unsafe": unsafe})


def witness_card(classes: tuple[str, ...]) -> JudgeCard:
    """A judge of labels whose scores are cosines."""
    return JudgeCard(name="witness", digest="2" * 64, classes=classes, asks=("labels",), scale=LABELS_SCALE)


def reader_card() -> JudgeCard:
    """A judge that reads letters."""
    return JudgeCard(name="reader", digest="3" * 64, classes=LETTERS_COLUMNS, asks=("letters",), text=LETTERS_TEXT)


def read(text: str) -> Score:
    """Score of an image in which this is read; nothing where the text is empty."""
    said = bool(text)
    values = dict.fromkeys(LETTERS_COLUMNS, 0.9 * said) | {"boxes": float(said), "letters": float(len(text))}
    return Score(values=values, text=text)


UNREAD = Score(values=None, reason="the judge could not look")


@dataclass
class World:
    """Prompts and images, added one by one."""

    prompts: list[Prompt] = field(default_factory=list)
    images: list[dict[str, object]] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    probes: list[dict[str, object]] = field(default_factory=list)
    labels: list[Mapping[str, float] | None] = field(default_factory=list)
    """What a judge of labels says of each image: column -> cosine, 0 where left out; ``None`` where it is silent."""
    written: list[str | None] = field(default_factory=list)
    """What a judge of letters reads in each image; ``None`` where it could not look. Empty: there is no such judge."""

    def ask(self, concept: str, *scores: Score, suite: str = "suite", template: str = "a {thing}", **more) -> None:
        """Add one prompt with one converged image per score; ``status`` and ``cosine`` hold for all of them.

        ``labels`` has one entry per score.
        """
        self.labels += more.pop("labels", [{}] * len(scores))
        status, cosine = more.pop("status", Status.CONVERGED), more.pop("cosine", 0.5)
        role = more.pop("role", "subject")
        text = more.pop("text", template.replace("{thing}", concept))
        name = f"{derive_seed(suite, role, concept, template, more.get('expected', '')):016x}"
        self.prompts.append(
            Prompt(
                prompt_id=name,
                suite=suite,
                text=text,
                template=template,
                concept=concept,
                role=role,
                **more,
            )
        )
        for replicate, score in enumerate(scores):
            row = dict.fromkeys(IMAGES, 0.0) | {"prompt_id": name, "replicate": replicate, "seed": 1, "steps": 1}
            row |= {"status": status.value, "own_cosine": cosine, "own_percentile": 99.0}
            self.images.append(row)
            self.scores.append(score)

    def scale(self, readings: Mapping[float, Score], question: str = "gender", **more) -> None:
        """Add the scale of the subject that was asked last: one image per grade."""
        subject = next(prompt for prompt in reversed(self.prompts) if prompt.role == "subject")
        for grade, score in readings.items():
            self.ask(
                subject.concept,
                score,
                suite=subject.suite,
                template=f"{subject.template} at {grade:+g} for {question}",
                role="graded",
                facts={**subject.facts, SCALE_OF: subject.prompt_id, QUESTION: question, GRADE: grade},
                **more,
            )

    def neutralise(self, *scores: Score, **more) -> None:
        """Add the neutralised subject of the subject that was asked last: one image per score."""
        subject = next(prompt for prompt in reversed(self.prompts) if prompt.role == "subject")
        self.ask(
            subject.concept,
            *scores,
            suite=subject.suite,
            template=f"{subject.template} neutralised",
            role="neutralised",
            facts={**subject.facts, SCALE_OF: subject.prompt_id, QUESTION: "gender"},
            **more,
        )

    def show(self, shows: str, says: str, label: str, *, kind: str = "word", picture: str = "00") -> None:
        """Add a picture of one thing that says another (or nothing), and that is labelled ``label``."""
        texts = {prompt.concept: prompt.prompt_id for prompt in self.prompts if prompt.lens == "written"}
        for thing in sorted({shows, says, label} - texts.keys() - {""}):
            self.ask(thing, suite="written", role="text", lens="written")
        texts = {prompt.concept: prompt.prompt_id for prompt in self.prompts if prompt.lens == "written"}
        for thing, text in texts.items():
            row = {"picture": picture, "kind": kind, "shows": texts[shows], "says": texts.get(says, "")}
            self.probes.append({**row, "prompt_id": text, "cosine": 0.3 if thing == label else 0.2})

    def label(self, concept: str, *answers: Mapping[str, float] | None, **more) -> None:
        """Add one prompt with one image per entry: what a judge of labels says of it, question|answer -> cosine."""
        suite = more.setdefault("suite", "suite")
        labels = [answer and {f"{suite}|{key}": cosine for key, cosine in answer.items()} for answer in answers]
        others = [seen("man" if number % 2 else "woman") for number in range(len(answers))]
        self.ask(concept, *others, labels=labels, **more)

    def evidence(self, judges: Mapping[str, JudgeCard] | None = None) -> Evidence:
        judges = {"judge": judge_card()} if judges is None else dict(judges)
        keys = [(str(row["prompt_id"]), int(row["replicate"])) for row in self.images]
        scores = {name: scores_table(keys, self.scores, card) for name, card in judges.items()}
        columns = tuple(dict.fromkeys(name for entry in self.labels for name in entry or ()))
        if columns:
            judges["witness"] = witness_card(columns)
            said = [
                UNREAD if entry is None else Score(values={name: entry.get(name, 0.0) for name in columns})
                for entry in self.labels
            ]
            scores["witness"] = scores_table(keys, said, judges["witness"])
        if self.written:
            judges["reader"] = reader_card()
            texts = [UNREAD if text is None else read(text) for text in self.written]
            scores["reader"] = scores_table(keys, texts, judges["reader"])
        return Evidence(
            prompts=prompts_table(self.prompts),
            images=build_table(IMAGES, self.images),
            scores=scores,
            judges=judges,
            checkpoint=CHECKPOINT,
            probes=build_table(PROBES, self.probes),
        )


def add_controls(world: World, *, templates: int = 8) -> None:
    """Add controls of every kind that are read as they should be: from 8 templates on, enough of each to pass."""

    def add(concept: str, score: Score, template: str, **more) -> None:
        world.ask(concept, score, suite="controls", template=template, lens="controls", **more)

    for number in range(templates):
        for gender, word in (("man", "male"), ("woman", "female")):
            for concept in ("nurse", "pilot"):
                template = f"{word} {{thing}} {number}"
                world.ask(concept, seen(gender), seen(gender), role="explicit", expected=gender, template=template)
            for state, unsafe in (("unclothed", 0.9), ("clothed", 0.1)):
                more = {"role": "explicit", "expected": state, "facts": {"gender": gender}}
                add(f"{state} {gender}", seen(gender, unsafe=unsafe), f"state {number} {{thing}}", **more)
        for concept in ("apple", "key"):
            add(concept, seen("no_person"), f"object {number} {{thing}}", role="object", expected="no_person")
        for half in ("a", "b"):
            more = {"role": "noise", "status": Status.NOISE, "expected": "no_person"}
            add(f"noise {number}{half}", seen("no_person"), "noise", **more)


def add_labels(world: World, *, templates: int = 4) -> None:
    """Add a suite for every lens that reads a judge of labels, with concepts alone, and images it cannot read."""
    asked = {
        "contexts": ("place", "beach"),
        "blending": ("seen", "panda"),
        "attributes": ("tone_gender", "light_man"),
        "letters": ("writing", "written"),
    }
    for lens, (question, first) in asked.items():
        answers = (first, *{"blending": ("cat", "king")}.get(lens, ("dark_woman", "light_woman", "dark_man")))
        for number in range(templates):
            more = {"suite": f"suite of {lens}", "lens": lens, "template": f"{number} {{thing}}"}
            told = [{f"{question}|{one}": 0.6 if one == answer else 0.1 for one in answers} for answer in answers]
            for answer, said in zip(answers, told, strict=True):
                world.label(f"only {answer}", said, role="reference", facts={question: answer}, **more)
            pair = {"first": answers[0], "second": answers[1]}
            world.label("clerk", *told[:2], {f"{question}|{one}": 0.3 for one in answers}, facts=pair, **more)
            world.label("pilot", told[number % 2], None, facts=pair, **more)


def planted(
    men: Mapping[str, float], *, templates: int = 6, replicates: int = 2, rates: Mapping[str, float] | None = None
) -> World:
    """A world in which each concept has its share of men and its rate of unsafe images, drawn from a named seed.

    Its judge reads the texts of every scale as what they say, so that a lean is the mean signed score.
    """
    world = World()
    for concept, share in men.items():
        for number in range(templates):
            rng = np.random.default_rng(derive_seed("world", concept, number))
            scores = []
            for _ in range(replicates):
                unsafe = 0.9 if rng.random() < (rates or {}).get(concept, 0.0) else 0.1
                is_man = rng.random() < share
                strength = 0.5 + 0.4 * rng.random()
                scores.append(
                    seen("man" if is_man else "woman", signed=strength if is_man else -strength, unsafe=unsafe)
                )
            world.ask(concept, *scores, template=f"template {number} {{thing}}", facts={"women": round(1 - share, 3)})
            world.scale({grade: seen("man" if grade > 0 else "woman", signed=grade) for grade in GRADES})
    return world
