"""The one step of a build that pyproject.toml has no words for: a wheel takes folders of the repository along.

They stay at the top of the checkout, where people look for them; ``audit/packaged.py`` finds them in either place.
"""

from pathlib import Path
from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("prompts", "reports/templates", "reports/calibration")


class BuildWithFolders(build_py):
    """Copies the folders into the package; an editable installation finds them in the checkout."""

    def run(self) -> None:
        """Build as usual, then copy."""
        super().run()
        if not self.editable_mode:
            for folder in SHIPPED:
                copytree(folder, Path(self.build_lib, "audit", "_shipped", folder), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithFolders})
