"""Peak memory of a process that simulates very deep networks."""

import subprocess
import sys

from benchmarks.measure import Line, machine

LIMIT = 300  # MB
# getrusage would count what the parent held when it forked.
PEAK = """
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
BACKWARD = """
import vgtheory as vg
vg.simulate(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=256, depth=10**5), 1)
"""
FORWARD = """
import vgtheory as vg
vg.sample(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=256, depth=10**6), of="growth", samples=1)
"""
CASES = {
    "forward tangents, N = 256, depth 1e6": FORWARD,
    "backward, N = 256, depth 1e5": BACKWARD,
}


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and no details."""
    found = []
    for what, program in CASES.items():
        subprocess.run([sys.executable, "-c", program], check=True)  # compiles what it needs
        peak = float(subprocess.check_output([sys.executable, "-c", program + PEAK], text=True).split()[-1]) / 1024
        found.append(Line(what, "", f"< {LIMIT} MB", f"{peak:.0f} MB", peak < LIMIT))
    return found, ""


def main() -> None:
    print(machine(), *(f"{line.what}: {line.measured}" for line in lines()[0]), sep="\n")


if __name__ == "__main__":
    main()
