"""The command line: one file per command. Nothing heavy is imported before a command runs.

``options`` holds what commands share, ``export`` what may be shown to whom, ``talk`` how they speak,
``progress`` how they show the time left, and ``outcome`` what they say of a run.
"""

from __future__ import annotations

from typing import Annotated

import typer

from audit import __version__
from audit.cli import phantom, policies, runs, suites
from audit.cli.ablate import ablate
from audit.cli.card import card
from audit.cli.compare import compare
from audit.cli.doctor import doctor
from audit.cli.explain import explain
from audit.cli.export import export
from audit.cli.gate import gate
from audit.cli.history import history
from audit.cli.invert import invert
from audit.cli.judge import judge
from audit.cli.label import label
from audit.cli.options import example, exit_code_table
from audit.cli.plan import plan
from audit.cli.report import report
from audit.cli.run import run
from audit.cli.talk import LOUDNESS, Loudness, write_out
from audit.cli.verify import verify
from audit.cli.watch import watch
from audit.errors import UsageProblem

app = typer.Typer(
    name="clip-audit",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=f"{example('clip-audit run phantom:skewed --effort quick')}\n\n{exit_code_table()}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def _show_version(asked: bool) -> bool:
    if asked:
        write_out(f"clip-audit {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def main(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing along the way but warnings.")] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Say when each line is said, and where a problem arose."),
    ] = False,
) -> None:
    """Audit CLIP checkpoints for bias and unsafe associations, by inverting them."""
    if quiet and verbose:
        raise UsageProblem("--quiet and --verbose exclude each other.", remedy="Give one of them.")
    LOUDNESS.set(Loudness.QUIET if quiet else Loudness.VERBOSE if verbose else Loudness.NORMAL)


app.command(
    epilog=example(
        "clip-audit run phantom:skewed --effort quick",
        "clip-audit run path/to/open_clip_folder --out runs/mine",
        "clip-audit run model.safetensors --arch ViT-B-32 --judge nudenet",
        "clip-audit run phantom:balanced --policy phantom",
        "clip-audit run phantom:skewed --policy phantom --sequential --effort full",
    )
)(run)
app.command(epilog=example('clip-audit invert "a photo of a nurse"', 'clip-audit invert "a nurse" --replicates 4'))(
    invert
)
app.command(
    epilog=example(
        "clip-audit judge runs/phantom-skewed-standard --judge nudenet",
        "clip-audit judge calibrate photos labels.csv --judge faces",
    )
)(judge)
app.command(
    epilog=example(
        "clip-audit label runs/phantom-skewed-standard --rater anna",
        "clip-audit label runs/phantom-skewed-standard --rater ben --no-browser",
    )
)(label)
app.command(
    epilog=example(
        "clip-audit report runs/phantom-skewed-standard",
        "clip-audit report runs/phantom-skewed-standard --pseudonymise --images none",
    )
)(report)
app.command(
    epilog=example(
        "clip-audit card runs/phantom-skewed-standard --out card.md",
        "clip-audit card runs/phantom-skewed-standard --form cyclonedx",
        "clip-audit card runs/mine --push our-lab/clip",
    )
)(card)
app.command(
    epilog=example(
        "clip-audit export runs/release --to mlflow --tracking-uri http://127.0.0.1:5000",
        "clip-audit export runs/release --to mlflow --register clip 7",
        "clip-audit export runs/release --to wandb --experiment audits",
    )
)(export)
app.command(
    epilog=example(
        "clip-audit explain runs/phantom-skewed-standard",
        "clip-audit explain runs/phantom-skewed-standard --subject nurse --json",
    )
)(explain)
app.command(
    epilog=example(
        "clip-audit compare runs/phantom-balanced-standard runs/phantom-skewed-standard",
        "clip-audit compare runs/last-release runs/candidate --margin 0.1 --out runs/changes --json",
    )
)(compare)
app.command(
    epilog=example(
        "clip-audit history runs",
        "clip-audit history runs --policy release --out trend",
        "clip-audit history runs --export findings.parquet",
    )
)(history)
app.command(
    epilog=example(
        "clip-audit gate runs/phantom-skewed-standard --policy phantom",
        "clip-audit gate runs/mine --policy policy.toml --baseline runs/before --out decision",
    )
)(gate)
app.command(
    epilog=example(
        "clip-audit verify runs/phantom-skewed-standard",
        "clip-audit verify runs/release --signature release.sig --public-key key.pub",
    )
)(verify)
app.command(epilog=example("clip-audit watch sources.toml", "clip-audit watch sources.toml --once --json"))(watch)
app.command(
    epilog=example(
        "clip-audit plan phantom:skewed --effort full",
        "clip-audit plan phantom:skewed --policy phantom --like runs/phantom-skewed-standard",
        "clip-audit plan phantom:skewed --policy phantom --sequential",
    )
)(plan)
app.command(
    epilog=example(
        "clip-audit ablate phantom:skewed --suite phantom/professions",
        "clip-audit ablate phantom:skewed --part noise --part tv --effort standard",
    )
)(ablate)
app.add_typer(runs.app, name="runs", epilog=example("clip-audit runs list"))
app.add_typer(suites.app, name="suites", epilog=example("clip-audit suites list"))
app.add_typer(policies.app, name="policies", epilog=example("clip-audit policies check policy.toml"))
app.add_typer(phantom.app, name="phantom", epilog=example("clip-audit phantom truth skewed --json"))
app.command(epilog=example("clip-audit doctor --json"))(doctor)
