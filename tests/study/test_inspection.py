"""inspect: given weights against finite differences, known initialisers, and files that must be refused."""

import itertools
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import vgtheory as vg
from vgtheory import inspect
from vgtheory._errors import InputError
from vgtheory.study.inspection.weights.chain import chain_of
from vgtheory.study.inspection.weights.entries import LEVEL, EntryMoments, comes_from, entry_distribution
from vgtheory.study.inspection.weights.files import weights_by_name
from vgtheory.study.inspection.weights.matrix import matrix_facts

WEIGHTS = Path(__file__).parents[1] / "reference" / "weights"
RNG = np.random.default_rng(0)
RESIDUAL = ["first.weight", *(f"blocks.{k}.weight" for k in range(12)), "last.weight"]


def chain(widths, scale=1.5, bias=0.1):
    arrays = {}
    for k, (n, m) in enumerate(itertools.pairwise(widths)):
        arrays[f"fc{k}.weight"] = RNG.standard_normal((m, n)) * scale / np.sqrt(n)
        arrays[f"fc{k}.bias"] = RNG.standard_normal(m) * bias
    return arrays


# --- the three networks made with PyTorch -------------------------------------------------------------------------


def test_a_deep_sigmoid_network_with_pytorchs_default_is_diagnosed():
    found = inspect(WEIGHTS / "sigmoid_default.safetensors", activation="sigmoid", order="names", skip=0)
    assert found.verdict == "vanishes"
    assert set(found.table.initialiser.values) == {"PyTorch default"}
    assert set(found.table.spectrum.values) == {"Marchenko–Pastur"}
    # χ = σ_w² E φ'², 1/3·1/16 at best: ln‖δ‖ falls by about ½ ln 48 = 1.94 per layer
    assert float(found.table.log_gradient_norm[0]) == pytest.approx(-49 * 1.96, rel=0.03)
    assert 38 <= found.lost_at <= 44
    assert "too small" in found.causes[0]


def test_a_he_initialised_relu_network_is_healthy():
    found = inspect(WEIGHTS / "relu_he.safetensors", activation="relu", order="names", skip=0)
    assert found.verdict == "healthy"
    assert {"He normal" in text for text in found.table.initialiser.values} == {True}
    assert np.allclose(found.table.saturated[:-1], 0.5, atol=0.15)
    assert float(found.table.dead[:2].max()) < 0.05  # a unit that is off on one input is on for another


def test_a_residual_network_is_read_with_its_skips():
    found = inspect(WEIGHTS / "residual.safetensors", activation="tanh", order=RESIDUAL, skip=1.0)
    assert list(found.table.name.values[[0, 1, -1]]) == ["first.weight", "blocks.0.weight", "last.weight"]
    assert set(found.table.spectrum.values[1:-1]) == {"orthogonal"}
    assert found.verdict == "healthy"
    assert np.isnan(found.table.q_mean_field).all()
    plain = inspect(WEIGHTS / "residual.safetensors", activation="tanh", order=RESIDUAL, skip=0)
    assert float(plain.table.log_gradient_norm[0]) < float(found.table.log_gradient_norm[0]) - 2


# --- the passes against finite differences ------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [None, 0.7])
@pytest.mark.parametrize("output_activation", [False, True])
def test_gradient_norms_are_those_of_finite_differences(skip, output_activation):
    widths = [5, 4, 4, 4, 3]
    arrays = chain(widths)
    x0 = RNG.standard_normal((1, 5))

    def forward(x, start, shift):
        """The network from layer `start` on, with `shift` added to its pre-activation."""
        for k in range(start, 4):
            h = arrays[f"fc{k}.weight"] @ x + arrays[f"fc{k}.bias"] + (shift if k == start else 0)
            y = np.tanh(h) if k < 3 or output_activation else h
            x = x + skip * y if skip is not None and widths[k] == widths[k + 1] else y
        return x

    found = inspect(arrays, x0, activation="tanh", skip=skip, output_activation=output_activation, seed=3)
    # The direction of the loss gradient, drawn as inspect draws it (given inputs use no draws of their own).
    g = np.random.default_rng(3).standard_normal((1, 3))[0]
    g /= np.linalg.norm(g)
    x = x0[0]
    for layer in range(4):
        n, step = widths[layer + 1], 1e-5
        slope = [(forward(x, layer, step * e) - forward(x, layer, -step * e)) @ g / (2 * step) for e in np.eye(n)]
        expected = np.log(np.linalg.norm(slope))
        assert float(found.table.log_gradient_norm[layer]) == pytest.approx(expected, abs=1e-8)
        weight_norm = expected + np.log(np.linalg.norm(x))
        assert float(found.table.log_weight_gradient_norm[layer]) == pytest.approx(weight_norm, abs=1e-8)
        h = arrays[f"fc{layer}.weight"] @ x + arrays[f"fc{layer}.bias"]
        assert float(found.table.q[layer]) == pytest.approx(np.mean(h**2), rel=1e-12)
        x = forward_one(x, h, layer, skip, widths, output_activation)


def forward_one(x, h, layer, skip, widths, output_activation):
    y = np.tanh(h) if layer < 3 or output_activation else h
    return x + skip * y if skip is not None and widths[layer] == widths[layer + 1] else y


@pytest.mark.slow
def test_depth_does_not_underflow():
    arrays = {f"layers.{k}.weight": RNG.uniform(-0.05, 0.05, (24, 24)) for k in range(400)}
    found = inspect(arrays, activation="sigmoid")
    assert float(found.table.log_gradient_norm[0]) < -800
    assert np.isfinite(found.table.log_gradient_norm).all()


# --- entries and singular values ----------------------------------------------------------------------------------

LAWS = {
    "uniform": lambda g, n: g.uniform(-1, 1, n),
    "normal": lambda g, n: g.standard_normal(n),
    "truncated normal": lambda g, n: (d := g.standard_normal(4 * n))[np.abs(d) < 2][:n],
    "other": lambda g, n: g.laplace(size=n),
}


@pytest.mark.parametrize("law", ["uniform", "normal", "truncated normal"])
@pytest.mark.parametrize("size", [160, 1024])
def test_the_true_distribution_is_kept_at_the_stated_level(law, size):
    # 2000 matrices: more than 10 false alarms where 2 are expected happen with probability 1e-5.
    generator = np.random.default_rng(7)
    scale = {"uniform": 3**0.5, "truncated normal": 1 / 0.8796256610342398}.get(law, 1.0)
    drawn = [EntryMoments.of(LAWS[law](generator, size) * scale) for _ in range(2000)]
    assert LEVEL == 1e-3
    assert sum(not comes_from(m, law, 1.0) for m in drawn) <= 10
    assert sum(law not in entry_distribution(m).split(" or ") for m in drawn) <= 10


@pytest.mark.parametrize(
    ("law", "said", "variance", "size", "power"),
    [
        ("normal", "normal", 2.0, 160, 0.95),  # LeCun's weights are not He's, on 10 × 16 and on 32 × 32
        ("normal", "normal", 2.0, 1024, 1.0),
        ("other", "normal", 2.0, 160, 0.7),  # Laplace's entries have variance 2
        ("other", "normal", 2.0, 1024, 1.0),
        ("uniform", "normal", 1 / 3, 160, 0.99),
        ("normal", "uniform", 1.0, 160, 0.99),
        ("normal", "truncated normal", 1.0, 1024, 0.99),
        ("truncated normal", "normal", 0.8796256610342398**2, 1024, 0.95),
    ],
)
def test_a_wrong_distribution_is_rejected(law, said, variance, size, power):
    generator = np.random.default_rng(8)
    drawn = [EntryMoments.of(LAWS[law](generator, size)) for _ in range(300)]
    # The power is met up to three standard errors of 300 draws.
    assert np.mean([not comes_from(m, said, variance) for m in drawn]) >= power - 0.03


@pytest.mark.parametrize("law", LAWS)
def test_entries_of_any_scale_are_named(law):
    generator = np.random.default_rng(9)
    named = [entry_distribution(EntryMoments.of(1e-3 * LAWS[law](generator, 4096))) for _ in range(40)]
    assert named.count(law) >= 39


def test_the_likelihood_ratio_is_that_of_a_fit_by_hand():
    from scipy.optimize import minimize_scalar

    from vgtheory.study.inspection.weights.entries import FAMILIES, likelihood_ratio

    # Mean |z| as a normal has it: the best tilt is another normal, whose ratio is known in closed form.
    for square in (0.5, 0.9, 1.0, 1.3, 2.0):
        found = likelihood_ratio(FAMILIES["normal"], square, np.sqrt(2 * square / np.pi))
        assert found == pytest.approx((square - 1 - np.log(square)) / 2, abs=1e-9)
    # Uniform entries: any tilt by z² alone gives no more than the tilt by both.
    z = FAMILIES["uniform"]
    best = -minimize_scalar(lambda a: np.log(z.masses @ np.exp(a * z.nodes**2)) - a * 0.8, bounds=(-20, 20)).fun
    assert likelihood_ratio(z, 0.8, float(z.masses @ z.nodes)) >= best > 0.01


def test_a_scale_two_percent_off_is_not_called_he():
    generator = np.random.default_rng(1)
    arrays = {"a.weight": generator.standard_normal((512, 512)) * np.sqrt(2 / 512)}
    assert "He normal" in str(inspect(arrays, activation="relu").table.initialiser.values[0])
    assert "He" not in str(
        inspect({"a.weight": arrays["a.weight"] * 1.02}, activation="relu").table.initialiser.values[0]
    )


@pytest.mark.parametrize(
    ("fans", "draw", "name"),
    [
        ((100, 300), lambda g, i, o: g.uniform(-1, 1, (o, i)) * np.sqrt(6 / (i + o)), "Xavier uniform"),
        ((100, 300), lambda g, i, o: g.standard_normal((o, i)) * np.sqrt(2 / (i + o)), "Xavier normal"),
        ((300, 100), lambda g, i, o: g.uniform(-1, 1, (o, i)) * np.sqrt(6 / i), "He uniform"),
        ((300, 100), lambda g, i, o: g.standard_normal((o, i)) * np.sqrt(2 / o), "He normal by fan_out"),
        ((300, 100), lambda g, i, o: g.standard_normal((o, i)) * np.sqrt(1 / i), "LeCun normal"),
        ((300, 100), lambda g, i, o: g.standard_t(3, (o, i)) * np.sqrt(1 / i), "trained or custom"),
    ],
)
def test_initialisers_are_told_apart(fans, draw, name):
    weight = draw(np.random.default_rng(2), *fans)
    assert str(inspect({"a.weight": weight}, activation="tanh").table.initialiser.values[0]) == name


def test_spectra_are_named():
    generator = np.random.default_rng(3)
    plain = generator.standard_normal((200, 100))
    u, v = generator.standard_normal(200), generator.standard_normal(100)
    spiked = plain + 30 * np.outer(u, v) / np.linalg.norm(u) / np.linalg.norm(v)  # seen above (200·100)^¼ only (BBP)
    assert matrix_facts(plain).shape == "Marchenko–Pastur"
    assert (matrix_facts(spiked).shape, matrix_facts(spiked).outliers) == ("Marchenko–Pastur with outliers", 1)
    assert matrix_facts(np.linalg.qr(generator.standard_normal((80, 80)))[0]).shape == "orthogonal"
    assert matrix_facts(generator.standard_t(2.1, (200, 100))).shape == "heavy-tailed"
    low = generator.standard_normal((200, 5)) @ generator.standard_normal((5, 100))
    assert matrix_facts(low + 0.01 * plain).shape != "Marchenko–Pastur"
    assert matrix_facts(np.zeros((4, 4))).sigma_w == 0


def test_a_spike_is_put_where_it_came_from_and_leaves_the_scale_alone():
    """A spike of the population stands at its BBP position; the bulk's scale is that of the noise."""
    generator = np.random.default_rng(5)
    for fan_out, fan_in in ((300, 150), (120, 120)):
        noise = generator.standard_normal((fan_out, fan_in)) / np.sqrt(fan_in)
        u, v = (x / np.linalg.norm(x) for x in (generator.standard_normal(fan_out), generator.standard_normal(fan_in)))
        large, strength = max(noise.shape), 4.0
        found = inspect({"a.weight": noise + strength * np.outer(u, v)}, activation="tanh").table.isel(call=0)
        facts = matrix_facts(noise + strength * np.outer(u, v))
        (outlier,) = facts.fit.outliers
        assert outlier.interval[0] <= outlier.value <= outlier.interval[1]
        spike = 1 / fan_in + strength**2 / large  # of rows of variance 1/fan_in, in units in which there are `large`
        assert outlier.spike.interval[0] < spike < outlier.spike.interval[1]
        assert abs(float(found.bulk_sigma_w) - 1) < 0.02 < float(found.sigma_w) - 1  # four standard errors, at most
        assert (int(found.outliers), str(found.spectrum.values)) == (1, "Marchenko–Pastur with outliers")
    assert 1e-4 < matrix_facts(generator.standard_normal((60, 200))).goodness <= 1
    assert np.isnan(matrix_facts(generator.uniform(-1, 1, (60, 200))).goodness)


# --- files and shapes ---------------------------------------------------------------------------------------------


def test_layers_are_ordered_by_number_and_by_shape():
    arrays = {f"layers.{k}.weight": np.eye(4) * (k + 1) for k in range(12)}
    arrays = dict(sorted(arrays.items()))  # as safetensors does: 0, 1, 10, 11, 2, …
    arrays["head.weight"] = np.ones((2, 4))
    arrays["stem.weight"] = np.ones((4, 7))
    arrays["norm.scale"] = np.ones(4)
    found = chain_of(arrays)
    assert [layer.name for layer in found.layers] == [
        "stem.weight", *(f"layers.{k}.weight" for k in range(12)), "head.weight"
    ]  # fmt: skip
    assert any("norm.scale" in what for what in found.left_out)


def test_flax_kernels_are_transposed():
    found = chain_of({"Dense_0.kernel": np.ones((3, 5)), "Dense_0.bias": np.ones(5), "Dense_1.kernel": np.ones((5, 2))})
    assert [layer.weight.shape for layer in found.layers] == [(5, 3), (2, 5)]
    assert found.layers[0].bias is not None


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16], ids=["float64", "float32", "float16"])
def test_safetensors_and_npz_give_the_same(tmp_path, dtype):
    arrays = {n: a.astype(dtype) for n, a in chain([6, 5, 4]).items()}
    save_file(arrays, tmp_path / "w.safetensors")
    np.savez(tmp_path / "w.npz", **arrays)
    for name in ("w.safetensors", "w.npz"):
        read = weights_by_name(tmp_path / name)
        assert read.keys() == arrays.keys()
        assert all(np.array_equal(read[n], arrays[n]) for n in arrays)


def test_bfloat16_is_read(tmp_path):
    value = np.array([[1.0, -2.5], [0.15625, 3.0]], dtype=np.float32)
    data = (value.view("<u4") >> 16).astype("<u2").tobytes()
    header = json.dumps({"a.weight": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, len(data)]}}).encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
    assert np.array_equal(weights_by_name(tmp_path / "w.safetensors")["a.weight"], value)


class Trap:
    def __reduce__(self):
        return open, ("/tmp/vgtheory-was-here", "w")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 2) + b"{}" + b"trailing",
        struct.pack("<Q", 10) + b'{"a": nope',
        pickle.dumps(Trap()),
        struct.pack("<Q", 64) + b'{"a":{"dtype":"F32","shape":[9999999],"data_offsets":[0,8]}}    ' + b"12345678",
    ],
    ids=["empty", "short", "huge-header", "trailing", "not-json", "pickle", "shape"],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_broken_files_are_refused_and_nothing_runs(tmp_path, content, suffix):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="w"):
        inspect(path)
    assert not Path("/tmp/vgtheory-was-here").exists()


def test_an_npz_with_objects_or_too_large_is_refused(tmp_path):
    np.savez(tmp_path / "o.npz", a=np.array([Trap()], dtype=object))
    with pytest.raises(InputError, match="plain arrays"):
        inspect(tmp_path / "o.npz")
    with zipfile.ZipFile(tmp_path / "z.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 9999), }"
        archive.writestr("a.npy", header.ljust(127) + b"\n")
    with pytest.raises(InputError, match="intact"):
        inspect(tmp_path / "z.npz")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a.weight": np.array([[1.0, np.nan]])}, "NaN"),
        ({"a.weight": np.ones((2, 2)), "a.bias": np.ones(3)}, "bias"),
        ({"a": np.ones(3)}, "no weight matrix"),
        ({"a.weight": np.array([["x"]])}, "real numbers"),
        ({}, "no array of weights"),
    ],
)
def test_weights_that_are_no_network_are_refused(arrays, said):
    with pytest.raises(InputError, match=said):
        inspect(arrays)


def test_what_arrays_do_not_say_is_asked():
    arrays = chain([6, 6, 6, 2])
    found = inspect(arrays, activation="tanh")
    assert found.verdict == "no verdict"
    assert found.text.startswith("No verdict. If these 3 layers are all")
    assert [any(word in what for what in found.left_out) for word in ("order=", "skip=")] == [True, True]
    said = inspect(arrays, activation="tanh", order="names", skip=0)
    assert (said.verdict, said.left_out) == ("healthy", ())
    assert said.table.log_gradient_norm.equals(found.table.log_gradient_norm)
    assert any("activation=" in what for what in inspect(arrays, order="names", skip=0).left_out)
    norm = arrays | {"bn.weight": np.ones(6), "bn.running_mean": np.zeros(6)}
    assert inspect(norm, activation="tanh", order="names", skip=0).verdict == "no verdict"
    unlike = {"a.weight": np.ones((3, 4)), "b.weight": np.ones((2, 5))}
    assert "takes 5 values" in str(inspect(unlike, activation="tanh"))
    assert np.isnan(inspect(unlike, activation="tanh").table.gradient_norm).all()
    with pytest.raises(InputError, match="takes 5 values"):
        inspect(unlike, activation="tanh", order="names")


def test_a_layer_that_is_used_twice_is_said_by_order():
    arrays = chain([6, 6, 2])
    twice = inspect(arrays, activation="tanh", order=["fc0.weight"] * 20 + ["fc1.weight"], skip=0)
    copied = {f"fc{k}.{part}": arrays[f"fc0.{part}"] for k in range(20) for part in ("weight", "bias")}
    copied |= {f"fc20.{part}": arrays[f"fc1.{part}"] for part in ("weight", "bias")}
    apart = inspect(copied, activation="tanh", order="names", skip=0)
    assert np.array_equal(twice.table.log_gradient_norm, apart.table.log_gradient_norm)
    with pytest.raises(InputError, match="fc2"):
        inspect(arrays, order=["fc2.weight"])
    with pytest.raises(InputError, match='"names"'):
        inspect(arrays, order="size")


@pytest.mark.parametrize("name", ["weight_orig", "weight_mask", "weight_g", "parametrizations.weight.original0"])
def test_weights_that_are_computed_from_others_are_no_layers(name):
    arrays = chain([6, 5, 4]) | {f"fc2.{name}": np.ones((4, 4))}
    found = inspect(arrays, activation="tanh", order="names", skip=0)
    assert found.verdict == "no verdict"
    assert name in found.left_out[0]
    assert found.table.sizes["call"] == 2


def test_square_matrices_without_a_telling_name_have_two_readings():
    arrays = {f"arr_{k}": RNG.standard_normal((8, 8)) for k in range(4)}
    found = inspect(arrays, activation="tanh", order="file", skip=0)
    assert found.verdict == "no verdict"
    assert "(in, out)" in found.left_out[-1]


def test_other_refusals(tmp_path):
    with pytest.raises(InputError, match="no file"):
        inspect(tmp_path / "none.safetensors")
    (tmp_path / "w.pt").write_bytes(b"")
    with pytest.raises(InputError, match="save_file"):
        inspect(tmp_path / "w.pt")
    with pytest.raises(InputError, match="mapping"):
        inspect(3)
    with pytest.raises(InputError, match=r"\(n, 6\)"):
        inspect(chain([6, 5]), np.ones((2, 7)), activation="tanh")
    with pytest.raises(InputError, match="skip"):
        inspect(chain([6, 5]), skip=float("nan"))


# --- PyTorch and ONNX, where they are installed -------------------------------------------------------------------


def test_a_pytorch_module_gives_what_autograd_gives():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    parts = [layer for k in range(5) for layer in (torch.nn.Linear(16, 16), torch.nn.Tanh())]
    module = torch.nn.Sequential(*parts[:-1]).double()
    x = torch.randn(1, 16, dtype=torch.float64)
    found = inspect(module.state_dict(), x.numpy(), activation="tanh", seed=5)
    g = np.random.default_rng(5).standard_normal((1, 16))
    g /= np.linalg.norm(g)
    outs = []
    h = x
    for part in module:
        h = part(h)
        if isinstance(part, torch.nn.Linear):
            h.retain_grad()
            outs.append(h)
    h.backward(torch.from_numpy(g))
    expected = [np.log(np.linalg.norm(o.grad.numpy())) for o in outs]
    np.testing.assert_allclose(found.table.log_gradient_norm, expected, atol=1e-12)


def test_onnx_initialisers(tmp_path):
    onnx = pytest.importorskip("onnx")
    arrays = chain([6, 5, 4])
    tensors = [onnx.numpy_helper.from_array(a, n) for n, a in arrays.items()]
    graph = onnx.helper.make_graph([], "g", [], [], initializer=tensors)
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "w.onnx"))
    read = weights_by_name(tmp_path / "w.onnx")
    assert all(np.array_equal(read[n], arrays[n]) for n in arrays)
    (tmp_path / "bad.onnx").write_bytes(b"\xff\xff not protobuf")
    with pytest.raises(InputError, match="ONNX"):
        inspect(tmp_path / "bad.onnx")


def test_a_study_is_no_model():
    study = vg.simulate(vg.Network("tanh", vg.Weights.gaussian(1), 8, 3), samples=4)
    with pytest.raises(InputError, match=r"model must be .* \(got Dataset\)"):
        vg.inspect(study)


@pytest.mark.parametrize("places", [(4,), (2, 4)])
def test_stored_weights_that_are_all_zero_are_named(places):
    draw = np.random.default_rng(0).normal
    weights = {f"{k}.weight": draw(0, 1 / 4, (16, 16)) * (k not in places) for k in range(0, 12, 2)}
    found = inspect(weights, activation="sigmoid", order="names", skip=0)
    assert found.verdict == "vanishes"
    assert [(cause.kind, cause.where) for cause in found.reasons if cause.kind.startswith("zero")] == [
        ("zero stored", f"{k}.weight") for k in places
    ]
    assert not any("σ_w ≥" in cause for cause in found.causes)
    assert found.culprit == ("4.weight" if len(places) == 1 else None)
