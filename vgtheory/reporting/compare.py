"""`compare`: a prediction against a simulation, layer by layer, with a verdict that states its false-alarm rate."""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from vgtheory._errors import InputError, shown
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import Network
from vgtheory.reporting.compare_layers import compare_layers
from vgtheory.reporting.compare_streams import QUANTITY, compare_streams
from vgtheory.study.engine import Progress
from vgtheory.study.inspection import Inspection
from vgtheory.study.inspection.differences import before_and_after
from vgtheory.study.lineup import lineup

_QUANTITIES = ("log_gradient_norm", "log_weight_gradient_norm", QUANTITY)


def compare(
    prediction: xr.Dataset | Sequence[Network] | Inspection,
    study: xr.Dataset | Inspection | None = None,
    quantity: str = "log_gradient_norm",
    false_alarm: float = 0.01,
    tolerance: float = 0.1,
    samples: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
    inputs: Inputs | int = 1,
) -> xr.Dataset:
    """Return whether a prediction holds within a tolerance, is violated or undecided; or several networks side by side.

    Parameters
    ----------
    prediction : from ``vg.predict``; or a sequence of networks of one depth, which are predicted and simulated: see
        Returns, *side by side*; or an inspection of a model before something was changed.
    study : from ``vg.simulate`` for the same network; none with several networks; the inspection afterwards.
    quantity : "log_gradient_norm" or "log_weight_gradient_norm"; of networks of blocks it is always
        "log_stream_gradient_norm".
    false_alarm : probability, at most, that a prediction that is right is called violated in any layer; and that one
        that is off by more than the tolerance in some layer is said to hold.
    tolerance : what counts as right: the mean to `tolerance` predicted standard deviations, and the standard deviation
        to a factor between 1 − tolerance and 1 + tolerance.

    samples, seed, progress, inputs : of the simulations of several networks.

    Returns
    -------
    Dataset over ``layer``: mean_difference (sample − predicted), standard_error, t = their ratio, std_ratio with its
    interval std_ratio_lower, std_ratio_upper, resolution (the smallest tolerance within which this layer is known to
    hold), verdict.  attrs: verdict, sentence (the verdict in words, with numbers), resolution (of all layers),
    samples_needed (for a right prediction to be seen to hold within the tolerance, nine times in ten), false_alarm,
    tolerance, critical_t, equivalence_t, correction, counts, samples, dead, method, reliable, spec.

    *Networks of blocks*, over ``layer`` and ``stream``: the same of the means alone, in units of the spread between the
    simulated networks, since theory knows of none.

    *Side by side*, over ``network`` (names of the activations) and ``layer``: mean, error and std of the simulated
    ln‖∂ℓ/∂h_l‖, predicted, q, chi; over ``network`` change = ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖) and change_half_width,
    critical_sigma_w, dead (a share) and regime.  Networks of blocks are named by their blocks, ``layer`` is 0..L and
    gradients are those at all streams together.

    *Before and after*, over ``call`` (those that both inspections have): name, and of rms, sigma_w, saturated, dead and
    relative (ln of the gradient norm over that at the last of these calls) the values as ``…_before`` and ``…_after``,
    and gained, by how much relative has risen.  attrs: verdict_before, verdict_after, log_change_before,
    log_change_after, appeared, gone (names of calls that only one has) and sentence.

    Raises
    ------
    InputError : data sets of different networks or layers, or fewer than 8 living samples; networks of several depths.

    Notes
    -----
    "holds" is an equivalence test (two one-sided tests, Schuirmann (1987)): the whole interval of mean and of spread
    lies inside the tolerance.  That all layers hold is claimed only if each test passes by itself, so it needs no
    correction (intersection–union test, Berger (1982)).  "violated": an interval lies outside altogether, where the 2L
    intervals are simultaneous by Bonferroni; layers are strongly correlated, so the true rate is lower than stated.
    Intervals are Student's for means, widened for skewness (Johnson (1978)), and χ² with the degrees of freedom that
    the fourth moment leaves for spreads; both moments are the largest over layers plus two standard errors, so that
    skewed logarithms and few samples are judged with care, and no normality is assumed.  Samples with a dead network
    (norm 0, logarithm −∞) are left out and counted, as the prediction is given that none is dead.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=8)
    >>> found = compare(vg.predict(network), vg.simulate(network, samples=64))
    >>> bool(found.attrs["sentence"])
    True
    """
    if isinstance(prediction, Inspection):
        return before_and_after(prediction, study)
    if isinstance(prediction, Sequence) and not isinstance(prediction, str):
        if study is not None:
            raise InputError("study", "left out where several networks are compared", "drop it", got=shown(study))
        return lineup(prediction, samples, seed, progress, inputs)
    streams = isinstance(prediction, xr.Dataset) and QUANTITY in prediction
    _check(prediction, study, QUANTITY if streams else quantity, false_alarm, tolerance)
    assert isinstance(prediction, xr.Dataset)  # checked
    assert isinstance(study, xr.Dataset)
    if streams:
        return compare_streams(prediction, study, false_alarm, tolerance)
    return compare_layers(prediction, study, quantity, false_alarm, tolerance)


def _check(prediction: Any, study: Any, quantity: Any, false_alarm: Any, tolerance: Any) -> None:
    """Raise InputError for what cannot be compared."""
    if quantity not in _QUANTITIES:
        raise InputError("quantity", " or ".join(_QUANTITIES), "choose one", got=shown(quantity))
    for name, value in (("false_alarm", false_alarm), ("tolerance", tolerance)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
            raise InputError(name, "a number between 0 and 1", f"e.g. {name}=0.05", got=shown(value))
    over = {"layer", "stream"} if quantity == QUANTITY else {"layer"}
    for name, data, dims in (("prediction", prediction, over), ("study", study, {"sample", *over})):
        if not isinstance(data, xr.Dataset) or quantity not in data or set(data[quantity].dims) != dims:
            verb = "vg.predict" if name == "prediction" else "vg.simulate"
            raise InputError(
                name,
                f"a Dataset of {verb} with {quantity} over {' and '.join(sorted(dims))}",
                "compare(prediction, study), in this order, of one network",
                got=shown(data),
            )
    if quantity != QUANTITY and f"{quantity}_std" not in prediction:
        raise InputError("prediction", f"a Dataset with {quantity}_std", "take it from vg.predict", got="one without")
