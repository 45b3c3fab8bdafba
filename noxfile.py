"""The same tests on every Python that clip-audit promises: ``pipx run nox``, or ``nox -s tests-3.13`` for one of them.

``make test`` and ``.ci/run`` test on the Python that is there. An interpreter that is missing is skipped, and said so.
"""

import nox

nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Install with the pinned versions and run everything that must hold before a commit."""
    session.install("-c", "constraints.txt", "-e", ".[dev]")
    session.run(
        "python", "-m", "pytest", "-n", "logical", "--maxprocesses", "4", "--dist", "loadfile", *session.posargs
    )
