"""The same in a notebook as on the command line: functions that return a run, whose tables are DataFrames.

``import audit`` gives these names and loads nothing else; the first of them that is used loads what it needs. Problems
are those of ``audit.errors``: what happened, where, and what to do.
"""

from __future__ import annotations

import atexit
import base64
import html
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import pandas as pd
from PIL import Image

from audit.cli import options as o
from audit.cli.outcome import worst
from audit.codec import record_document
from audit.early_checks import check_checkpoint
from audit.evidence import FINDINGS_NAME, Evidence, RunFolder, load_evidence, read_findings, read_run
from audit.evidence.specs import read_json, stored_verdict
from audit.opening import is_file
from audit.records import Budget

if TYPE_CHECKING:
    from audit.inversion import Quality
    from audit.pipeline import Progress
    from audit.records import Finding
    from audit.studies import compare as study

_MOST_REASONS = 3
_BEHIND_URLS = ExitStack()
"""The copies here of runs behind a URL, until the program ends."""
atexit.register(_BEHIND_URLS.close)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided on a run: ``decision.json``."""

    verdict: str
    """``pass``, ``fail`` or ``inconclusive``; ``none`` where the audit worked and no policy was given."""
    exit_code: int
    """That of ``clip-audit gate``."""
    policy: str | None
    """Name of the policy; ``None`` where none was asked."""
    results: pd.DataFrame
    """One row per control and per line of the policy: rule, verdict, evidence, and of lines also their numbers."""
    notes: tuple[str, ...] = ()
    passed_with_waivers: bool = False
    """Whether it passed, and would not without a line that somebody answers for."""

    @property
    def passed(self) -> bool:
        """Whether a policy was asked, and every line of it passed."""
        return self.policy is not None and self.verdict == "pass"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict == "none":
            return "The audit worked. No policy was given: nothing here says whether the findings are acceptable."
        held = "its controls and its evidence" if self.policy is None else f"the policy {self.policy}"
        verdict = "Passed with waivers" if self.passed_with_waivers else self.verdict.capitalize()
        return f"{verdict}, held against {held}."


@final
@dataclass(frozen=True)
class Run:
    """A finished run; every table is read when it is asked for."""

    folder: Path

    @cached_property
    def findings(self) -> pd.DataFrame:
        """One row per finding, as in ``findings.json``: id, lens, suite, subject, metric, value, low, high and more."""
        rows = []
        for one in self._findings:
            told = {"id": one.finding_id, **record_document(one)}
            del told["estimate"]
            rows.append({**told, **record_document(one.estimate)})
        return pd.DataFrame(rows)

    @property
    def prompts(self) -> pd.DataFrame:
        """One row per prompt: prompt_id, suite, concept, role, text and more."""
        return self._evidence.prompts

    @property
    def images(self) -> pd.DataFrame:
        """One row per image: prompt_id, replicate, seed, status and quality; pictures stay in the folder."""
        return self._evidence.images

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per image and judge: judge, prompt_id, replicate, reason (empty where scored) and raw scores."""
        tables = [table.assign(judge=name) for name, table in self._evidence.scores.items()]
        every = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"judge": []})
        return every[["judge", *every.columns.drop("judge")]]

    @property
    def decision(self) -> Decision:
        """What was decided last."""
        _ = self._run  # which checks every file
        told: dict[str, Any] = read_json(self.folder / "decision.json")
        policy = told.get("policy")
        return Decision(
            verdict=stored_verdict(told),
            exit_code=told["exit_code"],
            policy=policy["name"] if policy else None,
            results=pd.DataFrame(told["results"]),
            notes=tuple(told.get("notes", ())),
            passed_with_waivers=bool(told.get("passed_with_waivers")),
        )

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.folder / "report.html"

    @property
    def explore(self) -> Path:
        """The page beside the report with every row and picture, to sort and filter."""
        return self.folder / "explore.html"

    @property
    def own_images(self) -> Path | None:
        """The page on pictures of the user's own that were looked at with the run; ``None`` where none were."""
        from audit.studies.own_images.own_page import OWN_PAGE

        page = o.beside(self.folder, "own-images") / OWN_PAGE
        return page if is_file(page) else None

    def gate(
        self, policy: str | Path, *, baseline: Run | str | Path | None = None, labels: str | Path | None = None
    ) -> Decision:
        """Hold the run against a policy, as ``clip-audit gate`` does: the run keeps policy, decision and new report.

        Args:
            policy: Name of a shipped policy, or a TOML file.
            baseline: The finished run that rules of change compare with.
            labels: A file of what people say of its images; shares are corrected for judge error by it.

        Raises:
            UsageProblem: If there is no such policy, or it or the labels do not fit the run.
            InconclusiveProblem: If the baseline is not finished.
            EnvironmentProblem: If a file of the run was changed, or cannot be written.
        """
        from audit.pipeline import gate_again

        held = o.make_gate(str(policy), None if baseline is None else _folder(baseline))
        told = o.pick_labels(None if labels is None else Path(labels))
        with _progress() as progress:
            gate_again(self.folder, held, progress, labels=told)
        return self.decision

    def _repr_html_(self) -> str:
        """Show what the first screen of the report shows: verdict, top findings, main figure and pictures."""
        decision = self.decision
        reasons = [str(row.evidence) for row in decision.results.itertuples() if row.verdict != "pass"][:_MOST_REASONS]
        top = [f"{one.statement} {one.numbers}" for one in worst(self._findings, self.prompts)]
        none = [] if top else ["No finding lies beyond the smallest effect of interest with its whole interval."]
        return "".join(
            (
                f"<h4>{html.escape(self._evidence.checkpoint.name)}</h4>",
                f"<p><strong>{html.escape(decision.sentence)}</strong></p>",
                _list("ul", reasons),
                _list("ol", top + none),
                self._pictured(),
                f"<p>{html.escape(str(self.report))}</p>",
            )
        )

    def _pictured(self) -> str:
        """Return the main figure and the pictures of both its ends; nothing where there is none."""
        from audit.evidence import read_pictures
        from audit.report.figures import draw_forest
        from audit.report.findings import only_compared
        from audit.report.first_page import main_figure, make_strip

        references = only_compared(self._evidence.prompts)
        figure = main_figure(self._findings, self._evidence, references)
        if figure is None:
            return ""
        strip = make_strip(self._findings, self._evidence, references, lambda keys: read_pictures(self._run, keys))
        shown = [
            f'<figure style="display:inline-block;margin:0 .5em"><img alt="{html.escape(one.alternative)}" '
            f'src="data:image/jpeg;base64,{base64.b64encode(one.jpeg).decode("ascii")}" width="96" height="96">'
            f"<figcaption>{html.escape(one.label)}<br>{html.escape(one.detail)}</figcaption></figure>"
            for one in (strip.pictures if strip else ())
        ]
        return f"{draw_forest(figure)}<div>{''.join(shown)}</div>"

    @cached_property
    def _run(self) -> RunFolder:
        return read_run(self.folder, finished=True)

    @cached_property
    def _evidence(self) -> Evidence:
        return load_evidence(self._run)

    @property
    def _findings(self) -> tuple[Finding, ...]:
        return read_findings(self._run.path / FINDINGS_NAME)


def run(
    checkpoint: str,
    *,
    out: str | Path | None = None,
    effort: str = "standard",
    suites: Sequence[str] = (),
    judges: Sequence[str] = (),
    recipe: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    seed: int = 0,
    audit_seeds: int = 1,
    policy: str | Path | None = None,
    baseline: Run | str | Path | None = None,
    sequential: bool = False,
    own_images: str | Path | None = None,
    people: str | Path | None = None,
    arch: str | None = None,
    preprocess: str | None = None,
    allow_pickle: bool = False,
    waive_sanity: bool = False,
    max_images: int | None = None,
    max_gradients: int | None = None,
    max_hours: float | None = None,
    engine: str = "local",
    address: str | None = None,
    workers: int | None = None,
    gpus_per_worker: float | None = None,
) -> Run:
    """Audit a checkpoint, as ``clip-audit run`` does; given again, an interrupted run goes on where it stopped.

    Args:
        checkpoint: ``phantom:NAME``, ``open_clip:ARCH/TAG``, ``hf-hub:ORG/REPO@REVISION``, a folder or a weights file.
        out: The run folder; ``runs/NAME-EFFORT`` if left out.
        effort: ``quick``, ``standard`` or ``full``.
        suites: Names or TOML files; empty asks those that fit the checkpoint, the judges and the effort.
        judges: Names; empty asks those that fit the checkpoint.
        recipe: How images are inverted; ``auto`` takes the cheapest recipe in whose images the judges see what is known
            to be there, by a pilot.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``auto``, ``fp32`` or ``bf16``, of the gradients.
        seed: Another one draws other starting noise.
        audit_seeds: How many audits, of this seed and those that follow it, are made and count as one.
        policy: What the run is held against: the name of a shipped policy, or a TOML file.
        baseline: The finished run that rules of change compare with.
        sequential: Make images in rounds, until the verdict of the policy is settled.
        own_images: A folder of pictures of your own: how the checkpoint ranks and names the people in them, by group,
            goes into the folder of the run with ``-own-images`` behind its name; ``Run.own_images`` is the page.
        people: The file that says whom they show.
        arch: open_clip's name of the architecture of a bare weights file.
        preprocess: How pictures are prepared, where no file of the checkpoint says it: a tag, ARCH/TAG, or a JSON file.
        allow_pickle: Read ``.pt``, ``.pth`` and ``.bin`` weights too, tensors only.
        waive_sanity: Go on though the checkpoint fails the sanity check; findings mean nothing.
        max_images: End unfinished before the run has more images; given again with more, it goes on.
        max_gradients: The same by image-gradients: one step of one view of one image each.
        max_hours: End unfinished before images and judges take longer.
        engine: ``local``, or ``ray`` for workers here or on a cluster (extra ``ray``).
        address: Of the cluster of Ray, ``auto`` or HOST:PORT; without it Ray is started on this machine, and ended.
        workers: Those of Ray, at most; one for each processor or GPU if left out.
        gpus_per_worker: Share of a GPU that a worker of Ray takes; 1 on CUDA and else 0 if left out.

    Raises:
        UsageProblem: If something is asked that is not there, or that does not go together.
        InconclusiveProblem: If the budget is spent before all images are made and judged.
        RefusedProblem: If the checkpoint or a judge is refused.
        EnvironmentProblem: If the folder cannot be written, or something is missing on this machine.
    """
    settings = o.Settings(
        recipe=recipe,
        effort=effort,
        device=device,
        precision=precision,
        seed=seed,
        audit_seeds=audit_seeds,
        arch=arch,
        preprocess=preprocess,
        allow_pickle=allow_pickle,
        waive_sanity=waive_sanity,
    )
    o.check_names(checkpoint, settings, list(suites), list(judges))
    own = None if own_images is None else Path(own_images)
    told = None if people is None else Path(people)
    o.check_own(own, told)
    crew = o.pick_crew(engine, address, workers, gpus_per_worker)
    gate = o.pick_gate(None if policy is None else str(policy), None if baseline is None else _folder(baseline))
    rounds_by = o.pick_rounds(gate, sequential=sequential, audit_seeds=audit_seeds)
    from audit.pipeline import make_plan, run_audit

    request = o.make_request(
        checkpoint, settings, suites=list(suites), judges=list(judges), gate=gate, rounds_by=rounds_by
    )
    folder = o.pick_folder(None if out is None else _folder(out), checkpoint, effort)
    plan = make_plan(request)
    look = o.own_look(plan, own, told)
    with _progress() as progress:
        made_by = crew.make(progress.say, plan.request.device)
        budget = Budget(images=max_images, gradients=max_gradients, hours=max_hours)
        outcome = run_audit(plan, folder, progress, engine=made_by, budget=budget, gate=gate)
        if look is not None:
            look(outcome.findings, o.beside(folder, "own-images"), progress)
    return Run(folder)


def open_run(folder: str | Path) -> Run:
    """Open a finished run, and check that every file of it is as the run left it.

    Raises:
        UsageProblem: If the folder is no run.
        InconclusiveProblem: If the run is not finished.
        EnvironmentProblem: If a file was changed or removed.
    """
    place = _folder(folder)
    read_run(place, finished=True)
    return Run(place)


@final
@dataclass(frozen=True)
class Comparison:
    """What became of a baseline in a candidate."""

    found: study.Comparison
    """The result of the study."""

    @cached_property
    def changes(self) -> pd.DataFrame:
        """One row per change, what matters most first: outcome, suite, subject, metric, both values, difference."""
        from audit.studies.compare import changes_table

        return changes_table(self.found)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why nothing can be concluded, whatever the changes say; empty where they can be read."""
        return self.found.doubts

    @property
    def warnings(self) -> tuple[str, ...]:
        """What else should be known."""
        return self.found.warnings

    def _repr_html_(self) -> str:
        """Show the counts of outcomes, doubts and warnings."""
        from audit.studies.compare import Outcome

        names = (self.found.baseline.checkpoint.name, self.found.candidate.checkpoint.name)
        counts = ", ".join(f"{len(self.found.with_outcome(one))} {one.value}" for one in Outcome)
        return "".join(
            (
                f"<h4>{html.escape(f'{names[0]} → {names[1]}')}</h4>",
                f"<p><strong>{html.escape(counts)}</strong></p>",
                _list("ul", (*self.doubts, *self.warnings)),
            )
        )


def compare(
    baseline: Run | str | Path, candidate: Run | str | Path, *, level: float = 0.95, margin: float | None = None
) -> Comparison:
    """Compare two finished runs, paired by prompt and seed, as ``clip-audit compare`` does.

    Args:
        baseline: The run to be compared with.
        candidate: The run that is compared.
        level: Confidence level of every interval, in (0, 1).
        margin: Largest difference that does not matter, in the unit of each metric; ``None`` for none.

    Raises:
        UsageProblem: If a folder is no run, or more than the checkpoint differs.
        InconclusiveProblem: If a run is not finished.
        EnvironmentProblem: If a file of a run is not as the run left it.
    """
    from audit.studies.compare import compare_runs

    return Comparison(compare_runs(_folder(baseline), _folder(candidate), level=level, margin=margin))


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """An image that a checkpoint finds to match a text."""

    text: str
    image: Image.Image
    quality: Quality
    """Status, own cosine and more, measured by the checkpoint that the image was made from."""
    warnings: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        """Show the image with its text and figures."""
        buffer = io.BytesIO()
        self.image.save(buffer, format="PNG")
        picture = base64.b64encode(buffer.getvalue()).decode("ascii")
        figures = f"{self.quality.status.value}, own cosine {self.quality.own_cosine:.2f}"
        return (
            f'<figure><img width="{max(256, self.image.width)}" alt="" src="data:image/png;base64,{picture}">'
            f"<figcaption>{html.escape(self.text)}: {html.escape(figures)}</figcaption></figure>"
        )


def invert(
    checkpoint: str,
    text: str,
    *,
    recipe: str = "fast",
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int = 0,
    arch: str | None = None,
    preprocess: str | None = None,
    allow_pickle: bool = False,
    waive_sanity: bool = False,
) -> Inversion:
    """Make an image that matches a text, as ``clip-audit invert`` does.

    Args:
        checkpoint: As for :func:`run`.
        text: What the image is to match.
        recipe: How it is inverted.
        steps: Instead of the recipe's own.
        device: As for :func:`run`.
        precision: As for :func:`run`.
        seed: As for :func:`run`.
        arch: As for :func:`run`.
        preprocess: As for :func:`run`.
        allow_pickle: As for :func:`run`.
        waive_sanity: As for :func:`run`.

    Raises:
        UsageProblem: If there is no such checkpoint or recipe, or it does not know a word of the text.
        RefusedProblem: If the checkpoint is refused.
    """
    check_checkpoint(checkpoint, arch, preprocess)
    from audit.checkpoints import LoadOptions
    from audit.pipeline.invert_texts import TextJob, load_to_invert

    loaded = load_to_invert(
        checkpoint,
        recipe=recipe,
        steps=steps,
        device=o.pick_device(device),
        precision=precision,
        options=LoadOptions(arch=arch, preprocess=preprocess, allow_pickle=allow_pickle, waive_sanity=waive_sanity),
    )
    warnings = (*loaded.warnings, *loaded.check((text,)))
    with _progress() as progress:
        made = next(loaded.invert((TextJob(text=text, replicate=0, seed=seed),), progress))
    picture = Image.fromarray(made.image.pixels.permute(1, 2, 0).numpy())
    return Inversion(text=text, image=picture, quality=made.image.quality, warnings=warnings)


def _folder(run: Run | str | Path) -> Path:
    """Return the folder of a run; one behind a URL has its copy here until the program ends."""
    if isinstance(run, Run):
        return run.folder
    if "://" not in str(run):
        return Path(run)
    from audit.evidence.working_copies import working_copy

    return _BEHIND_URLS.enter_context(working_copy(str(run)))


def _list(kind: str, texts: Sequence[str]) -> str:
    return f"<{kind}>{''.join(f'<li>{html.escape(text)}</li>' for text in texts)}</{kind}>" if texts else ""


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show bars in a notebook and on a terminal, and nothing elsewhere."""
    from rich.console import Console

    from audit.cli.progress_bars import Bars, bars_on
    from audit.pipeline import Silence

    console = Console()
    if not (console.is_jupyter or console.is_terminal):
        yield Silence()
        return
    with bars_on(console) as bars:
        yield Bars(bars, lambda text: console.print(text, style="yellow", markup=False, highlight=False))
