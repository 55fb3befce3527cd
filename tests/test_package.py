"""What is installed: types that a checker sees, metadata that agree, distributions that work alone."""

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

import vgtheory as vg

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DOORS = ("__init__.py", "calculus.py", "meanfield.py")
LARGEST_WHEEL, LARGEST_SDIST = 1_500_000, 1_200_000  # bytes; 1.28 and 0.96 million when this was written


@pytest.mark.parametrize("door", DOORS)
def test_a_type_checker_is_told_what_is_loaded(door):
    tree = ast.parse((ROOT / "vgtheory" / door).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    told = {
        name.asname or name.name: (statement.module, name.name) for statement in block.body for name in statement.names
    }
    tables = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    (loaded,) = (ast.literal_eval(table) for table in tables)
    for name, place in loaded.items():
        module, _, attribute = place.partition(":")
        assert told.pop(name) == ((module, attribute) if attribute else tuple(module.rsplit(".", 1)))
    assert not told


@pytest.mark.slow
def test_mypy_sees_the_types_of_a_user(tmp_path):
    """Right use passes, and wrong use is seen: without types of the package both would pass."""
    right = tmp_path / "right.py"
    right.write_text(
        "import vgtheory as vg\n"
        "network: vg.Network = vg.Network('tanh', vg.Weights.gaussian(1.5), width=64, depth=10)\n"
        "study = vg.simulate(network, samples=4)\n"
        "mean: float = float(study.log_gradient_norm.mean())\n"
        "cell = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1)), width=64, depth=10)\n"
        "formula: vg.Formula = vg.calculus.length_map('tanh')\n"
    )
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import vgtheory as vg\n"
        "vg.simulate('tanh', sample=4)\n"
        "number: int = vg.calculus.length_map('tanh')\n"
        "vg.nonsense_of_mine: int\n"
    )
    # In a folder of its own and with no configuration of this repository, as a user has it.
    run = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    passed = subprocess.run([*run, str(right)], cwd=ROOT, capture_output=True, text=True)
    assert passed.returncode == 0, passed.stdout
    seen = subprocess.run([*run, str(wrong)], cwd=ROOT, capture_output=True, text=True).stdout
    assert 'Unexpected keyword argument "sample"' in seen
    assert "Incompatible types in assignment" in seen


def test_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"] == vg.__version__
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_extras_are_coherent():
    """Every extra that a text or another extra names exists; a requirement of two extras has one floor."""
    extras = PROJECT["optional-dependencies"]
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "vgtheory").rglob("*.py"))
    text += (ROOT / "README.md").read_text("utf-8") + str(extras)
    named = {name for found in re.findall(r"vgtheory\[([a-z,]+)\]", text) for name in found.split(",")}
    assert named <= set(extras)
    floors = {}
    for requirement in [*PROJECT["dependencies"], *(r for rs in extras.values() for r in rs)]:
        name, _, floor = requirement.partition(">=")
        assert floors.setdefault(name, floor) == floor, name
        assert floor or name.startswith("vgtheory[")


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda p: p.stem)
def test_workflows_are_whole(path):
    """Jobs that are waited for exist, actions have versions, and Pythons are those of the metadata."""
    workflow = yaml.safe_load(path.read_text("utf-8"))
    jobs = workflow["jobs"]
    assert workflow[True]  # "on" is a truth value in YAML 1.1
    assert workflow["permissions"] == {"contents": "read"}
    for job in jobs.values():
        waits = job.get("needs", [])
        assert {waits} if isinstance(waits, str) else set(waits) <= set(jobs)
        assert job["runs-on"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert "@" in step.get("uses", "@")
    if "tests" in jobs:
        matrix = jobs["tests"]["strategy"]["matrix"]
        tried = {*matrix["python"], *(row["python"] for row in matrix["include"])}
        said = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c}
        assert tried == said
        assert set(matrix["os"]) == {"ubuntu-latest", "macos-latest", "windows-latest"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.mark.slow
def test_wheel_and_source_hold_the_package_and_nothing_else(built):
    wheel, sdist = built
    inside = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        source = [name.partition("/")[2] for name in archive.getnames()]
    package = {name for name in inside if name.startswith("vgtheory/")}
    tracked = subprocess.run(["git", "ls-files", "vgtheory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert package == set(tracked.stdout.split()) | {"vgtheory/py.typed"}
    assert package <= set(source)
    assert {name.split("/")[0] for name in inside} == {"vgtheory", f"vgtheory-{vg.__version__}.dist-info"}
    beside = {"README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert {name for name in source if name not in package and not (ROOT / name).is_dir()} == beside
    assert wheel.stat().st_size < LARGEST_WHEEL
    assert sdist.stat().st_size < LARGEST_SDIST


@pytest.mark.slow
@pytest.mark.parametrize("kind", [0, 1], ids=["wheel", "source"])
def test_it_works_installed_alone(built, kind, tmp_path):
    """In a fresh environment that sees this one's dependencies, but not this copy of the package."""
    builder = venv.EnvBuilder(with_pip=True, symlinks=True)
    builder.create(tmp_path / "fresh")
    python = tmp_path / "fresh" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", show], capture_output=True, text=True, check=True).stdout.strip())
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", built[kind]]
    subprocess.run(install, check=True)
    where = subprocess.run(
        [python, "-P", "-c", "import vgtheory; print(vgtheory.__file__)"],
        cwd=tmp_path, env={}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(site)
    derived = subprocess.run(
        [python, "-P", "-m", "vgtheory", "derive", "sigmoid"],
        cwd=tmp_path, env={"VGTHEORY_CACHE_DIR": str(tmp_path / "cache")}, capture_output=True, text=True,
    )  # fmt: skip
    assert derived.returncode == 0, derived.stderr
    assert "1/4" in derived.stdout
