"""Keras' files, written here as Keras lays them out: order, orientation and activations of a Sequential model."""

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from vgtheory import inspect
from vgtheory._errors import InputError
from vgtheory.study.inspection.weights.files import weights_by_name

DEPTH, WIDTH = 12, 16


def kernels(depth=DEPTH, seed=0):
    draw = np.random.default_rng(seed).standard_normal
    return [((draw((WIDTH, WIDTH)) / 4).astype("f4"), (0.1 * draw(WIDTH)).astype("f4")) for _ in range(depth)]


def described(activation="sigmoid", depth=DEPTH, start=7, last="softmax", **more):
    """The description of a Sequential model; its layers are numbered on from others of the session."""
    layers = [{"class_name": "InputLayer", "config": {"name": "input_layer_3"}}]
    for k in range(depth):
        act = last if k == depth - 1 else activation
        layers.append({"class_name": "Dense", "config": {"name": f"dense_{start + k}", "activation": act, **more}})
        layers.append({"class_name": "Dropout", "config": {"name": f"dropout_{k}", "rate": 0.1}})
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}


def saved(path, arrays, config):
    """A .keras file: layers by their class, numbered from 0, variables by number."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for k, (kernel, bias) in enumerate(arrays):
            group = file.create_group(f"layers/dense_{k}/vars" if k else "layers/dense/vars")
            group["0"], group["1"] = kernel, bias
        file["optimizer/vars/3"] = np.zeros((WIDTH, WIDTH), "f4")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", data.getvalue())
    return str(path)


def legacy(path, arrays, config):
    """An .h5 file of Keras 2: names of layers and of variables."""
    with h5py.File(path, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
        for k, (kernel, bias) in enumerate(arrays):
            group = file.create_group(f"model_weights/dense_{7 + k}/dense_{7 + k}")
            group["kernel:0"], group["bias:0"] = kernel, bias
        file["optimizer_weights/Adam/dense_7/kernel/m:0"] = np.zeros((WIDTH, WIDTH), "f4")
    return str(path)


def expected(arrays, activation="sigmoid"):
    weights = {f"{k}.weight": kernel.T for k, (kernel, _) in enumerate(arrays)}
    return inspect(
        weights | {f"{k}.bias": b for k, (_, b) in enumerate(arrays)}, activation=activation, order="names", skip=0
    )


@pytest.mark.parametrize(("write", "name"), [(saved, "m.keras"), (legacy, "m.h5")], ids=["keras", "h5"])
def test_a_sequential_model_tells_order_orientation_and_activation(tmp_path, write, name):
    arrays = kernels()
    found, said = inspect(write(tmp_path / name, arrays, described())), expected(arrays)
    assert (found.verdict, found.left_out) == (said.verdict, ())
    assert found.verdict == "vanishes"
    assert list(found.table.name.values) == [f"dense_{7 + k}.weight" for k in range(DEPTH)]
    np.testing.assert_allclose(found.table.log_gradient_norm, said.table.log_gradient_norm, rtol=1e-6)
    turned = expected([(kernel.T, bias) for kernel, bias in arrays])
    assert abs(float(turned.log_change - found.log_change)) > 1e-3  # the other orientation would be seen


def test_activations_of_keras_are_those_of_the_catalogue(tmp_path):
    arrays = kernels()
    for theirs, ours in (("relu", "relu"), ("swish", "silu"), ("leaky_relu", "where(x>0, x, 0.2*x)")):
        found = inspect(saved(tmp_path / "m.keras", arrays, described(theirs)))
        said = expected(arrays, ours)
        np.testing.assert_allclose(found.table.log_gradient_norm, said.table.log_gradient_norm, rtol=1e-6)


def test_what_a_file_does_not_tell_is_asked_for(tmp_path):
    arrays = kernels()
    other = described()
    other["config"]["layers"].insert(3, {"class_name": "LayerNormalization", "config": {"name": "norm"}})
    found = inspect(saved(tmp_path / "m.keras", arrays, other))
    assert found.verdict == "no verdict"
    assert "norm, of kind LayerNormalization" in found.left_out[0]
    mixed = described()
    mixed["config"]["layers"][3]["config"]["activation"] = "relu"
    assert "the activations relu, sigmoid" in inspect(saved(tmp_path / "m.keras", arrays, mixed)).left_out[0]
    bare = legacy(tmp_path / "w.h5", arrays, None)
    found = inspect(bare)
    assert found.verdict == "no verdict"
    assert any("activation" in question for question in found.left_out)
    np.testing.assert_allclose(
        inspect(bare, activation="sigmoid", order="names", skip=0).log_change, expected(arrays).log_change, rtol=1e-6
    )
    functional = described() | {"class_name": "Functional"}
    assert (
        "no description of a Sequential model" in inspect(saved(tmp_path / "m.keras", arrays, functional)).left_out[0]
    )


def test_optimisers_are_no_layers(tmp_path):
    names = set(weights_by_name(saved(tmp_path / "m.keras", kernels(2), described(depth=2))))
    assert names == {"dense_7.kernel", "dense_7.bias", "dense_8.kernel", "dense_8.bias"}
    assert not any(
        "Adam" in name for name in weights_by_name(legacy(tmp_path / "m.h5", kernels(2), described(depth=2)))
    )


def test_a_layer_that_is_called_after_an_optimiser_is_one(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["optimizer_net/optimizer_net/kernel:0"] = np.zeros((WIDTH, WIDTH), "f4")
        file["model_weights/optimizer/optimizer/kernel:0"] = np.zeros((WIDTH, WIDTH), "f4")
        for name in ("optimizer", "optimizer_weights"):
            file[f"{name}/Adam/m:0"] = np.zeros((WIDTH, WIDTH), "f4")
    assert set(weights_by_name(str(tmp_path / "w.h5"))) == {"optimizer_net.kernel", "optimizer.kernel"}


def test_nothing_outside_the_file_is_opened_and_damage_is_said(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["a"] = np.ones((4, 4))
    raw = tmp_path / "raw.bin"
    raw.write_bytes(bytes(128))

    def refused(write, match):
        path = tmp_path / "x.h5"
        with h5py.File(path, "w") as file:
            write(file)
        with pytest.raises(InputError, match=match):
            inspect(str(path), activation="tanh")

    refused(lambda f: f.__setitem__("w", h5py.ExternalLink("secret.h5", "a")), "a link to elsewhere")
    refused(lambda f: f.__setitem__("w", h5py.SoftLink("/w")), "a link to elsewhere")
    refused(lambda f: f.create_dataset("w", (4, 4), "f8", external=[(str(raw), 0, 128)]), "lies in another file")

    def virtual(file):
        layout = h5py.VirtualLayout((4, 4), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "a", (4, 4))
        file.create_virtual_dataset("w", layout)

    refused(virtual, "lies in another file")
    refused(lambda f: f.create_dataset("w", (2**40, 2), "f8", chunks=True), "up to")

    def ring(file):
        file.create_group("g")["again"] = file["/"]

    refused(ring, "groups without end")
    whole = (tmp_path / "x.h5").read_bytes()
    for broken in (b"", b"PK\x03\x04", whole[: len(whole) // 2]):
        for name in ("y.h5", "y.keras"):
            (tmp_path / name).write_bytes(broken)
            with pytest.raises(InputError, match="an intact Keras file"):
                inspect(str(tmp_path / name))
    for config in ([], {"class_name": "Sequential"}, {"class_name": "Sequential", "config": {"layers": [3]}}):
        try:
            found = inspect(saved(tmp_path / "m.keras", kernels(2), config))
        except InputError:
            continue
        assert found.verdict == "no verdict"


def test_a_bomb_is_not_unpacked(tmp_path):
    path = saved(tmp_path / "m.keras", kernels(1), described(depth=1))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(2**27))
    with pytest.raises(InputError, match=r"model\.weights\.h5 of 134,217,728 bytes"):
        inspect(path)
