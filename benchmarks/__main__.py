"""Print the table of what was asked for and what was measured, and the details; `python -m benchmarks [PART ...]`."""

import sys
import time
import traceback

from benchmarks import (
    activations,
    closures,
    coverage,
    engine,
    first_call,
    inspection,
    matrices,
    mean_field,
    memory,
    networks,
    programs,
    random_matrices,
    spectra,
)  # fmt: skip
from benchmarks.measure import Line, machine, show

PARTS = {
    "engine": engine.lines,
    "networks": networks.lines,
    "programs": programs.lines,
    "matrices": matrices.lines,
    "memory": memory.lines,
    "coverage": coverage.lines,
    "activations": activations.lines,
    "mean_field": mean_field.lines,
    "closures": closures.lines,
    "spectra": spectra.lines,
    "random_matrices": random_matrices.lines,
    "inspection": inspection.lines,
    "first_call": first_call.lines,
}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        raise SystemExit(f"no part {', '.join(unknown)}; parts are {', '.join(PARTS)}")
    start = time.perf_counter()
    print(machine(), flush=True)
    table: list[Line] = []
    for name in wanted:
        began = time.perf_counter()
        try:
            found, details = PARTS[name]()
        except Exception:  # one part that fails must not cost the others their figures
            found, details = [Line(name, "", "", "failed", False)], traceback.format_exc()
        table += found
        print(f"\n== {name} ({time.perf_counter() - began:.0f} s)\n{details}", flush=True)
    print("\n" + show(table))
    print(f"\nmedians of one run, {time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
