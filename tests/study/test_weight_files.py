"""Files of weights: what is right, what is hostile and what is damaged."""

import io
import json
import os
import struct
import time
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from vgtheory import inspect
from vgtheory._errors import InputError, VgtheoryError
from vgtheory._untrusted import read_archive
from vgtheory.model.arrays import LayerArrays
from vgtheory.study.checkpoint import Checkpoint
from vgtheory.study.inspection.weights.chain import MAX_LAYERS, chain_of
from vgtheory.study.inspection.weights.files import weights_by_name

RNG = np.random.default_rng(0)


def safetensors(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_a_file_of_whole_numbers_is_said_to_be_that(tmp_path):
    save_file(
        {"0.weight": np.ones((4, 4), dtype=np.int8), "0.bias": np.ones(4, dtype=np.int8)}, tmp_path / "q.safetensors"
    )
    with pytest.raises(InputError, match="whole numbers are not read"):
        inspect(tmp_path / "q.safetensors")


# --- the order of tensors -----------------------------------------------------------------------------------------


def test_twenty_reads_of_one_file_give_one_order_that_of_the_file(tmp_path):
    names = [f"b{k}.weight" for k in RNG.permutation(40)]
    part = np.arange(4.0).tobytes()
    places = {n: {"dtype": "F64", "shape": [2, 2], "data_offsets": [32 * k, 32 * k + 32]} for k, n in enumerate(names)}
    path = safetensors(tmp_path / "w.safetensors", dict(sorted(places.items())), part * 40)
    assert {tuple(weights_by_name(path)) for _ in range(20)} == {tuple(names)}
    by_file = inspect(path, order="file").table.name.values
    by_name = inspect(path, order="names").table.name.values
    assert list(by_file) == names
    assert list(by_name) == [f"b{k}.weight" for k in range(40)]


def test_the_reader_agrees_with_the_formats_own(tmp_path):
    arrays = {
        "a.weight": RNG.standard_normal((3, 5)).astype(np.float32),
        "b": RNG.standard_normal((2, 1, 4)).astype(np.float16),
        "empty": np.empty((0, 3)),
        "scalar": np.array(2.5),
        "count": np.arange(3),
    }
    save_file(arrays, tmp_path / "w.safetensors")
    read = weights_by_name(tmp_path / "w.safetensors")
    assert set(read) == set(arrays) - {"count"}
    for name, array in read.items():
        assert array.dtype == arrays[name].dtype
        np.testing.assert_array_equal(array, arrays[name])


def test_sharded_files_are_read_by_their_index(tmp_path):
    parts = [{"a.weight": np.ones((2, 3))}, {"b.weight": np.ones((4, 2))}]
    for k, part in enumerate(parts):
        save_file(part, tmp_path / f"m-{k}.safetensors")
    index = {"metadata": {}, "weight_map": {"a.weight": "m-0.safetensors", "b.weight": "m-1.safetensors"}}
    path = tmp_path / "m.safetensors.index.json"
    path.write_text(json.dumps(index))
    assert list(weights_by_name(path)) == ["a.weight", "b.weight"]
    (tmp_path / "m-1.safetensors").unlink()
    with pytest.raises(InputError, match=r"without m-1\.safetensors"):
        weights_by_name(path)
    for hostile in ({"a": "../../etc/passwd.safetensors"}, {"a": 3}, [1], None):
        path.write_text(json.dumps({"weight_map": hostile}))
        with pytest.raises(InputError, match=r"index\.json"):
            weights_by_name(path)


# --- hostile and damaged files ------------------------------------------------------------------------------------

ONE = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "part",
    [
        ONE | {"shape": [1] * 70},
        ONE | {"shape": [0, 2**62]} | {"data_offsets": [0, 8]},
        ONE | {"shape": [2**40, 2**40]},
        ONE | {"shape": [-1]},
        ONE | {"shape": [True]},
        ONE | {"shape": "x"},
        ONE | {"dtype": "F8_E4M3"},
        ONE | {"dtype": ["F64"]},
        ONE | {"data_offsets": [0, 8, 16]},
        ONE | {"data_offsets": [8, 0]},
        ONE | {"data_offsets": [1, 9]},
        {"dtype": "F64"},
        [1],
        None,
    ],
    ids=lambda part: str(part)[:60],
)
def test_hostile_safetensors_are_refused(tmp_path, part):
    with pytest.raises(InputError, match="safetensors"):
        weights_by_name(safetensors(tmp_path / "w.safetensors", {"a": part}, bytes(8)))


@pytest.mark.parametrize(
    "text",
    [b"[1]", b"null", b"[" * 100_000, b'{"a":1,"a":2}', b"\xff", b'{"a": {"dtype": "F64", "shape": [1e999]}}'],
    ids=["list", "null", "deep", "twice", "bytes", "infinite"],
)
def test_headers_that_are_no_table_are_refused(tmp_path, text):
    with pytest.raises(InputError, match="safetensors"):
        weights_by_name(safetensors(tmp_path / "w.safetensors", text, bytes(8)))


def test_an_empty_shape_of_huge_sides_takes_no_memory(tmp_path):
    part = {"dtype": "F64", "shape": [0, 2**62], "data_offsets": [0, 0]}
    with pytest.raises(VgtheoryError):
        inspect(safetensors(tmp_path / "w.safetensors", {"a.weight": part}))


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def npy(array, **replaced):
    buffer = io.BytesIO()
    np.save(buffer, array)
    content = buffer.getvalue()
    for old, new in replaced.items():
        content = content.replace(old.encode(), new)
    return content


def test_archives_that_are_not_numpys_are_refused(tmp_path):
    good = npy(np.ones((2, 2)))
    for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(InputError, match="packed in another way"):
            read_archive(archive(tmp_path / "w.npz", {"a.npy": good}, kind))
    with pytest.raises(InputError, match="plain array"):
        read_archive(archive(tmp_path / "w.npz", {"a.txt": b"text"}))
    assert read_archive(archive(tmp_path / "w.npz", {})) == {}
    path = archive(tmp_path / "w.npz", {"a.npy": good})
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of encryption, here and in the directory
        content[content.index(mark) + place] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="encrypted"):
        read_archive(path)


@pytest.mark.parametrize(
    "content",
    [
        npy(np.ones(4), **{"(4,)": b"(999999999999,)"}),
        npy(np.ones(4), **{"(4,)": b"(-4,)"}),
        npy(np.ones(4), **{"(4,)": b"[4]"}),
        npy(np.ones(4), **{"<f8": b"|O8"}),
        npy(np.ones(4), **{"<f8": b"<c8"}),
        npy(np.ones(4), **{"{": b"["}),
        npy(np.ones(4))[:-3],
        npy(np.ones(4)) + b"more",
        b"\x93NUMPY\x09\x09",
        b"",
    ],
    ids=["huge", "negative", "list", "object", "complex", "brackets", "short", "long", "version", "empty"],
)
def test_arrays_that_are_not_what_they_say_are_refused(tmp_path, content):
    with pytest.raises(InputError, match="plain arrays"):
        read_archive(archive(tmp_path / "w.npz", {"a.npy": content}))


def test_a_bomb_is_not_unpacked(tmp_path):
    bomb = archive(tmp_path / "w.npz", {"a.npy": npy(np.zeros(2**24))}, zipfile.ZIP_DEFLATED)  # 128 MiB from 130 kB
    start = time.perf_counter()
    with pytest.raises(InputError, match="100 times"):
        read_archive(bomb)
    assert time.perf_counter() - start < 1
    np.savez_compressed(tmp_path / "small.npz", a=np.zeros(2**20))  # zeros are no crime where memory does not notice
    assert read_archive(tmp_path / "small.npz")["a"].shape == (2**20,)


def test_more_than_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "w.npz", a=np.ones((64, 64)))
    save_file({"a": np.ones((64, 64))}, tmp_path / "w.safetensors")
    monkeypatch.setattr("vgtheory._untrusted.memory_at_hand", lambda: 2**15)
    for name in ("w.npz", "w.safetensors"):
        with pytest.raises(InputError, match="half of the memory"):
            weights_by_name(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".onnx", ".safetensors.index.json"])
def test_a_pipe_is_not_waited_for(tmp_path, suffix):
    os.mkfifo(tmp_path / f"w{suffix}")
    with pytest.raises(InputError, match="no file"):
        inspect(tmp_path / f"w{suffix}")
    with pytest.raises(InputError, match="no file"):
        read_archive(tmp_path / f"w{suffix}")


def test_a_folder_of_given_weights_holds_what_it_says(tmp_path):
    arrays = LayerArrays.of([np.ones((2, 2))])
    path = arrays.save(tmp_path)
    assert LayerArrays.load(tmp_path, arrays.digest) == arrays
    archive(path, {"W_1.npy": npy(np.ones((2, 2))), "c_1.npy": npy(np.ones(2))})
    with pytest.raises(InputError, match=r"LayerArrays\.save"):
        LayerArrays.load(tmp_path, arrays.digest)
    path.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        with pytest.raises(InputError, match="no file"):
            LayerArrays.load(tmp_path, arrays.digest)


@pytest.mark.slow
def test_many_tiny_tensors_end(tmp_path):
    arrays = {f"l{k}.weight": np.ones((1, 1)) for k in range(100_000)}
    save_file(arrays, tmp_path / "w.safetensors")
    start = time.perf_counter()
    with pytest.raises(InputError, match=f"{MAX_LAYERS:,}"):
        inspect(tmp_path / "w.safetensors", activation="tanh")
    assert time.perf_counter() - start < 20
    # Names that are all of one kind, and arrays that are no layers: counted, not listed.
    vectors = {f"v{k}": np.ones(1) for k in range(100_000)} | {"a.weight": np.ones((2, 2))}
    assert "99,994 more" in chain_of(vectors).left_out[1]


def test_control_characters_in_names_are_written_out():
    found = inspect({"fc\x1b[31m\u202e.weight": np.ones((2, 3))})
    assert str(found.table.name.values[0]) == "fc\\x1b[31m\\u202e.weight"
    assert "\x1b" not in str(found)
    with pytest.raises(InputError, match="control"):
        inspect({"a\x1b": np.ones((2, 2)), "a\\x1b": np.ones((2, 2))})


@pytest.mark.parametrize("manifest", ["[1]", "null", "3", '"text"', "{", '{"digest": 3}'])
def test_a_manifest_that_is_none_is_refused(tmp_path, manifest):
    (tmp_path / "study.json").write_text(manifest)
    with pytest.raises(VgtheoryError):
        Checkpoint.open(tmp_path, "{}")


# --- nested mappings, tensors without numbers ---------------------------------------------------------------------


def test_nested_mappings_are_read():
    w, b = np.ones((5, 3)), np.ones(3)
    flax = {"params": {"Dense_0": {"kernel": w, "bias": b}}, "batch_stats": {}}
    assert list(weights_by_name(flax)) == ["Dense_0.kernel", "Dense_0.bias"]
    lightning = {"epoch": 3, "state_dict": {"net.weight": w}, "optimizer_states": [{"state": {}}], "version": "2.4"}
    assert list(weights_by_name(lightning)) == ["net.weight"]
    assert list(weights_by_name({"encoder": {"a": {"w": w}}, "head": {"w": w}})) == ["encoder.a.w", "head.w"]
    with pytest.raises(InputError, match="real numbers"):
        weights_by_name({"a": {"b": "text"}})
    with pytest.raises(InputError, match="array of numbers"):
        weights_by_name({"a": [[1.0], [1.0, 2.0]]})
    endless = {}
    endless["a"] = endless
    with pytest.raises(InputError, match="nested"):
        weights_by_name(endless)


def test_tensors_without_numbers_are_refused_and_sparse_ones_are_read():
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="meta device"):
        weights_by_name({"a": torch.ones(2, 2, device="meta")})
    with pytest.raises(InputError, match="not initialised"):
        weights_by_name(torch.nn.LazyLinear(3))
    sparse = torch.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse()
    assert np.array_equal(weights_by_name({"a": sparse})["a"], [[0, 2], [0, 0]])
    half = torch.tensor([[0.5, 2.0]], dtype=torch.bfloat16)
    assert np.array_equal(weights_by_name({"a": half})["a"], [[0.5, 2.0]])


def test_onnx_with_external_data(tmp_path):
    onnx = pytest.importorskip("onnx")
    arrays = {"a": RNG.standard_normal((40, 50)), "b": RNG.standard_normal((30, 40))}
    tensors = [onnx.numpy_helper.from_array(a, n) for n, a in arrays.items()]
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], initializer=tensors))
    outside = {"save_as_external_data": True, "location": "w.data", "size_threshold": 0}
    onnx.save(model, str(tmp_path / "w.onnx"), **outside)
    read = weights_by_name(tmp_path / "w.onnx")
    assert list(read) == ["a", "b"]
    assert all(np.array_equal(read[n], arrays[n]) for n in arrays)
    (tmp_path / "w.data").unlink()
    with pytest.raises(InputError, match="external data"):
        weights_by_name(tmp_path / "w.onnx")
    # Data that point out of the folder are not opened.
    model = onnx.load(str(tmp_path / "w.onnx"), load_external_data=False)
    model.graph.initializer[0].external_data[0].value = "../../etc/passwd"
    (tmp_path / "w.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="ONNX"):
        weights_by_name(tmp_path / "w.onnx")


# --- mutated files ------------------------------------------------------------------------------------------------

small = {"a.weight": np.arange(6.0).reshape(2, 3) / 7, "a.bias": np.ones(2), "b.weight": np.ones((1, 2))}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    save_file(small, folder / "w.safetensors")
    np.savez(folder / "w.npz", **small)
    np.savez_compressed(folder / "c.npz", **small)
    return folder, [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


@pytest.mark.slow
@settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.integers(0, 2),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    cut=st.one_of(st.none(), st.integers(0, 2000)),
)
def test_a_mutated_file_is_read_or_refused(originals, kind, changes, cut):
    folder, files = originals
    name, content = files[kind]
    mutated = bytearray(content)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    path = folder / f"m-{name}"
    path.write_bytes(mutated[:cut])
    try:
        found = inspect(path, activation="tanh", order="file", skip=0)
        said = found.text
    except VgtheoryError as refused:
        said = str(refused)
    assert 0 < len(said) < 1000


# --- the graph of an ONNX file --------------------------------------------------------------------------------------


def onnx_file(path, nodes, arrays, returned):
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, list(ins), [out], **more) for op, ins, out, more in nodes],
        "g",
        [value("x", onnx.TensorProto.FLOAT, ["n", 16])],
        [value(returned, onnx.TensorProto.FLOAT, ["n", 16])],
        initializer=[onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()],
    )
    onnx.save(onnx.helper.make_model(graph), str(path))
    return str(path)


def chain_nodes(function="Sigmoid", depth=12, product=True, **more):
    """Nodes of φ(x W + b) as exporters write it: MatMul and Add, or Gemm with W transposed."""
    nodes, at = [], "x"
    for k in range(depth):
        if product:
            nodes += [("MatMul", (at, f"W{k}"), f"m{k}", {}), ("Add", (f"b{k}", f"m{k}"), f"h{k}", {})]
        else:
            nodes.append(("Gemm", (at, f"W{k}", f"b{k}"), f"h{k}", {"transB": 1}))
        nodes.append((function, (f"h{k}",), f"x{k}", more))
        at = f"x{k}"
    return nodes


def stored(depth=12, scale=1.0, seed=0):
    draw = np.random.default_rng(seed).standard_normal
    arrays = {}
    for k in range(depth):
        arrays[f"W{k}"] = (scale * draw((16, 16)) / 4).astype("f4")
        arrays[f"b{k}"] = (0.1 * draw(16)).astype("f4")
    return arrays


@pytest.mark.parametrize("product", [True, False], ids=["MatMul", "Gemm"])
def test_a_graph_tells_order_orientation_and_activation(tmp_path, product):
    arrays = stored()
    found = inspect(onnx_file(tmp_path / "m.onnx", chain_nodes(product=product), arrays, "x11"))
    transposed = {f"{k}.weight": arrays[f"W{k}"].T if product else arrays[f"W{k}"] for k in range(12)}
    biases = {f"{k}.bias": arrays[f"b{k}"] for k in range(12)}
    said = inspect(transposed | biases, activation="sigmoid", order=list(transposed), skip=0, output_activation=True)
    assert (found.verdict, found.left_out) == (said.verdict, ())
    np.testing.assert_allclose(found.table.log_gradient_norm, said.table.log_gradient_norm, rtol=1e-12)


def test_a_graph_tells_skips_and_layers_that_are_used_twice(tmp_path):
    arrays = stored(2) | {"a": np.float32(0.5)}
    nodes, at = [], "x"
    for k in range(6):
        w = k % 2
        nodes += [("MatMul", (at, f"W{w}"), f"m{k}", {}), ("Add", (f"m{k}", f"b{w}"), f"h{k}", {})]
        nodes += [("Relu", (f"h{k}",), f"r{k}", {}), ("Mul", (f"r{k}", "a"), f"s{k}", {})]
        nodes.append(("Add", (at, f"s{k}"), f"x{k}", {}))
        at = f"x{k}"
    found = inspect(onnx_file(tmp_path / "m.onnx", nodes, arrays, at))
    assert found.left_out == ()
    assert list(found.table.name.values) == ["W0.weight", "W1.weight"] * 3
    weights = {f"{k}.weight": arrays[f"W{k}"].T for k in (0, 1)} | {f"{k}.bias": arrays[f"b{k}"] for k in (0, 1)}
    order = ["0.weight", "1.weight"] * 3
    said = inspect(weights, activation="relu", order=order, skip=0.5, output_activation=True)
    np.testing.assert_allclose(found.table.log_gradient_norm, said.table.log_gradient_norm, rtol=1e-12)


def test_a_graph_that_is_no_chain_has_no_verdict(tmp_path):
    arrays = stored(4)
    nodes = chain_nodes("Tanh", 4)
    for change in (
        [*nodes, ("Softmax", ("x3",), "y", {})],
        [*nodes, ("Add", ("x3", "x1"), "y", {})],
        [*nodes[:-1], ("Relu", ("h3",), "y", {})],
    ):
        found = inspect(onnx_file(tmp_path / "m.onnx", change, arrays, "y"))
        assert found.verdict == "no verdict"
        assert found.left_out


def test_weights_with_inputs_first_are_known_by_their_names_and_biases():
    draw = np.random.default_rng(0).standard_normal
    up, down = draw((8, 32)), draw((32, 8))
    conv1d = {"h.0.c_fc.weight": up, "h.1.c_proj.weight": down}
    by_bias = {"0.weight": up, "0.bias": np.zeros(32), "1.weight": down, "1.bias": np.zeros(8)}
    pytorch = {"0.weight": up.T, "1.weight": down.T}
    logs = [
        inspect(arrays, activation="tanh", order="names", skip=0).table.log_gradient_norm.values
        for arrays in (pytorch, conv1d, by_bias)
    ]
    np.testing.assert_array_equal(logs[0], logs[1])
    np.testing.assert_array_equal(logs[0], logs[2])
