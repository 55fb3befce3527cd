"""Attacks on the parser, in a process of their own: 1 GiB above its start, 10 s of work for a text, only our errors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.symbolic.attacks import ATTACKS

# Made and differentiated, as every verb begins; an audit hook sees every file, process and import that a text causes.
_SCRIPT = """
import json, os, resource, signal, sys, time
import sympy
import vgtheory as vg
from tests.symbolic.attacks import ATTACKS, random_formula

class Hung(BaseException):
    pass

def late(*_):
    raise Hung

for warm in ("Max(x, 0)*tanh(x)/(1 + x**2)", "Piecewise((x, x > 0), (log(1 + exp(x)), True))"):
    vg.Activation(warm).derivative()
seen = []
def audit(event, arguments):
    if event in ("os.system", "subprocess.Popen", "os.exec", "socket.connect", "os.remove", "shutil.rmtree"):
        seen.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"open {arguments[0]}")
    if event == "open" and "passwd" in str(arguments[0]):
        seen.append("read")
sys.addaudithook(audit)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
signal.signal(signal.SIGPROF, late)
first, last = map(int, sys.argv[1:3])
texts = [random_formula(seed) for seed in range(first, last)] if last else ATTACKS
found = {"accepted": 0, "refused": 0, "bad": []}
for text in texts:
    signal.setitimer(signal.ITIMER_PROF, 10)
    try:
        vg.Activation(text).derivative()
        found["accepted"] += 1
    except vg.VgtheoryError as error:
        found["refused"] += 1
        if "\\n" in str(error) or len(str(error)) > 1500:
            found["bad"].append([text[:200], "message", str(error)[:300]])
    except BaseException as error:
        found["bad"].append([text[:200], type(error).__name__, str(error)[:300]])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
found["seen"] = seen
print(json.dumps(found))
"""


def attacked(first: int, last: int, folder: Path) -> dict:
    root = str(Path(__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n" + _SCRIPT, str(first), str(last)],
        capture_output=True, text=True, timeout=250, cwd=folder, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-1000:]
    assert list(folder.iterdir()) == []
    return json.loads(run.stdout)


def test_no_attack_runs_code_hangs_or_escapes_as_another_error(tmp_path):
    found = attacked(0, 0, tmp_path)
    assert found["bad"] == []
    assert found["seen"] == []
    assert found["accepted"] + found["refused"] == len(ATTACKS)
    assert found["refused"] > 0.8 * len(ATTACKS)


@pytest.mark.parametrize(
    ("first", "last"), [(0, 40), pytest.param(1000, 1300, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_absurd_formulas_of_the_grammar_are_made_or_refused_in_time(first, last, tmp_path):
    found = attacked(first, last, tmp_path)
    assert found["bad"] == []
    assert found["seen"] == []
    assert found["accepted"] > 0.2 * (last - first)
    assert found["refused"] > 0.05 * (last - first)
