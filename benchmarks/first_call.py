"""CPU time of commands in fresh processes: with an empty cache, and again.

Beside each stands what it costs to load NumPy and SymPy in the same run, which any answer here pays: CPU seconds, so
that other work on the machine counts little.  The package has its bytecode, as pip writes it on installation: else a
process under PYTHONDONTWRITEBYTECODE would compile all modules anew.
"""

import compileall
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Line, machine

YARDSTICK = (sys.executable, "-c", "import numpy, sympy")
ROOT = Path(__file__).parents[1]
REPEATS = 2  # of what needs no empty cache; the best counts
CASES: dict[str, tuple[tuple[str, ...], float, float]] = {  # words after `vgtheory`, seconds to reach: first, again
    "--help": (("--help",), 0.35, 0.35),
    "bounds tanh": (("bounds", "tanh"), 2.0, 1.2),
    "predict tanh": (("predict", "tanh"), 4.0, 1.2),
    "simulate tanh": (("simulate", "tanh"), 6.0, 1.2),
    "report tanh": (("report", "tanh"), 20.0, 5.0),
}


def cpu_seconds(command: tuple[str, ...], folder: str, cache: str) -> float:
    """Return the CPU time of a process and its children, run in a folder with this cache."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "VGTHEORY_CACHE_DIR": cache, "PYTHONPATH": os.fspath(ROOT)}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(words: tuple[str, ...]) -> tuple[float, float, int]:
    """Return CPU seconds of the first call ever and of the best of the next ones, and how many functions are kept."""
    with tempfile.TemporaryDirectory() as cache:
        times = []
        for _ in range(1 + REPEATS):
            with tempfile.TemporaryDirectory() as folder:
                times.append(cpu_seconds((sys.executable, "-m", "vgtheory", *words), folder, cache))
        kept = sum(1 for _ in Path(cache).rglob("*.nbc"))
    return times[0], min(times[1:]), kept


def lines(cases: tuple[str, ...] = tuple(CASES)) -> tuple[list[Line], str]:
    """Return the table's lines, and how many files of machine code each case keeps."""
    compileall.compile_dir(ROOT / "vgtheory", quiet=2)
    found, details = [], []
    for what in cases:
        words, first_reach, again_reach = CASES[what]
        with tempfile.TemporaryDirectory() as folder:
            yardstick = min(cpu_seconds(YARDSTICK, folder, folder) for _ in range(REPEATS))
        first, again, kept = measured(words)
        details.append(f"{what}: {kept} functions in the cache")
        for when, seconds, reach in (("first call ever", first, first_reach), ("again", again, again_reach)):
            said = f"{seconds:.2f} s, {seconds / yardstick:.1f} ×"
            found.append(
                Line(
                    f"{what}, {when}", f"import numpy, sympy: {yardstick:.2f} s", f"≤ {reach} s", said, seconds <= reach
                )
            )
    return found, "\n".join(details)


def main() -> None:
    found, details = lines(tuple(sys.argv[1:]) or tuple(CASES))
    print(machine(), *(f"{line.what}: {line.measured} ({line.reach})" for line in found), details, sep="\n")


if __name__ == "__main__":
    main()
