"""The floors hold: imports only run down, and the door stays light."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_imports_only_run_down():
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_importing_vgtheory_loads_neither_numba_nor_the_plotting_half():
    heavy = ("numba", "xarray", "matplotlib", "scipy.stats", "h5py")
    code = f"import sys, vgtheory; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_importing_the_ensembles_integrates_nothing():
    code = "from vgtheory.random_matrices.spacings import mean_ratios as m; print(m._excess.cache_info().currsize)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "0"


@pytest.mark.parametrize(("asked", "found"), [((), "WorkStealing"), (("--dist", "loadfile"), "LoadFile")])
def test_workers_share_tests_as_asked(asked, found, tmp_path):
    (tmp_path / "conftest.py").write_text((ROOT / "conftest.py").read_text("utf-8"), "utf-8")
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n", "utf-8")
    run = [sys.executable, "-m", "pytest", "-v", "-n", "1", "-p", "no:cacheprovider", *asked, str(tmp_path)]
    seen = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"{found}Scheduling" in seen.stdout
