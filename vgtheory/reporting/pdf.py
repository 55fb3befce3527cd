"""A LaTeX document as PDF, where a TeX is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from vgtheory._atomic import write_atomically
from vgtheory._errors import UnsupportedError

_RUNS = 2  # labels and references are right from the second one on
_SECONDS = 120
_FIGURE = re.compile(r"\\includegraphics(?:\[[^]]*\])?\{\\detokenize\{([\w-]+\.(?:pdf|png|jpe?g))\}\}")


def tex_is_installed() -> bool:
    """Return whether there is a pdflatex to call."""
    return shutil.which("pdflatex") is not None


def write_pdf(source: Path, target: Path) -> None:
    """Compile a .tex file, whose figures lie beside it, and write the PDF; it appears complete or not at all.

    TeX works in an empty directory of its own that gets the document and its figures and nothing else, so that no file
    that lies beside the document, or on a path of the user, is taken for a package, and the folder may have any name.
    No command is run from within the document, no file is read outside of that directory and the TeX installation, and
    nothing but the PDF is left behind.

    Raises UnsupportedError where pdflatex is missing or fails; its first complaint is in the message.
    """
    if not tex_is_installed():
        raise UnsupportedError(f"{target.name} needs pdflatex; install a TeX, or compile {source.name} elsewhere")
    text = source.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="vgtheory-") as scratch:
        (Path(scratch) / "document.tex").write_text(text, encoding="utf-8")
        for name in set(_FIGURE.findall(text)):
            if (source.parent / name).is_file():
                shutil.copyfile(source.parent / name, Path(scratch) / name)
        command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
        for _ in range(_RUNS):
            done = subprocess.run(
                command, cwd=scratch, env=_environment(), capture_output=True, text=True, errors="replace",
                timeout=_SECONDS, check=False,
            )  # fmt: skip
            if done.returncode:
                said = next((line for line in done.stdout.splitlines() if line.startswith("!")), "no PDF was made")
                raise UnsupportedError(f"pdflatex stops at {source.name}: {said}; the .tex and .html are complete")
        made = Path(scratch) / "document.pdf"
        write_atomically(target, lambda path: shutil.copyfile(made, path))


def _environment() -> dict[str, str]:
    """Return the environment without the user's TeX paths; paranoid about files outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEXINPUTS", "TEXMF"))}
    return {**kept, "openin_any": "p", "openout_any": "p"}
