"""The rates of false alarms add up to what CONTRIBUTING states, and no file of statistical tests is left out."""

import re
from pathlib import Path

from tests.false_alarms import RATES, STATED

HERE = Path(__file__).parent
# Words by which a statistical test is known, and constants that state a rate.
WORDS = re.compile("false.alarm|standard errors|kstest|ks_2samp|p_values|smallest_p|pvalue", re.IGNORECASE)
CONSTANT = re.compile(r"ALARM(?: =|, ALARM =)? (?:\d[\d_]*, )*(\d+e-\d+)")


def test_the_rates_add_up_to_what_is_stated():
    total = sum(count * rate for count, rate in RATES.values())
    assert 0.8 * STATED < total <= STATED  # near enough that the figure says something
    assert f"at most {100 * STATED:.0f} %" in (HERE.parent / "CONTRIBUTING.md").read_text("utf-8")


def test_every_file_of_statistical_tests_has_its_row():
    files = {path.relative_to(HERE).as_posix(): path.read_text("utf-8") for path in HERE.rglob("test_*.py")}
    del files[Path(__file__).name]
    statistical = {name for name, text in files.items() if WORDS.search(text)}
    assert statistical == set(RATES), "tests/false_alarms.py wants a row, or one less: (comparisons, rate of each)"


def test_rates_are_those_of_the_constants_in_the_files():
    found = {name: CONSTANT.search((HERE / name).read_text("utf-8")) for name in RATES}
    stated = {name: float(match[1]) for name, match in found.items() if match}
    assert len(stated) >= 10
    assert stated == {name: RATES[name][1] for name in stated}
