"""What the site shows of the code, written before Sphinx reads its sources."""

import shutil
from pathlib import Path
from typing import Any

import bound_pages
import code_tables
import reference_pages
import result_pages

CHINESE = ".zh.ipynb"


def write(app: Any) -> None:
    """Write all of it into the folders that git ignores."""
    docs = Path(app.srcdir)
    reference_pages.write(docs / "reference")
    bound_pages.write(docs / "reference" / "bounds")
    result_pages.write(docs / "reference" / "results.md")
    code_tables.write_notation(docs / "explanation" / "notation.md")
    code_tables.write_commands(docs / "reference" / "commands.md")
    code_tables.write_capabilities(docs / "reference" / "capabilities.md")
    for notebook in sorted((docs.parent / "notebooks").glob("*.ipynb")):
        target = docs / ("zh" if notebook.name.endswith(CHINESE) else "tutorials") / notebook.name
        if not target.is_file() or target.read_bytes() != notebook.read_bytes():
            shutil.copyfile(notebook, target)


def setup(app: Any) -> dict[str, bool]:
    """Have the pages written as soon as the builder is there."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
