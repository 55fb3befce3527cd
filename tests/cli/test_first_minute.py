"""The first minute: what `vgtheory` alone says, examples, JSON, doctor, warm, completion."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from importlib import metadata

import pytest
import typer

import vgtheory as vg
from vgtheory.cli import app as application
from vgtheory.cli import health, warming
from vgtheory.cli.app import run
from vgtheory.cli.cluster import executor_at
from vgtheory.cli.commands import COMMANDS
from vgtheory.cli.examples import EXAMPLES
from vgtheory.cli.exit_codes import EXIT_CODES
from vgtheory.cli.health import checks
from vgtheory.reporting.sweep_rows import sweep_table

SHORT = ["--width", "8", "--depth", "4"]


def test_without_arguments_it_says_what_it_can_answer(capsys):
    assert run([]) == 0
    shown = capsys.readouterr().out
    for example in EXAMPLES.values():
        assert example.question in shown
        assert example.line in shown


def test_every_command_has_an_example_of_its_own():
    assert set(EXAMPLES) == set(COMMANDS)
    for name, example in EXAMPLES.items():
        assert shlex.split(example.line)[:2] == ["vgtheory", name]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_the_example_and_examples_are_understood(name, capsys):
    """The options of the line are those of the command: typer's parser takes them."""
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert EXAMPLES[name].line in shown
    typed, _, rest = application._typed(shlex.split(EXAMPLES[name].line)[1:])
    whole = typer.main.get_command(typed)
    command = whole.commands[name] if hasattr(whole, "commands") else whole
    rest = rest[1:] if hasattr(whole, "commands") else rest
    assert command.make_context(name, rest).params


def test_exit_codes_are_documented(capsys):
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for code in EXIT_CODES:
        assert re.search(rf"^ +{code} ", shown, re.MULTILINE)


JSON = {
    "list": ["list"],
    "certify": ["certify", "sigmoid"],
    "capabilities": ["capabilities", "tanh"],
    "kinds": ["capabilities"],
    "predict": ["predict", "tanh", *SHORT],
    "law": ["law", "semicircle"],
    "doctor": ["doctor"],
}


@pytest.mark.parametrize("case", JSON)
def test_tables_are_printed_as_json(case, capsys):
    run([*JSON[case], "--json"])
    page = json.loads(capsys.readouterr().out)
    assert set(page) == {"tables", "text"}
    assert page["tables"] or page["text"]
    for table in page["tables"]:
        assert table["rows"]
        assert all(len(row) == len(table["columns"]) for row in table["rows"])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json(name, capsys):
    run([name, "--help"])
    assert "--json" in capsys.readouterr().out


def test_json_has_numbers_and_errors_stay_lines(capsys):
    run(["predict", "tanh", *SHORT, "--json"])
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert [row[0] for row in table["rows"]] == sorted({row[0] for row in table["rows"]})
    assert all(isinstance(row[0], int) for row in table["rows"])
    assert run(["predict", "tanh", "--depth", "0", "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1


def test_a_sweep_shows_every_point_and_writes_what_it_found(tmp_path, capsys):
    out, grid = tmp_path / "sweep.nc", ["--over", "sigma-w=1:2:3", "--over", "depth=2,4"]
    assert run(["sweep", "tanh", "--width", "8", "--samples", "4", *grid, "--out", str(out), "--json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert table["columns"][:2] == ["σ_w", "L"]
    assert [row[:2] for row in table["rows"]] == [[w, d] for w in (1, 1.5, 2) for d in (2, 4)]
    assert out.is_file()


@pytest.mark.parametrize(
    "grid", ["sigma_w", "sigma_w=a,b", "sigma_w=1:2", "sigma_w=1:2:1", "sigma_w=1:2:x", "nonsense=1,2"]
)
def test_a_bad_grid_is_one_line(grid, capsys):
    assert run(["sweep", "tanh", *SHORT, "--over", grid]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("vgtheory: ")


def test_a_scheduler_that_is_not_there_is_one_line(capsys, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("vgtheory.cli.cluster.PATIENCE", 0.2)
    assert run(["sweep", "tanh", *SHORT, "--over", "depth=2,4", "--dask", "tcp://127.0.0.1:9"]) == 2
    assert "--dask tcp://127.0.0.1:9 must be the address" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # dask's own
def test_a_scheduler_that_dies_in_mid_run_is_one_line_and_what_is_finished_is_kept(tmp_path, capfd, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("vgtheory.cli.cluster.PATIENCE", 1.0)
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "protocol": "tcp://"}
    study = ["simulate", "tanh", "--width", "64", "--depth", "500", "--samples", "100000"]
    kept = tmp_path / "parts"
    cluster = distributed.LocalCluster(**options, dashboard_address=None, local_directory=tmp_path)

    def end_it():
        while not list(kept.glob("*.npz")):
            time.sleep(0.01)
        cluster.close()

    with ThreadPoolExecutor(1) as beside:
        ended = beside.submit(end_it)
        code = run([*study, "--checkpoint", str(kept), "--dask", cluster.scheduler_address])
        ended.result()
    assert code == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert cluster.scheduler_address in said
    assert "none answers any more" in said
    assert "start it again" in said
    assert "--checkpoint" in said


@pytest.mark.filterwarnings("ignore")  # dask's own
def test_a_connection_that_breaks_while_the_last_result_is_fetched_is_one_line(tmp_path, capfd):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "protocol": "tcp://"}
    with distributed.LocalCluster(**options, dashboard_address=None, local_directory=tmp_path) as cluster:

        async def hang_up(comm, keys, serializers=None):
            comm.abort()

        cluster.scheduler.handlers["gather"] = hang_up
        assert run(["simulate", "tanh", *SHORT, "--samples", "4", "--dask", cluster.scheduler_address]) == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert cluster.scheduler_address in said
    assert "none answers any more" in said


@pytest.mark.filterwarnings("ignore")  # dask's own
def test_an_executor_of_a_cluster_hands_over_results_errors_and_what_is_withdrawn(tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "protocol": "tcp://"}
    cluster = distributed.LocalCluster(**options, dashboard_address=None, local_directory=tmp_path)
    with cluster, executor_at(cluster.scheduler_address) as workers:
        assert list(workers.map(divmod, [7, 9], [3, 4])) == [(2, 1), (2, 1)]
        broken = workers.submit(divmod, 1, 0)
        assert isinstance(broken.exception(), ZeroDivisionError)
        first, never = workers.submit(time.sleep, 0.2), workers.submit(pow, 2, 3)
        assert never.cancel()
        assert first.result() is None
        assert wait([never], timeout=30).done == {never}


def _raises_once(mark):
    """Fail the first time; plain arguments, so that Dask has the same name for both calls of a pure function."""
    if not mark.exists():
        mark.touch()
        raise OSError("the disk was full")
    return "done"


@pytest.mark.filterwarnings("ignore")  # dask's own
def test_equal_work_is_done_again_by_a_cluster_and_withdrawn_one_by_one(tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "protocol": "tcp://"}
    cluster = distributed.LocalCluster(**options, dashboard_address=None, local_directory=tmp_path / "dask")
    with cluster, executor_at(cluster.scheduler_address) as workers:
        failed = workers.submit(_raises_once, tmp_path / "mark")
        assert isinstance(failed.exception(timeout=30), OSError)
        assert workers.submit(_raises_once, tmp_path / "mark").result(timeout=30) == "done"
        workers.submit(time.sleep, 0.2)
        one, other = workers.submit(pow, 2, 3), workers.submit(pow, 2, 3)
        assert one.cancel()
        assert other.result(timeout=30) == 8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # dask's own
def test_a_cluster_gives_the_same_numbers(tmp_path, capsys):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "local_directory": tmp_path}
    grid = ["sweep", "tanh", "--width", "8", "--samples", "8", "--over", "sigma_w=1,2", "--depth", "3", "--json"]
    assert run(grid) == 0
    here = capsys.readouterr().out
    with distributed.LocalCluster(**options) as cluster:
        address = ["--dask", cluster.scheduler_address]
        assert run([*grid, *address]) == 0
        assert capsys.readouterr().out == here
        out = ["--out", str(tmp_path / "study.nc")]
        assert run(["simulate", "tanh", *SHORT, "--samples", "8", *out, *address]) == 0


def test_doctor_reads_every_requirement(capsys):
    found = {check.thing: check for check in checks()}
    needed = [re.match(r"[\w.-]+", line)[0] for line in metadata.requires("vgtheory") if "extra" not in line]
    assert set(needed) <= set(found)
    assert found["numpy"].found == metadata.version("numpy")
    assert {"torch", "cache", "pdflatex", "cores", "memory"} <= set(found)
    assert run(["doctor"]) == int(any(check.broken for check in found.values()))
    assert "numpy" in capsys.readouterr().out


def test_doctor_says_what_does_not_work(monkeypatch, tmp_path, capsys):
    wanted = ["numpy>=1000", "a-package-that-nobody-has>=1", "scipy>=1", "onnx>=1000; extra == 'onnx'"]
    monkeypatch.setattr(health.metadata, "requires", lambda _: wanted)
    (tmp_path / "cache").mkdir(mode=0o777)
    (tmp_path / "cache").chmod(0o777)
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path / "cache"))
    found = {check.thing: check for check in checks()}
    assert found["numpy"].broken
    assert "numpy>=1000" in found["numpy"].means
    assert found["a-package-that-nobody-has"].broken
    assert not found["scipy"].broken
    assert not found["onnx"].broken
    assert found["cache"].broken
    assert run(["doctor"]) == 1
    assert "does not work: numpy, a-package-that-nobody-has, cache" in capsys.readouterr().out


def test_doctor_loads_nothing_heavy():
    code = (
        "import sys; from vgtheory.cli.app import run; run(['doctor']); "
        "print([m for m in ('numba', 'matplotlib', 'xarray', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_warm_says_what_it_compiled(monkeypatch, tmp_path, capsys):
    """Files of machine code that appear meanwhile are counted; those that were there before are not."""
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(warming, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    monkeypatch.setattr(warming, "calls", lambda: {"one": lambda: (tmp_path / "kernel.nbc").touch(), "none": list})
    found = warming.warmed()
    assert list(found.seconds) == ["one", "none"]
    assert found.compiled == 1
    assert run(["warm"]) == 0
    assert "everything was compiled before" in capsys.readouterr().out


@pytest.mark.slow
def test_warm_compiles_what_first_calls_need(tmp_path):
    """After it the calls that it makes add no machine code of their own, in another process; .ci/run asks all."""
    environment = os.environ | {"VGTHEORY_CACHE_DIR": str(tmp_path)}
    some = "lambda: dict.fromkeys(('simulate, exact', 'simulate, chain', 'predict'))"
    code = f"from vgtheory.cli import app, warming; warming.calls = {some}; raise SystemExit(app.run(['warm']))"
    warm = [sys.executable, "-c", code]
    first = subprocess.run(warm, env=environment, capture_output=True, text=True, check=True).stdout
    again = subprocess.run(warm, env=environment, capture_output=True, text=True, check=True).stdout
    assert int(re.search(r"compiled: (\d+) functions", first)[1]) > 10
    assert again.splitlines()[-1] == "everything was compiled before"


@pytest.mark.slow
def test_completion_knows_commands_and_distributions():
    def completed(words):
        environment = os.environ | {"_VGTHEORY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "1"}
        environment["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        code = "import sys; sys.argv = ['vgtheory']; from vgtheory.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        ).stdout.split()

    assert {"simulate", "spectrum", "sweep", "sample"} <= set(completed("vgtheory s"))
    assert "orthogonal" in completed("vgtheory simulate tanh --weights ")


def test_a_sweeps_table_has_a_row_per_point():
    network = vg.Network("tanh", vg.Weights.gaussian(1.5), width=8, depth=3)
    found = vg.sweep(network, samples=4, over={"sigma_b": [0, 0.1]})
    header, rows = sweep_table(found)
    assert header[0] == "σ_b"
    assert len(rows) == 2
    assert rows[0][0] == "0"
