"""`inspect`: what happens to the gradient of a model that exists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vgtheory._errors import InputError
from vgtheory.model.sizes import MAX_SEED, whole_number
from vgtheory.study.inspection.inspection import Inspection
from vgtheory.study.inspection.modules.watched import inspect_module
from vgtheory.study.inspection.weights.files import program_by_name, weights_by_name
from vgtheory.study.inspection.weights.stored import inspect_weights
from vgtheory.symbolic.catalogue import activation as to_activation


def inspect(
    model: Any,
    x: Any = None,
    loss: Callable[[Any], Any] | None = None,
    *,
    activation: Any = None,
    order: str | Sequence[str] | None = None,
    skip: float | None = None,
    output_activation: bool = False,
    seed: int = 0,
) -> Inspection:
    """Return what happens to the gradient of a model: call by call, what is to blame, and what could not be seen.

    A PyTorch module is run once forward and once backward on `x`, as it stands (mode, dropout from `seed`) and in its
    own precision (half precision in float32); where numbers leave the range of float32, cancel beyond its digits, or
    go through recurrent modules of two directions, in float64.  Through other recurrent modules the gradient of the
    last output is sent back once more, brought to size 1 every 64 steps.  Parameters, buffers, gradients and random
    numbers stay as they were.  Of stored weights a chain of fully connected layers is read.

    Parameters
    ----------
    model : a PyTorch module; path of a .safetensors (or its .index.json), .npz, .onnx, .keras or .h5 file; a mapping of
        names to arrays (a ``state_dict``, also nested); or an object with ``state_dict()``.  Pickles are refused: they
        can run code.
    x : of a module, what it is called with: a tensor, a tuple of arguments or a dict of named ones.  Of stored weights,
        data of shape (n, N_0); by default 64 vectors uniform on the sphere ‖x_0‖² = N_0.
    loss : of a module, takes what it returns and gives a tensor of one number; by default the first tensor that it
        returns along a fixed random direction of length 1.
    activation : of stored weights, φ between the layers: an Activation, a catalogue name or a formula.
    order : of stored weights, in which the layers are called: "names", "file", or their names in a sequence, repeated
        where one is used again.  What is said here is that these layers are all, one after another.
    skip : of stored weights, scale a of residual layers x_l = x_{l−1} + a·φ(h_l), taken for every square layer; 0 for
        none.
    output_activation : of stored weights, whether the last layer has φ too (a classifier or regressor usually has not).
    seed : of default inputs, of the direction of the gradient at the output and of dropout.

    Returns
    -------
    Inspection, whose `table` has over `call` (uses of weights, in the order in which they happen; a module that is used
    twice is two): `name` and `kind` of the module; `rms` of its output; `gradient_norm`, the Frobenius norm of the loss
    gradient at its output over the batch, and its logarithm `log_gradient_norm`; `gain`, that norm over the one at the
    next call on its path (NaN at the end of one); under the activation behind it, `saturated`, the share of numbers
    with |φ'| ≤ 1 % of its largest value (of large batches by their first rows, 32,768 numbers), and `dead`, that of
        units with φ' = 0 on every input (NaN without one);
    `sigma_w` = √(fan_in·mean W_ij²) of the weights as they are used.  Of modules also `update_ratio`
    = ‖∂ℓ/∂W‖/‖W‖; `outgrown`, the share of numbers that are flat for their size (near 0 they would not be);
    `parent`, the number of the call whose output comes in (0: the input), `bypassed`, whether a skip connection leads
    past, `normalised`, whether a normalisation takes the output, and `waiting`, whether no gradient arrives only since
    the branch ends in weights of 0 that have yet to learn; `inner`, whether it is within a branch past
    which a skip connection leads, at whose end the stream's gradient is seen: the verdict looks at the others.

    Of stored weights norms are geometric means over inputs, and there are also `fan_in`, `fan_out`, `sigma_b`;
    `entries` (distributions that the weights may come from), `initialiser` (those that they may come from, each wrong
    rejection having a probability of 0.1 %), `spectrum` (the law that the singular values follow), `distance`
    (Kolmogorov's, to Marchenko–Pastur), `outliers` above its edge, `bulk_sigma_w` (the scale without them) and
    `goodness` (the p-value of that law, where entries may be normal; see `vg.laws.fit_marchenko_pastur`),
    `largest_singular_value`, `smallest_singular_value`; `q` = ‖h_l‖²/N_l, `log_weight_gradient_norm` = ln‖∂ℓ/∂W_l‖_F;
    `q_mean_field` and `chi_mean_field`, what random weights of these scales would give: q_l and the factor of the
    squared gradient norm (NaN with skip).  A file tells neither order nor skip connections nor layers that are used
    twice: unless `order`, `activation` and (for square layers) `skip` say so, and every array belongs to the chain,
    there is "no verdict".  The graph in an .onnx file tells: where it is a chain, and nothing of it is said here, it
    is read.

    Raises
    ------
    InputError : a module without x, on the meta device or not initialised, or that x does not fit; an empty batch;
        a loss that is not one number; a model or loss that raises, forward or backward; a seed that is no whole number
        of at least 0; files that are missing, corrupt or pickles; NaN weights; shapes that do not chain as `order`
        says.
    UnsupportedError : TorchScript, whose calls cannot be seen; .onnx files without the package onnx.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(0).uniform
    >>> weights = {f"layers.{k}.weight": draw(-1 / 8, 1 / 8, (64, 64)) for k in range(12)}
    >>> found = inspect(weights, activation="sigmoid", order="names", skip=0)
    >>> found.verdict, str(found.table.initialiser[3].values)
    ('vanishes', 'PyTorch default')
    >>> inspect(weights, activation="sigmoid").verdict
    'no verdict'
    """
    seed = whole_number("seed", seed, 0, MAX_SEED, "0")
    torch = sys.modules.get("torch")  # who has a module has loaded it
    if torch is not None and isinstance(model, torch.nn.Module):
        given = {"activation": activation, "order": order, "skip": skip, "output_activation": output_activation or None}
        said = [name for name, value in given.items() if value is not None]
        if said:
            step = "leave it out; vg.inspect(model.state_dict(), ...) reads weights alone"
            raise InputError(f"{said[0]} beside a module", "the module, which shows it", step)
        return inspect_module(torch, model, x, loss, seed)
    if isinstance(x, str):
        raise InputError("x", "numbers to send through the model", f"say activation={x!r}", got=repr(x))
    if loss is not None:
        raise InputError("loss", "a PyTorch module to go with it", "pass the module itself, not its weights")
    unsaid = activation is None and order is None and skip is None
    program = program_by_name(Path(model)) if isinstance(model, (str, Path)) and unsaid else ""
    if not isinstance(program, str):
        act = to_activation(program.activation[0], **dict(program.activation[1]))
        return inspect_weights(
            program.arrays,
            x,
            activation=act,
            order=program.order,
            skip=program.skip,
            output_activation=program.output_activation,
            seed=seed,
        )
    found = inspect_weights(
        weights_by_name(model),
        x,
        activation=activation,
        order=order,
        skip=skip,
        output_activation=output_activation,
        seed=seed,
    )
    if not program:
        return found
    return replace(found, left_out=(f"a chain of layers in the file: {program}", *found.left_out))
