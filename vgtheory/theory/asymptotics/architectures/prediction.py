"""Mean field alone, of networks with parts whose fluctuations at finite width are not known, as a labelled data set."""

import numpy as np

from vgtheory.model.columns import Columns
from vgtheory.model.network import Network
from vgtheory.model.variables import PREDICTED
from vgtheory.theory.asymptotics.architectures.profile import profile
from vgtheory.theory.asymptotics.finite_width import gains
from vgtheory.theory.methods import MEAN_FIELD, UNIFORM_LOSS, UNIT_INPUT, WIDE, reliability


def predict_architecture(network: Network, unknown_because: str) -> Columns:
    """Return the mean-field prediction of a network with parts: the columns of `predict` that theory has, the rest NaN.

    Parameters
    ----------
    unknown_because : why the fluctuations at finite width are not known, which ``reliable`` says.

    Raises
    ------
    InputError, NoSolutionError, UnsupportedError : as ``profile``.
    """
    found = profile(network)
    log_q, gradient = np.log(found.q), found.log_gradient
    before = np.log(np.append(1.0, found.square[:-1])) + np.log(np.array(network.widths[:-1], dtype=float))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        chi = np.exp(gains(gradient))
    values = {
        "q": found.q,
        "log_q": log_q,
        "chi": chi,
        "log_gradient_norm": gradient / 2,
        "log_gradient_norm_rms": gradient / 2,
        "log_gradient_norm_infinite_width": gradient / 2,
        "log_weight_gradient_norm": (gradient + before) / 2,
    }
    unknown = {f"{name}_std": np.full(len(log_q), np.nan) for name in ("log_gradient_norm", "log_weight_gradient_norm")}
    texts = PREDICTED | {name: f"{PREDICTED[name]}, not known for this architecture" for name in unknown}
    assumptions = [UNIFORM_LOSS, UNIT_INPUT, WIDE]
    if network.norm is not None and network.norm.kind == "batch":
        assumptions.append("the batch is large, of independent inputs")
    reliable = reliability([f"width to infinity only, without {unknown_because}"])
    return Columns(
        values | unknown,
        texts,
        {
            "method": MEAN_FIELD,
            "weight_method": MEAN_FIELD,
            "reliable": reliable,
            "weight_reliable": reliable,
            "assumptions": "; ".join(assumptions),
            "dead_probability": 0.0,
            "spec": network.spec_json,
        },
    )
