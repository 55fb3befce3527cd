"""Activations, norms and attention that exporters write as primitive operators are recognised in ONNX graphs."""

import numpy as np
import pytest

from tests.study.test_weight_files import chain_nodes, onnx_file, stored
from vgtheory import inspect

onnx = pytest.importorskip("onnx")

NUMBERS = {
    "half": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "six": 6.0, "zero": 0.0, "root": 2**0.5, "c": (2 / np.pi) ** 0.5,
    "d": 0.044715, "eps": 1e-5, "minus": -0.5, "thirty": 30.0, "wrong": 1.5, "scale": 0.25,
}  # fmt: skip
# Rows (operator, inputs): each gives t0, t1, …; the last is the function of h.
ACTIVATIONS = {
    "gelu": [("Div", "h root"), ("Erf", "t0"), ("Add", "t1 one"), ("Mul", "h t2"), ("Mul", "t3 half")],
    "gelu_tanh": [
        ("Pow", "h three"), ("Mul", "d t0"), ("Add", "h t1"), ("Mul", "t2 c"), ("Tanh", "t3"), ("Add", "one t4"),
        ("Mul", "h half"), ("Mul", "t6 t5"),
    ],
    "silu": [("Sigmoid", "h"), ("Mul", "h t0")],
    "relu6": [("Clip", "h zero six")],
    "mish": [("Softplus", "h"), ("Tanh", "t0"), ("Mul", "h t1")],
    "sin(30*x)": [("Mul", "h thirty"), ("Sin", "t0")],
    "2*x": [("Add", "h h")],
    "tanh(x)**3": [("Tanh", "h"), ("Pow", "t0 three")],
}  # fmt: skip
_DEVIATION = [("ReduceMean", "h"), ("Sub", "h t0")]
NORMS = {
    "layer norm": [
        [*_DEVIATION, ("Pow", "t1 two"), ("ReduceMean", "t2"), ("Add", "t3 eps"), ("Sqrt", "t4"), ("Div", "t1 t5")],
        [*_DEVIATION, ("Mul", "t1 t1"), ("ReduceMean", "t2"), ("Add", "eps t3"), ("Pow", "t4 minus"), ("Mul", "t5 t1")],
        [*_DEVIATION, ("Mul", "t1 t1"), ("ReduceMean", "t2"), ("Add", "eps t3"), ("Sqrt", "t4"), ("Reciprocal", "t5"),
         ("Mul", "t1 t6"), ("Mul", "t7 gain"), ("Add", "t8 shift")],
    ],
    "RMS norm": [
        [("Pow", "h two"), ("ReduceMean", "t0"), ("Add", "t1 eps"), ("Sqrt", "t2"), ("Div", "h t3")],
        [("Mul", "h h"), ("ReduceMean", "t0"), ("Add", "t1 eps"), ("Sqrt", "t2"), ("Div", "one t3"), ("Mul", "h t4"),
         ("Mul", "gain t5")],
    ],
    "": [  # neither
        [("Pow", "h two"), ("ReduceMean", "t0"), ("Add", "t1 eps"), ("Div", "h t2")],  # no root
        [("Pow", "h three"), ("ReduceMean", "t0"), ("Add", "t1 eps"), ("Sqrt", "t2"), ("Div", "h t3")],
    ],
}  # fmt: skip


def placed(rows, h, out, start, **more):
    """Nodes of rows on the tensor h, with names of their own."""
    names = {"h": h} | {f"t{k}": f"{start}.{k}" for k in range(len(rows) - 1)} | {f"t{len(rows) - 1}": out}
    nodes = []
    for k, (kind, given) in enumerate(rows):
        attributes = {"axes": more.get("axes", [-1])} if kind == "ReduceMean" else {}
        nodes.append((kind, tuple(names.get(n, n) for n in given.split()), names[f"t{k}"], attributes))
    return nodes


def numbers():
    vectors = {"gain": np.linspace(0.5, 2, 16), "shift": np.linspace(-1, 1, 16)}
    return {name: np.asarray(value, dtype="f4") for name, value in (NUMBERS | vectors).items()}


def chain(rows, depth=8, **more):
    """Nodes of `depth` layers, with rows behind all but the last."""
    nodes = []
    for k, node in enumerate(chain_nodes(depth=depth)):
        if node[0] != "Sigmoid":
            nodes.append(node)
        elif k < 3 * depth - 1:
            nodes += placed(rows, node[1][0], node[2], f"r{k}", **more)
    return nodes


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_made_of_primitive_operators_are_those_of_their_formula(tmp_path, name):
    arrays = stored(8)
    found = inspect(onnx_file(tmp_path / "m.onnx", chain(ACTIVATIONS[name]), arrays | numbers(), "h7"))
    weights = {f"{k}.weight": arrays[f"W{k}"].T for k in range(8)} | {f"{k}.bias": arrays[f"b{k}"] for k in range(8)}
    said = inspect(weights, activation=name, order="names", skip=0)
    assert (found.verdict, found.left_out) == (said.verdict, ())
    np.testing.assert_allclose(found.table.log_gradient_norm, said.table.log_gradient_norm, rtol=1e-5)


def test_another_constant_is_another_function(tmp_path):
    rows = [(kind, given.replace("root", "wrong")) for kind, given in ACTIVATIONS["gelu"]]
    arrays = stored(8) | numbers()
    found, gelu = (inspect(onnx_file(tmp_path / "m.onnx", chain(r), arrays, "h7")) for r in (rows, ACTIVATIONS["gelu"]))
    assert abs(float(found.table.log_gradient_norm[0] - gelu.table.log_gradient_norm[0])) > 1e-2


def test_a_chain_of_a_graph_is_a_network_with_gains_beside_theory(tmp_path):
    arrays = stored(8)
    found = inspect(onnx_file(tmp_path / "m.onnx", chain_nodes("Tanh", 8), arrays, "h7"))
    assert (found.network.activation.name, found.network.depth) == ("tanh", 7)
    scales = [np.sqrt(np.mean(arrays[f"W{k}"] ** 2) * len(arrays[f"W{k}"])) for k in range(7)]
    assert float(found.network.weights.sigma_w) == pytest.approx(np.median(scales), rel=0.05)
    np.testing.assert_allclose(found.theory.ratio[:-1], 1, atol=0.35)  # 16 units wide
    tied = [
        (kind, tuple("W1" if n == "W2" else n for n in given), *rest) for kind, given, *rest in chain_nodes("Tanh", 8)
    ]
    assert inspect(onnx_file(tmp_path / "n.onnx", tied, arrays, "h7")).network is None


def slope_at(act, at):
    return float(act.derivative().subs(act.symbol, at))


@pytest.mark.parametrize("slopes", [np.float32(0.2), np.full(16, 0.2, "f4"), np.linspace(0.1, 0.3, 16)], ids=str)
def test_one_slope_for_all_units_is_a_function_and_many_are_not(tmp_path, slopes):
    arrays = stored(6) | {"slopes": np.asarray(slopes, "f4")}
    nodes = [(k, (*g, "slopes") if k == "PRelu" else g, *rest) for k, g, *rest in chain_nodes("PRelu", 6)]
    found = inspect(onnx_file(tmp_path / "m.onnx", nodes, arrays, "h5"))
    if np.ptp(slopes):
        assert "the operator PRelu" in found.left_out[0]
    else:
        assert slope_at(found.network.activation, -1.0) == pytest.approx(0.2)


@pytest.mark.parametrize(("alpha", "slope"), [({"alpha": 1 / 6}, 1 / 6), ({}, 0.2), ({"alpha": 0.3, "beta": 0.4}, 0.3)])
def test_hard_sigmoids_have_the_slope_that_the_operator_says(tmp_path, alpha, slope):
    nodes = [(k, g, out, alpha if k == "HardSigmoid" else more) for k, g, out, more in chain_nodes("HardSigmoid", 6)]
    found = inspect(onnx_file(tmp_path / "m.onnx", nodes, stored(6), "h5"))
    assert found.left_out == ()
    assert slope_at(found.network.activation, 0.1) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize(("name", "k"), [(name, k) for name, rows in NORMS.items() for k in range(len(rows))])
def test_norms_made_of_primitive_operators_are_recognised_and_named(tmp_path, name, k):
    found = inspect(onnx_file(tmp_path / "m.onnx", chain(NORMS[name][k], 4), stored(4) | numbers(), "h3"))
    assert found.verdict == "no verdict"
    assert (f"{name} between layers; recognised in it: 3 × {name}" in found.left_out[0]) == (name != "")
    assert "norm" in found.left_out[0] or name == ""


def test_a_mean_over_anything_but_the_components_is_no_norm(tmp_path):
    nodes = chain(NORMS["layer norm"][0], 4, axes=[0])
    found = inspect(onnx_file(tmp_path / "m.onnx", nodes, stored(4) | numbers(), "h3"))
    assert "the operator ReduceMean" in found.left_out[0]
    assert "norm" not in found.left_out[0]


def test_convolutions_are_said_to_be_read_of_modules(tmp_path):
    arrays = {"w": np.ones((4, 3, 3, 3), "f4"), "v": np.ones((2, 4), "f4")}
    nodes = [("Conv", ("x", "w"), "h", {}), ("Relu", ("h",), "y", {}), ("Gemm", ("y", "v"), "z", {"transB": 1})]
    found = inspect(onnx_file(tmp_path / "m.onnx", nodes, arrays, "z"))
    assert found.verdict == "no verdict"
    assert "the operator Conv, which is read of PyTorch modules alone: vg.inspect(model, x)" in found.left_out[0]
    assert "1 × convolution" in found.left_out[0]


def test_a_factor_that_no_skip_connection_adds_to_is_not_dropped(tmp_path):
    rows = [("Tanh", "h"), ("Mul", "t0 scale")]
    found = inspect(onnx_file(tmp_path / "m.onnx", chain(rows), stored(8) | numbers(), "h7"))
    assert "a factor behind an activation" in found.left_out[0]


def test_a_factor_behind_the_last_activation_is_not_dropped(tmp_path):
    nodes, arrays = chain_nodes("Tanh", 4), stored(4) | numbers()
    assert inspect(onnx_file(tmp_path / "m.onnx", nodes, arrays, "x3")).left_out == ()
    found = inspect(onnx_file(tmp_path / "n.onnx", [*nodes, ("Mul", ("x3", "two"), "y", {})], arrays, "y"))
    assert "a factor behind the last activation" in found.left_out[0]


@pytest.mark.parametrize("factor", [np.zeros((), "f4"), np.zeros(0, "f4")], ids=["zero", "empty"])
def test_a_factor_that_leaves_nothing_is_no_branch(tmp_path, factor):
    nodes, arrays = chain_nodes("Tanh", 4), stored(4) | {"factor": factor}
    ends = [("Mul", ("x3", "factor"), "u", {}), ("Add", ("u", "x2"), "y", {})]
    for k, returned in ((1, "u"), (2, "y")):
        found = inspect(onnx_file(tmp_path / "m.onnx", [*nodes, *ends[:k]], arrays, returned))
        assert found.verdict == "no verdict"


def test_attention_and_gates_are_named(tmp_path):
    arrays = stored(6) | numbers()
    nodes = [("MatMul", ("x", f"W{k}"), f"p{k}", {}) for k in range(3)]
    nodes += [("Transpose", ("p1",), "kt", {}), ("MatMul", ("p0", "kt"), "s", {}), ("Mul", ("s", "scale"), "u", {})]
    nodes += [("Softmax", ("u",), "a", {}), ("MatMul", ("a", "p2"), "o", {}), ("Add", ("x", "o"), "y", {})]
    nodes += [("MatMul", ("y", "W3"), "g", {}), ("MatMul", ("y", "W4"), "v", {})]
    nodes += [("Sigmoid", ("g",), "gs", {}), ("Mul", ("g", "gs"), "gg", {}), ("Mul", ("gg", "v"), "m", {})]
    nodes += [("MatMul", ("m", "W5"), "z", {})]
    found = inspect(onnx_file(tmp_path / "m.onnx", nodes, arrays, "z"))
    assert found.verdict == "no verdict"
    assert "1 × gate (silu), 1 × softmax attention" in found.left_out[0]
    bare = [("Sigmoid", *node[1:]) if node[0] == "Softmax" else node for node in nodes]
    assert "softmax" not in inspect(onnx_file(tmp_path / "m.onnx", bare, arrays, "z")).left_out[0]


def test_two_biases_add_up_and_one_that_is_used_again_does_not(tmp_path):
    arrays = stored(3)
    nodes = chain_nodes("Tanh", 3)
    twice = [*nodes[:2], ("Add", ("h0", "b1"), "g0", {}), ("Tanh", ("g0",), "x0", {}), *nodes[3:]]
    found = inspect(onnx_file(tmp_path / "m.onnx", twice, arrays, "x2"))
    said = inspect(onnx_file(tmp_path / "n.onnx", nodes, arrays | {"b0": arrays["b0"] + arrays["b1"]}, "x2"))
    assert found.left_out == ()
    np.testing.assert_allclose(found.table.log_gradient_norm, said.table.log_gradient_norm, rtol=1e-6)


def test_a_product_with_and_without_its_bias_are_not_one_tensor(tmp_path):
    nodes = chain_nodes("Tanh", 3)
    product = nodes[0][2]
    gate = [*nodes[:2], ("Sigmoid", (product,), "s0", {}), ("Mul", ("h0", "s0"), "x0", {}), *nodes[3:]]
    assert inspect(onnx_file(tmp_path / "m.onnx", gate, stored(3), "x2")).verdict == "no verdict"


@pytest.mark.parametrize("kind", ["Exp", "Mul", "Tanh"])
def test_functions_without_end_end(tmp_path, kind):
    nodes = [("MatMul", ("x", "W0"), "t0", {})]
    nodes += [(kind, (f"t{k}",) * (2 if kind == "Mul" else 1), f"t{k + 1}", {}) for k in range(1500)]
    nodes += [("MatMul", ("t1500", "W1"), "y", {})]
    found = inspect(onnx_file(tmp_path / "m.onnx", nodes, stored(2), "y"))
    assert found.verdict == "no verdict"
    nodes = [("Identity", ("x" if k == 0 else f"t{k - 1}",), f"t{k}", {}) for k in range(20_001)]
    found = inspect(onnx_file(tmp_path / "m.onnx", nodes, stored(2), "t20000"))
    assert "20,001 operators" in found.left_out[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_what_pytorch_exports_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("benchmarks.models")

    def exported(model, x):
        torch.onnx.export(model.eval(), x, str(tmp_path / "m.onnx"), dynamo=False, opset_version=14)
        return inspect(str(tmp_path / "m.onnx"))

    case = models.case("ViT, 6 layers")
    vit = exported(case.model, case.x).left_out[0]
    assert "6 × gelu, 13 × layer norm, 6 × softmax attention" in vit
    torch.manual_seed(0)
    for act, near in ((torch.nn.GELU(), 0.5), (torch.nn.SiLU(), 0.5), (models.arch.Sine(), 0.5)):
        model = models.mlp(lambda act=act: act, [32] * 9)
        found, x = exported(model, torch.randn(4, 32)), torch.randn(64, 32)
        assert found.left_out == ()
        assert found.log_change == pytest.approx(inspect(model, x).log_change, abs=near)
