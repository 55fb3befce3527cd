"""`inspect`: what happens to the gradient of a model that exists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vgtheory._errors import InputError
from vgtheory.study.inspection.findings import Inspection
from vgtheory.study.inspection.weights.files import weights_by_name
from vgtheory.study.inspection.weights.stored import inspect_weights


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

    Parameters
    ----------
    model : path of a .safetensors (or its .index.json), .npz or .onnx file; a mapping of names to arrays (a
        ``state_dict``, also nested); or an object with ``state_dict()``.  Pickles are refused: they can run code.
    x : data of shape (n, N_0) to send through; by default 64 vectors uniform on the sphere ‖x_0‖² = N_0.
    loss : of PyTorch modules only.
    activation : φ between the layers: an Activation, a catalogue name or a formula.
    order : in which the layers are called: "names", "file", or their names in a sequence, repeated where one is used
        again.  What is said here is that these layers are all, one after another.
    skip : scale a of residual layers x_l = x_{l−1} + a·φ(h_l), taken for every square layer; 0 for none.
    output_activation : whether the last layer has φ too (a classifier or regressor usually has not).
    seed : of the default inputs and of the gradient's direction at the output, |∂ℓ/∂x_L| = 1.

    Returns
    -------
    Inspection, whose `table` has over `call` = 1..L: `name`, `kind`; `rms` of the call's output h_l, `gradient_norm`
    ‖∂ℓ/∂h_l‖ and its logarithm `log_gradient_norm` (geometric mean over inputs), `gain`, the factor by which that
    norm changes from the next call to this one (NaN at the last), `saturated` (share of neurons with |φ'| ≤ 1 % of
    its largest value) and `dead` (share with φ' = 0 on every input).  Of stored weights also `fan_in`, `fan_out`;
    `sigma_w` = √(fan_in·mean W_ij²) and `sigma_b`; `entries` (distributions that they may come from), `initialiser`
    (those that the weights may come from, each wrong rejection having a probability of 0.1 %), `spectrum` (the law
    that the singular values follow), `distance` (Kolmogorov's, to Marchenko–Pastur), `outliers`,
    `largest_singular_value`, `smallest_singular_value`; `q` = ‖h_l‖²/N_l, `log_weight_gradient_norm` =
    ln‖∂ℓ/∂W_l‖_F; `q_mean_field` and `chi_mean_field`, what random weights of these scales would give: q_l and the
    factor of the squared gradient norm (NaN with skip).

    A file tells neither order nor skip connections nor layers that are used twice: unless `order`, `activation` and
    (for square layers) `skip` say so, and every array belongs to the chain, there is "no verdict".

    Raises
    ------
    InputError : files that are missing, corrupt or pickles; NaN weights; shapes that do not chain as `order` says.

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
    if isinstance(x, str):
        raise InputError("x", "numbers to send through the model", f"say activation={x!r}", got=repr(x))
    if loss is not None:
        raise InputError("loss", "a PyTorch module to go with it", "pass the module itself, not its weights")
    return inspect_weights(
        weights_by_name(model),
        x,
        activation=activation,
        order=order,
        skip=skip,
        output_activation=output_activation,
        seed=seed,
    )
