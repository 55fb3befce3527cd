"""KaTeX in strict mode as a judge of LaTeX: one node process for all fragments."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

KATEX = Path(os.environ.get("VGTHEORY_KATEX") or Path(__file__).parents[1] / ".katex/node_modules/katex")
_SCRIPT = """
const katex = require(process.argv[1]);
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const refused = {};
for (const [name, text] of Object.entries(texts)) {
  try { katex.renderToString(text, {displayMode: true, throwOnError: true, strict: "error", trust: false}); }
  catch (error) { refused[name] = String(error.message); }
}
process.stdout.write(JSON.stringify(refused));
"""


def refused_by_katex(fragments: dict[str, str]) -> dict[str, str]:
    """Return the fragments (LaTeX without dollar signs) that KaTeX refuses, with its reasons.

    The calling test is skipped where node or KaTeX is not installed, and fails there if CI is set.
    """
    missing = [] if shutil.which("node") else ["node"]
    missing += [] if KATEX.is_dir() else [f"katex in {KATEX}"]
    if missing:
        reason = " and ".join(missing) + " not found; .ci/run installs them"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    run = subprocess.run(
        ["node", "-e", _SCRIPT, str(KATEX)],
        input=json.dumps(fragments),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(run.stdout)
