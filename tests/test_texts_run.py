"""What the texts show runs: each page's Python and its commands, and README prints what it says that it does."""

import contextlib
import io
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vgtheory.cli.app import run
from vgtheory.cli.examples import EXAMPLES

ROOT = Path(__file__).parents[1]
README = "README.md"
SCHEDULER = "tcp://scheduler:8786"
PAGES = [README, *(f"docs/{page}.md" for page in ("faq", "which-verb", "zh/index"))]
PAGES += [
    str(path.relative_to(ROOT)) for folder in ("start", "how-to") for path in sorted((ROOT / "docs" / folder).iterdir())
]
# A smaller case of the same, where a page's own takes minutes.  Every one of these must be there to be replaced.
SMALLER = {
    README: {"--tokens 32 --depth 12": "--tokens 4 --depth 2"},
    "docs/how-to/choose-an-initialisation.md": {"cookbook --out": "cookbook relu gelu --out"},
    "docs/how-to/lstm-over-500-steps.md": {"width=512": "width=32", "--steps 500": "--steps 50"},
    "docs/how-to/resume.md": {"samples=10_000": "samples=40"},
    "docs/start/ten-minutes.md": {"depth=1000": "depth=50"},
    "docs/zh/index.md": {"depth=1000": "depth=50"},
    "docs/which-verb.md": {"report transformer": "report transformer --width 32 --tokens 4 --depth 2 --samples 8"},
}
# What stands for what the reader puts in.
PLACES = {" ACT": " tanh", " FILE": " weights.safetensors --activation sigmoid --skip 0", "--steps T": "--steps 20"}
NOT_RUN = {
    "vgtheory COMMAND --help": "tests/cli asks all of them",
    "vgtheory --install-completion": "writes into the files of the reader's shell",
    "vgtheory warm": "tests/cli does, in a cache of its own",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed"),
]


def text_of(page):
    text = (ROOT / page).read_text("utf-8")
    for old, new in SMALLER.get(page, {}).items():
        assert old in text, f"{page} has no {old} any more"
        text = text.replace(old, new)
    return text


def fenced(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands_of(text):
    """Return the commands of a text: lines of blocks, and what stands in backquotes with more than a name."""
    lines = [line for block in fenced(text, "") for line in block.splitlines()]
    found = [match[1] for line in lines if (match := re.search(r"(?:^|^\$ |\.venv/bin/)(vgtheory .*)$", line))]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return found + [said for said in re.findall(r"`(vgtheory [^`]+)`", prose) if " " in said.removeprefix("vgtheory ")]


PYTHON = [page for page in PAGES if fenced(text_of(page), "python")]
COMMANDS = [page for page in PAGES if commands_of(text_of(page))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a file of weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    draw = np.random.default_rng(0).standard_normal
    save_file({f"layers.{k}.weight": (draw((16, 16)) / 4).astype(np.float32) for k in range(5)}, "weights.safetensors")
    return tmp_path


@pytest.fixture
def scheduler(request, folder):
    """The address of a cluster of two workers on this machine, for pages that name one."""
    if SCHEDULER not in text_of(request.node.callspec.params["page"]):
        yield SCHEDULER
        return
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "local_directory": folder / "dask"}
    with distributed.LocalCluster(**options) as cluster:
        yield cluster.scheduler_address


@pytest.mark.filterwarnings("ignore:::distributed")  # dask's own
@pytest.mark.parametrize("page", PYTHON)
def test_the_python_of_a_page_runs(page, folder, scheduler):
    """Each page in a namespace of its own.  In README, whatever is printed stands behind it as a comment."""
    text = text_of(page).replace(SCHEDULER, scheduler)
    if "torch" in text and "vg.inspect(" in text:
        pytest.importorskip("torch")
    blocks = fenced(text, "python")
    if not find_spec("jax"):
        blocks = ["".join(line for line in block.splitlines(True) if "to_jax" not in line) for block in blocks]
    names, printed = {"__name__": "__main__"}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for k, block in enumerate(blocks):
            exec(compile(block, f"{page}, block {k + 1}", "exec"), names)  # noqa: S102 - the page's own code
    if page == README:
        said = [
            match[1]
            for block in blocks
            for line in block.splitlines()
            if (match := re.search(r"(?:^|  )# (.*)$", line))
        ]
        assert printed.getvalue().splitlines() == said


@pytest.mark.filterwarnings("ignore:::distributed")
@pytest.mark.parametrize("page", COMMANDS)
def test_the_commands_of_a_page_run(page, folder, scheduler, capsys, monkeypatch):
    """Each command in a folder of its own, as results of different studies do not mix; what resumes shares one."""
    for k, command in enumerate(commands_of(text_of(page).replace(SCHEDULER, scheduler))):
        if command in NOT_RUN:
            continue
        for place, value in PLACES.items():
            command = command.replace(place, value)
        there = folder
        if "--checkpoint" not in command:
            there = folder / f"command {k}"
            there.mkdir()
            (there / "weights.safetensors").hardlink_to(folder / "weights.safetensors")
        monkeypatch.chdir(there)
        code = run(shlex.split(command, comments=True)[1:])
        assert code == 0, (command, capsys.readouterr().err)


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {"warm"}))
def test_the_example_of_a_command_runs(name, folder, capsys):
    assert run(shlex.split(EXAMPLES[name].line)[1:]) == 0, capsys.readouterr().err
