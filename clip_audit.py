"""The program ``clip-audit``, under a name that no other module takes; also ``python -m clip_audit``.

The package is called ``audit``, and so may be a file of whoever calls it. Where that one is found first, nothing of
the package can be imported, and the traceback would not say why. So this looks before it imports. Whatever fails while
the package is loaded does not leave as 1, which would read as a failed gate.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the program and return its exit code; 2 where another ``audit`` hides the package."""
    try:
        from importlib.util import find_spec
        from pathlib import Path

        spec = find_spec("audit")
        stranger = _stranger(spec, Path(__file__).resolve().with_name("audit"))
        if stranger is not None:
            sys.stderr.write(
                f"Error: {stranger} is found before the package audit of clip-audit, so clip-audit cannot start. "
                "Rename it, call clip-audit from another folder, or take its folder out of PYTHONPATH.\n"
            )
            return 2
        from audit.__main__ import main as run
    except BaseException as error:  # noqa: BLE001  (nothing may get out: Python would leave as 1)
        return _not_loaded(error)
    return run()


def _stranger(spec: object, package: object) -> str | None:
    """Return where the module ``audit`` comes from, if that is not ``package``."""
    from importlib.machinery import ModuleSpec
    from pathlib import Path

    if not isinstance(spec, ModuleSpec) or (spec.origin and Path(spec.origin).resolve().parent == package):
        return None
    return spec.origin or ", ".join(spec.submodule_search_locations or ())


def _not_loaded(error: BaseException) -> int:
    """Say why the program cannot be loaded, and return the exit code: interrupted, or the environment."""
    try:
        text = f"Error: clip-audit cannot be loaded: {type(error).__name__}: {ascii(str(error))[:500]}. "
        os.write(2, f"{text}Install it anew, or look at memory, disk and open files.\n".encode("ascii", "replace"))
    except BaseException:  # noqa: BLE001, S110  (there is nobody left to tell)
        pass
    return 130 if isinstance(error, KeyboardInterrupt) else 5


if __name__ == "__main__":
    sys.exit(main())
