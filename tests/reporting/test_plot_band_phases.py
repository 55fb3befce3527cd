"""The phase diagram of the support: areas end where bands split, nothing is cut off, labels have Chinese words."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from vgtheory import laws, plot
from vgtheory._errors import InputError
from vgtheory.reporting.translation import translator

PHASE = laws.BandPhase


def leaky(depth, weights):
    """The law of equal leaky layers: squared slopes 1 and a, by halves."""
    slopes = laws.algebraic("(z - 1)*(z - a)*G - z + (1 + a)/2")
    layer = slopes * laws.marchenko_pastur(1.0) if weights == "gaussian" else slopes
    found = layer
    for _ in range(depth - 1):
        found = found * layer
    return found


def test_only_one_gaussian_layer_of_leaky_relu_splits():
    """Two bands below a* = 0.0825518385763913848 at depth 1; from depth 2 on, and of rotations, one for all slopes."""
    rows = {depth: laws.band_phases(leaky(depth, "gaussian"), 0, 1) for depth in (1, 2, 3)}
    rotated = {depth: laws.band_phases(leaky(depth, "orthogonal"), 0, 1) for depth in (1, 2, 3)}
    assert [[p.bands for p in rows[depth]] for depth in (1, 2, 3)] == [[2, 1], [1], [1]]
    assert [[p.bands for p in rotated[depth]] for depth in (1, 2, 3)] == [[0], [1], [1]]
    ax = plot.band_phases(rows)
    areas = sorted((patch.get_y(), patch.get_x(), patch.get_width()) for patch in ax.patches)
    assert [y for y, *_ in areas] == [0.5, 0.5, 1.5, 2.5]
    assert areas[0][2] == pytest.approx(0.0825518385763913848, rel=1e-14) == areas[1][1]
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"two bands", "one band"}
    assert {text.get_text() for text in plot.band_phases(rotated).get_legend().get_texts()} == {
        "atoms only",
        "one band",
    }


@pytest.mark.parametrize("preset", ["column", "page"])
def test_no_label_is_cut_off(preset):
    rows = {k: (PHASE(0.0, at, 3), PHASE(at, 1.0, 1)) for k, at in ((1, 0.02), (2, 0.5), (3, 0.97))}
    ax = plot.band_phases(rows, symbol=r"\alpha^2", row="share $p$ of active units")
    figure = plot.sized(ax, preset)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    width, height = figure.bbox.width, figure.bbox.height
    inner = ax.get_window_extent(renderer)
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible():
            box = text.get_window_extent(renderer)
            assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -1, text
    for text in ax.texts:  # beside their transitions, inside of the axes
        box = text.get_window_extent(renderer)
        assert min(box.x0 - inner.x0, inner.x1 - box.x1) >= -1, text


def test_every_label_has_chinese_words():
    rows = {0.2: (PHASE(0, 1, 0), PHASE(1, 2, 1), PHASE(2, 3, 2), PHASE(3, 4, 5))}
    ax, say = plot.band_phases(rows, row="share $p$ of active units"), translator("zh")
    words = [ax.get_ylabel(), *(text.get_text() for text in ax.get_legend().get_texts())]
    assert [say(word) for word in words] == ["活跃单元的比例 $p$", "仅有原子", "一个谱带", "两个谱带", "5 个谱带"]
    assert say(plot.band_phases(rows).get_ylabel()) == "深度 $L$"


def test_bad_input_is_refused():
    for rows in ({}, {1: ()}, {1: [3]}, "rows", None):
        with pytest.raises(InputError, match="rows"):
            plot.band_phases(rows)
