"""A LaTeX document as PDF, where a TeX is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from vgtheory._atomic import write_atomically
from vgtheory._errors import UnsupportedError

_RUNS = 2  # labels and references are right from the second one on
_SECONDS = 120


def tex_is_installed() -> bool:
    """Return whether there is a pdflatex to call."""
    return shutil.which("pdflatex") is not None


def write_pdf(source: Path, target: Path) -> None:
    """Compile a .tex file, whose figures lie beside it, and write the PDF; it appears complete or not at all.

    No command is run from within the document (-no-shell-escape), and nothing but the PDF is left behind.

    Raises UnsupportedError where pdflatex is missing or fails; its first complaint is in the message.
    """
    if not tex_is_installed():
        raise UnsupportedError(f"{target.name} needs pdflatex; install a TeX, or compile {source.name} elsewhere")
    with tempfile.TemporaryDirectory() as scratch:
        # The empty entry at the end stands for the standard places.
        environment = {**os.environ, "TEXINPUTS": f"{source.parent.resolve()}{os.pathsep}"}
        command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error"]
        for _ in range(_RUNS):
            done = subprocess.run(
                [*command, f"-output-directory={scratch}", str(source.resolve())],
                cwd=scratch, env=environment, capture_output=True, text=True, errors="replace", timeout=_SECONDS,
                check=False,
            )  # fmt: skip
            if done.returncode:
                said = next((line for line in done.stdout.splitlines() if line.startswith("!")), "no PDF was made")
                raise UnsupportedError(f"pdflatex refuses {source.name}: {said}; the .tex and .html are complete")
        made = Path(scratch) / f"{source.stem}.pdf"
        write_atomically(target, lambda path: shutil.copyfile(made, path))
