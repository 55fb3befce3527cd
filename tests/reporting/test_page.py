"""The page as a browser lays it out, and what its script draws."""

import re

import numpy as np
import pytest

import vgtheory as vg
from tests.reporting.chromium import LAYOUT, measured, needs_chromium
from tests.reporting.test_formulas_in_chromium import FAULTS
from vgtheory.reporting.answer import answer
from vgtheory.reporting.explorer import LOG_Q, live_data
from vgtheory.reporting.report import report

W = vg.Weights
SIGMOID = vg.Network("sigmoid", W.gaussian(1.5, 0.05), width=512, depth=20)
COMMANDS = re.compile(r"\\[A-Za-z]+|\b(?:frac|sqrt|operatorname|mathbb|cdot|sigma|varphi|partial|ell|chi_)\b")

# Sets the sliders and reads the live figure's value in its first and last layer.
SLIDERS = r"""
const [scale,depth]=d.querySelectorAll('.sliders input'),act=d.querySelector('.sliders select');
const out=d.querySelector('output');
scale.step='any';scale.value=Math.log(2.0);depth.value=30;act.value='tanh';act.dispatchEvent(new w.Event('input'));
const svg=d.querySelector('svg.live'),read=[];
const at=key=>{for(let k=0;k<40;k++)svg.dispatchEvent(new w.KeyboardEvent('keydown',{key}));
read.push(out.textContent)};
at('ArrowRight');at('ArrowLeft');d.querySelector('.panel button').click();read.push(out.textContent);return read;
"""


B = vg.blocks
KINDS = {
    "saturating": (vg.Network("sigmoid", W.gaussian(1.5, 0.05), width=64, depth=30), "en"),
    "in Chinese": (vg.Network("sigmoid", W.gaussian(1.5, 0.05), width=64, depth=20), "zh"),
    "half-lines": (vg.Network("relu", W.gaussian(1.0, 0.05), width=64, depth=30), "en"),
    "critical": (vg.Network("tanh", W.gaussian(1.12254, 0.05), width=256, depth=20), "en"),
    "cell": (vg.Network(B.lstm(W.gaussian(1.0)), width=16, depth=40), "en"),
    "tokens": (vg.Network(B.transformer("gelu", W.gaussian(1.0), heads=2), width=16, depth=4, tokens=4), "en"),
    "positions": (vg.Network(B.conv("relu", W.he(), 3), width=8, depth=6, shape=(8,)), "en"),
}
# All that is folded is shown before anything is measured.
UNFOLDED = "for(const e of d.querySelectorAll('details'))e.open=true;\n"

# What is no program.
PROSE = r"""
const main=d.querySelector('main').cloneNode(true);
for(const e of main.querySelectorAll('pre,code,script'))e.remove();return main.textContent;
"""


def written(network, folder, lang="en") -> str:
    report(network, folder, samples=32, lang=lang)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("kind", KINDS)
def test_pages_of_every_kind_fit_unfolded_and_their_brackets_hold_what_they_enclose(kind, tmp_path):
    made = written(KINDS[kind][0], tmp_path / "r", KINDS[kind][1])
    for width in (400, 1000):
        found = measured(made, width, UNFOLDED + LAYOUT)
        assert (found["scroll"] <= found["width"], found["wide"], found["cut"]) == (True, [], 0)
    assert not COMMANDS.search(measured(made, 1000, PROSE))
    wrong = measured(made, 1000, UNFOLDED + FAULTS.replace("div.f", "math"))
    assert len(wrong) > 10  # formulas were looked at
    assert [bad for bad in wrong if bad] == []


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    return written(SIGMOID, tmp_path_factory.mktemp("page") / "r")


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize(("width", "scripts"), [(1000, True), (1000, False), (500, True), (400, True)])
def test_the_page_fits_and_is_short(page, width, scripts):
    found = measured(page, width, scripts=scripts)
    assert found["scroll"] <= found["width"]
    assert found["wide"] == []
    assert found["cut"] == 0
    assert found["uneven"] == 0
    assert found["cards"] <= 8
    assert found["live"] == scripts
    assert not COMMANDS.search(found["text"])
    assert width < 1000 or found["height"] < 4000


@pytest.mark.slow
@needs_chromium
def test_the_sliders_draw_what_mean_field_predicts(page):
    last, first, tens = measured(page, 1000, SLIDERS)

    def value(text):
        return float(re.search(r"mean field at these settings ([−\d.]+)", text)[1].replace("−", "-"))

    # The input of the page's network has ‖x_0‖² = N_0, and its σ_b stays.
    wide = vg.predict(vg.Network("tanh", W.gaussian(2.0, 0.05), 64, 30)).log_gradient_norm_infinite_width.values
    assert value(first) - value(last) == pytest.approx(wide[0] - wide[-1], abs=0.03)
    assert value(tens) == pytest.approx(value(first) / np.log(10), abs=0.0075)  # both are shown to two decimals


def test_the_live_figure_has_the_simulation_and_the_curves_of_mean_field():
    found = answer(vg.Network("tanh", W.gaussian(1.5, 0.05), width=32, depth=12), samples=16)
    data = live_data(found)
    np.testing.assert_allclose(data["mean"], found.study.log_gradient_norm.mean("sample"), atol=1e-4)
    assert data["layer"] == list(range(1, 13))
    z, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()
    for k in (20, 40, 45):  # q = e^-8, 1, e^2
        h = np.exp(LOG_Q[k] / 2) * z
        assert data["curves"]["tanh"]["square"][k] == pytest.approx(np.log(weights @ np.tanh(h) ** 2), abs=1e-3)
        assert data["curves"]["tanh"]["slope"][k] == pytest.approx(np.log(weights @ np.cosh(h) ** -4.0), abs=1e-3)
    assert data["input"] == pytest.approx(1.0)
    assert "curves" not in live_data(answer(vg.Network("tanh", W.gaussian(1.5), 16, 4, skip=1), samples=8))
