"""Figures show what they are given, outside of pyplot, with the same bytes each time."""

import sys

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import vgtheory as vg
from tests.thinning import thinned
from vgtheory.reporting import plot
from vgtheory.reporting.figure_files import write_figure
from vgtheory.reporting.gain_curve import gain_curve
from vgtheory.reporting.plot.phase import _between
from vgtheory.reporting.style import pdf_bytes, svg_text
from vgtheory.spectra.jacobian import spectrum
from vgtheory.theory.asymptotics.fixed_points import critical, fixed_points


def study(values) -> xr.Dataset:
    values = np.asarray(values, dtype=float)
    return xr.Dataset(
        {"log_gradient_norm": (("sample", "layer"), values)}, coords={"layer": np.arange(1, values.shape[1] + 1)}
    )


def line(ax, label):
    return next(drawn for drawn in ax.get_lines() if drawn.get_label().startswith(label))


def test_the_range_ends_at_the_least_gradient_where_dead_networks_leave_it_open():
    values = np.random.default_rng(1).normal(size=(40, 3))
    values[:10] = -np.inf
    upper, _ = plot.gradient(study(values))
    low = upper.collections[0].get_paths()[0].vertices[:, 1].min()
    assert low == values[np.isfinite(values)].min()
    assert line(upper, "simulated mean").get_ydata() == pytest.approx(values[10:].mean(axis=0))


def test_gradient_draws_the_mean_the_prediction_and_the_bound():
    values = np.linspace(0, 8, 5)[None] + np.array([[-1.0], [0.0], [1.0]])
    data = study(values)
    prediction = xr.Dataset({"log_gradient_norm": ("layer", values.mean(axis=0) + 0.5)}, coords={"layer": data.layer})
    z = np.full(5, -0.5)
    upper, lower = plot.gradient(data, prediction, z, (values.max(axis=0) + 2, "certificate"))
    assert line(upper, "simulated mean").get_ydata().tolist() == [0, 2, 4, 6, 8]
    assert line(upper, "predicted mean").get_ydata()[0] == 0.5
    assert line(upper, "bound").get_ydata()[-1] == 11
    assert lower.get_lines()[0].get_ydata().tolist() == z.tolist()


def test_a_loose_bound_does_not_squeeze_the_data():
    data = study([[0.0, 1.0], [0.5, 1.5]] * 8)
    upper, _ = plot.gradient(data, bound=(np.array([100.0, 50.0]), "loose"))
    assert upper.get_ylim()[1] < 3


@pytest.mark.parametrize("name", ["tanh", "relu", "identity", "gelu"])
def test_activation_draws_the_function_and_its_derivative(name):
    act = vg.activation(name)
    upper, lower = plot.activation(act, ((-np.inf, -3.0),), (1.0, 0.5, "sup"), q=0.7, eps=0.01)
    h = upper.get_lines()[0].get_xdata()
    slope = np.gradient(upper.get_lines()[0].get_ydata(), h)
    smooth = np.abs(h) > 0.05
    assert lower.get_lines()[0].get_ydata()[smooth] == pytest.approx(slope[smooth], abs=2e-2)


def test_spectrum_curve_and_histogram_have_the_same_mass():
    law = spectrum(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=64, depth=8))
    ax = plot.spectrum(law, law.rvs_log(20_000, random_state=1))
    curve = line(ax, "law")
    bars = ax.patches[0].get_data()
    mass = np.trapezoid(curve.get_ydata(), curve.get_xdata())
    assert mass == pytest.approx(0.99, abs=0.01)
    assert float(np.sum(bars.values * np.diff(bars.edges))) == pytest.approx(mass, abs=0.02)


def test_a_spectrum_whose_lower_half_is_0_in_doubles_is_drawn_above_it():
    law = spectrum(vg.Network("silu", vg.Weights.gaussian(3, 0.2), width=64, depth=20))
    assert law.ppf_log(0.3) == -np.inf
    curve = line(plot.spectrum(law, law.rvs_log(100, random_state=1)), "law")
    assert np.isfinite(curve.get_xdata()).all()
    assert 0.2 < np.trapezoid(curve.get_ydata(), curve.get_xdata()) < 0.5


def test_eigenvalues_lie_in_the_circles_of_their_law():
    network = vg.Network("relu", vg.Weights.he(), width=60, depth=8)
    law, data = vg.eigenvalues(network), vg.sample(network, of="eigenvalues", samples=2)
    ax = plot.jacobian_eigenvalues(law, data)
    points, edge, *quartiles = ax.get_lines()
    assert len(points.get_xdata()) == int(np.isfinite(data.log_modulus.values).sum())
    assert f"{100 * float(np.mean(np.isneginf(data.log_modulus))):.3g} % of them 0" in points.get_label()
    assert np.hypot(*edge.get_data()) == pytest.approx(1.0)
    assert [np.hypot(*c.get_data())[0] for c in quartiles] == pytest.approx([0.5, 0.5**0.5, 0.75**0.5])


def test_a_law_that_is_one_atom_and_a_histogram_without_a_law():
    law = spectrum(vg.Network("identity", vg.Weights.orthogonal(1.5), width=8, depth=4))
    assert "100 % of the mass" in plot.spectrum(law).get_legend().get_texts()[0].get_text()
    plot.spectrum(None, np.array([0.1, 0.2, -np.inf, 0.4]))


@pytest.mark.parametrize(("name", "sigma_b"), [("tanh", 0.05), ("tanh", 0.0), ("erf", 0.3), ("relu", 0.0)])
def test_the_gain_curve_goes_through_the_fixed_points(name, sigma_b):
    act = vg.activation(name)
    curve = gain_curve(act, sigma_b, (0.8, 2.5))
    shown = np.isfinite(curve.sigma_w)
    for sigma_w in (1.6, 2.0, 2.4):
        point = next(p for p in fixed_points(act, sigma_w, sigma_b) if p.stable or name == "relu")
        drawn = np.interp(sigma_w, curve.sigma_w[shown], curve.chi[shown])
        assert drawn == pytest.approx(point.chi, rel=1e-3)
    here = critical(act, sigma_b).sigma_w
    assert np.interp(here, curve.sigma_w[shown], curve.chi[shown]) == pytest.approx(1, abs=2e-3)


def test_figures_are_reproducible_and_leave_pyplot_alone(tmp_path):
    figures = [plot.figure_of(plot.activation(vg.activation("tanh"))) for _ in range(2)]
    assert svg_text(figures[0]) == svg_text(figures[1])
    for number, figure in enumerate(figures):
        write_figure(figure, tmp_path / f"{number}.pdf")
    assert (tmp_path / "0.pdf").read_bytes() == (tmp_path / "1.pdf").read_bytes()
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_a_figure_is_laid_out_once_for_all_formats():
    axes = plot.gradient(study(np.linspace(-9, 0, 30)[None] + [[0.0], [1.0]]))
    figure = plot.figure_of(axes)
    drawn = svg_text(figure)
    places = [ax.get_position().bounds for ax in figure.axes]
    pdf_bytes(figure)
    assert [ax.get_position().bounds for ax in figure.axes] == places
    assert svg_text(figure) == drawn


def test_an_unknown_figure_format_is_refused(tmp_path):
    with pytest.raises(vg.VgtheoryError, match=r"\.svg or \.pdf"):
        write_figure(plot.figure_of(plot.activation(vg.activation("tanh"))), tmp_path / "figure.bmp")
    assert list(tmp_path.iterdir()) == []


def test_eigenvalues_lie_inside_the_edge_of_their_law():
    ax = plot.eigenvalues(vg.laws.elliptic(0.5).rvs(500, random_state=0), vg.laws.elliptic(0.5))
    edge = np.array(ax.lines[1].get_data())
    assert np.abs(edge[0]).max() == pytest.approx(1.5, rel=1e-4)  # 400 points on the curve
    assert np.abs(edge[1]).max() == pytest.approx(0.5, rel=1e-4)
    points = np.array(ax.lines[0].get_data())
    assert (points[0] ** 2 / 1.5**2 + points[1] ** 2 / 0.5**2 <= 1 + 1e-12).all()


def test_exponents_of_a_linear_network_lie_on_their_law():
    network = vg.Network("identity", vg.Weights.gaussian(1.0), width=64, depth=10**6)
    law = vg.lyapunov(network)
    ax = plot.exponents(law, law.finite_width(64))
    line, dots = ax.lines[1].get_data(), ax.lines[2].get_data()
    # ½ ln(1 − share): the finite network follows it to O(1/N)
    np.testing.assert_allclose(line[1], np.log1p(-line[0]) / 2, atol=1e-9)
    inner = dots[0] < 0.8
    np.testing.assert_allclose(dots[1][inner], np.interp(dots[0][inner], *line), atol=0.02)


@pytest.mark.slow
def test_the_cobweb_climbs_to_the_fixed_correlation():
    point = next(p for p in vg.fixed_points("tanh", sigma_w=1.5, sigma_b=0.3) if p.stable)
    ax = plot.cobweb("tanh", point.q, 1.5, 0.3, layers=150)
    path = np.array(ax.lines[2].get_data())
    assert path[0, -1] == pytest.approx(point.c, abs=2e-3)


def test_sizes_for_print_keep_the_proportions():
    axes = plot.activation(vg.activation("tanh"))
    before = plot.figure_of(axes).get_size_inches()
    after = plot.sized(axes, "page").get_size_inches()
    assert after[0] == 7
    assert after[1] / after[0] == pytest.approx(before[1] / before[0])
    with pytest.raises(vg.VgtheoryError, match="column"):
        plot.sized(axes, "colum")


TANH = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), 16, 6)


@pytest.fixture(scope="module")
def simulated():
    return vg.simulate(TANH, samples=8)


DRAWN = {
    "gradient": lambda s: plot.gradient(s, vg.predict(TANH)),
    "prediction": lambda s: plot.prediction(vg.predict(TANH), s),
    "activation": lambda s: plot.activation(
        vg.activation("tanh"), ((-np.inf, -3.0), (3.0, np.inf)), (1.0, 0.0, "sup of the slope = 1, proved"), 0.7, 0.01
    ),
    "spectrum": lambda s: plot.layer_and_jacobian(TANH),
    "criticality": lambda s: plot.criticality(np.linspace(1, 2, 9), np.linspace(0.5, 1.5, 9), (1.2, 0.8), 1.5),
    "cobweb": lambda s: plot.cobweb("relu", 0.5, 1.4, 0.0, layers=3),
    "phase": lambda s: plot.phase(vg.phase_diagram("tanh", [0.5, 1.0, 2.0], [0.0, 0.5, 1.0]), None),
}


@pytest.mark.parametrize("preset", ["column", pytest.param("half slide", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", thinned(DRAWN, 2))
def test_nothing_is_cut_off_at_the_sizes_of_print(name, preset, simulated):
    figure = plot.sized(DRAWN[name](simulated), preset)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    width, height = figure.bbox.width, figure.bbox.height
    shown = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend() is not None]
    assert shown
    for artist in (*shown, *legends, *figure.axes):
        box = artist.get_window_extent(renderer)
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert inside or not _is_drawn(artist, figure), (artist, box)
    for ax in figure.axes:
        assert ax.get_window_extent(renderer).width > 0.25 * width


def _is_drawn(artist, figure):
    """Whether it is more than a tick label beyond the limits of its axes, which nobody sees."""
    tightened = {id(t) for ax in figure.axes for t in (*ax.get_xticklabels(), *ax.get_yticklabels())}
    return id(artist) not in tightened


def test_what_is_cut_off_would_be_noticed():
    figure = plot.figure_of(DRAWN["criticality"](None))
    figure.set_layout_engine("none")
    figure.text(0.9, 0.5, "a text that does not fit into what is left of the line at all")
    renderer = FigureCanvasAgg(figure).get_renderer()
    assert figure.texts[0].get_window_extent(renderer).x1 > figure.bbox.width


@pytest.mark.parametrize(("act", "count"), [("tanh", 9), ("tanh", 30), ("relu", 9)])
def test_regions_of_a_phase_diagram_end_where_its_line_runs(act, count):
    wide, high = np.linspace(0.5, 2.5, count), np.linspace(0.0, 1.0, count)
    image = plot.phase(vg.phase_diagram(act, wide, high)).images[0]
    colours, (left, right, low, top) = image.get_array(), image.get_extent()

    def at(sigma_w, sigma_b):
        row = (sigma_b - low) / (top - low) * (colours.shape[0] - 1)
        column = (sigma_w - left) / (right - left) * (colours.shape[1] - 1)
        return tuple(colours[round(row), round(column)])

    if act == "relu":
        line = [(2**0.5, b) for b in (0.2, 0.6, 0.9)]
    else:
        d = vg.meanfield.critical_curve(act).data
        line = [(float(w), float(b)) for w, b in zip(d.sigma_w, d.sigma_b, strict=True) if 0.15 < b < 0.95]
    before, after = at(0.6, 0.9), at(2.4, 0.1)
    assert before != after
    assert len(line) > 2
    for sigma_w, sigma_b in line:
        assert at(sigma_w - 0.04, sigma_b) == before
        assert at(sigma_w + 0.04, sigma_b) == after


def test_regions_between_the_points_of_a_coarse_grid_have_the_sign_of_the_gain_there():
    rng = np.random.default_rng(3)
    seen = right = nearest = 0
    for act, ends in (("sigmoid", (2.0, 12.0)), ("sin", (0.5, 2.5)), ("erf", (0.5, 2.5))):
        wide, high = np.linspace(*ends, 7), np.linspace(0.0, 1.0, 6)
        diagram = vg.phase_diagram(act, wide, high)
        x, y, names = _between(diagram)
        for sigma_w, sigma_b in zip(rng.uniform(*ends, 40), rng.uniform(0.1, 1.0, 40), strict=True):
            gains = [point.chi for point in vg.fixed_points(act, sigma_w, sigma_b) if point.stable]
            if len(gains) != 1 or abs(np.log(gains[0])) < 0.03:
                continue
            there = "vanishing/ordered" if gains[0] < 1 else "exploding/chaotic"
            seen += 1
            right += names[np.abs(y - sigma_b).argmin(), np.abs(x - sigma_w).argmin()] == there
            cell = np.abs(high - sigma_b).argmin(), np.abs(wide - sigma_w).argmin()
            nearest += diagram.phase.values[cell] == there
    assert seen == right > 100
    assert nearest < seen  # which the cells of the grid alone do not have


def test_a_sweep_is_drawn_with_the_means_that_it_holds():
    found = vg.sweep(TANH, samples=8, over={"sigma_w": [1.0, 1.5], "depth": [3, 6]})
    ax = plot.sweep(found)
    curves = [container.lines[0] for container in ax.containers]
    assert [c.get_label() for c in ax.containers] == ["$L = 3$", "$L = 6$"]
    for k, curve in enumerate(curves):
        np.testing.assert_array_equal(curve.get_ydata(), found.change.isel(depth=k))
    with pytest.raises(vg.VgtheoryError, match="sweep"):
        plot.sweep(xr.Dataset())


def test_gradients_in_time_and_cosines_are_medians_over_networks():
    rng = np.random.default_rng(2)
    layer = np.arange(5)
    data = xr.Dataset(
        {
            "log_stream_gradient_norm": (("sample", "layer", "stream"), rng.normal(size=(9, 5, 2))),
            "cosine": (("sample", "layer"), rng.uniform(size=(9, 5))),
        },
        coords={"layer": layer, "stream": ["h", "c"]},
    )
    data.log_stream_gradient_norm[:2, 0] = -np.inf  # dead: no logarithm
    ax = plot.gradient_in_time(data)
    middle = line(ax, "$c_t$: median").get_ydata()
    assert middle[1:] == pytest.approx(np.median(data.log_stream_gradient_norm[:, 1:, 1], axis=0))
    assert middle[0] == pytest.approx(np.median(data.log_stream_gradient_norm[2:, 0, 1]))
    assert line(plot.token_cosine(data), "networks: median").get_ydata() == pytest.approx(
        np.median(data.cosine, axis=0)
    )
    for draw in (plot.gradient_in_time, plot.token_cosine):
        with pytest.raises(vg.VgtheoryError, match=r"vg\.simulate"):
            draw(study([[1.0, 2.0]]))


def test_a_coordinate_check_has_a_curve_per_step_and_a_panel_per_layer():
    rms = np.random.default_rng(3).uniform(1, 2, (4, 3, 2, 5))
    found = xr.Dataset(
        {"rms": (("sample", "width", "step", "layer"), rms), "output": (("sample", "width", "step"), -rms[..., 0])},
        coords={"width": [16, 32, 64], "step": [0, 1], "layer": np.arange(1, 6)},
    )
    axes = plot.coordinate_check(found)
    assert [ax.get_title() for ax in axes] == ["layer 1", "layer 3", "layer 5", "output"]
    for ax, k in zip(axes, (0, 2, 4, 0), strict=True):
        for step, curve in enumerate(ax.get_lines()):
            assert curve.get_ydata() == pytest.approx(np.sqrt((rms[:, :, step, k] ** 2).mean(axis=0)))
    with pytest.raises(vg.VgtheoryError, match="coordinate check"):
        plot.coordinate_check(study([[1.0, 2.0]]))


@pytest.mark.slow
def test_one_layer_has_the_marchenko_pastur_density_beside_the_jacobian():
    left, right = plot.layer_and_jacobian(TANH)
    curve = line(left, "Marchenko")
    x, y = curve.get_data()
    assert np.trapezoid(y, x) == pytest.approx(1.0, abs=2e-3)
    assert x[y > 1e-9].max() == pytest.approx(np.log(2 * 1.5), abs=0.02)  # the largest singular value is 2 σ_w
    assert line(right, "law").get_ydata().max() > 0
    left, _ = plot.layer_and_jacobian(vg.Network("tanh", vg.Weights.orthogonal(1.2, 0.1), 16, 6))
    assert left.get_lines()[0].get_xdata()[0] == pytest.approx(np.log(1.2))
    with pytest.raises(vg.VgtheoryError, match=r"plot\.spectrum"):
        plot.layer_and_jacobian(vg.Network("tanh", vg.Weights.gaussian(1.2), [8, 6, 8], 2))


def test_words_of_the_figures_keep_laws_for_matrices():
    upper, _ = plot.activation(vg.activation("tanh"), q=0.7)
    words = [text.get_text() for text in upper.get_legend().get_texts()]
    assert any(word.startswith("distribution of $h$") for word in words)
    assert not any("law" in word for word in words)


def test_figures_for_print_hold_no_type_3_fonts():
    assert b"/Type3" not in pdf_bytes(plot.figure_of(plot.activation(vg.activation("tanh"))))


def test_spectrum_takes_a_sample_as_it_comes():
    network = vg.Network("tanh", vg.Weights.gaussian(1.5), 20, 5)
    drawn = vg.sample(network, samples=2)
    axes = vg.plot.spectrum(vg.spectrum(network), drawn)
    assert len(axes.lines) == 1
    with pytest.raises(vg.VgtheoryError, match="singular values"):
        vg.plot.spectrum(None, vg.sample(network, of="eigenvalues"))
