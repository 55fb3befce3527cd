"""Numbers and networks in words; no heavy imports, so that the command line can use it at once."""

from __future__ import annotations

import math

import sympy as sp

from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.program import Mix
from vgtheory.model.sizes import LOG_DOUBLE
from vgtheory.symbolic.rounding import written

ROUNDING = 1e-12  # of sums of logarithms, which are 0 where a last gradient has length 1
PLAIN = 3  # powers of ten that are written out


def describe(network: Network) -> str:
    """Return the network in one line.

    >>> from vgtheory.model.weights import Weights
    >>> describe(Network("tanh", Weights.gaussian(1.5, 0.05), width=512, depth=1000))
    'tanh, Gaussian weights with σ_w = 1.5, σ_b = 0.05, width 512, depth 1000'
    """
    if isinstance(network, BlockNetwork):
        return _describe_blocks(network)
    sigma_w, sigma_b = network.sigmas[-1]
    values = "".join(f", {name} = {float(value):g}" for name, value in network.activation.parameters)
    widths = sorted(set(network.widths))
    width = str(widths[0]) if len(widths) == 1 else f"{widths[0]} to {widths[-1]}"
    return (
        f"{network.activation.name}{values}, {_law(network.weights.text)} weights with σ_w = {sigma_w:.6g}, "
        f"σ_b = {sigma_b:.6g}, width {width}, depth {network.depth}{_parts(network)}"
    )


def _describe_blocks(network: BlockNetwork) -> str:
    block, width, depth = network.block, network.widths[0], int(network.depth)
    laws = {(m.weights.text, *m.sigmas(width, depth)) for m in block.matrices}
    weights = "; ".join(f"{_law(text)} weights with σ_w = {w:.6g}, σ_b = {b:.6g}" for text, w, b in sorted(laws))
    shape = "" if network.columns == 1 else f", {' × '.join(map(str, network.shape))} {columns_of(network)}"
    size = f"{depth} steps, {'tied' if block.tied else 'fresh'} weights" if block.recurrent else f"depth {depth}"
    return f"{block.name}, {weights}, width {width}{shape}, {size}"


def columns_of(network: BlockNetwork) -> str:
    """Return what the columns of a stream are: tokens where attention mixes them, positions under a window."""
    kinds = {step.kind for step in network.block.steps if isinstance(step, Mix)}
    return "tokens" if "attention" in kinds else "positions" if "window" in kinds else "columns"


def _law(text: str) -> str:
    return text.replace("gaussian", "Gaussian", 1)


def _parts(network: Network) -> str:
    """Return what the network has besides weights and activation, with its numbers."""
    words = ""
    if network.skip is not None:
        scale, sigma_w = network.skip_scales
        words += f", skip connections of scale {scale:.6g}"
        words += f" with a second matrix of σ_w = {sigma_w:.6g}" if network.skip.matrices == 2 else ""
    if network.norm is not None:
        eps = f" (eps {float(network.norm.eps):g})" if network.norm.eps else ""
        words += f", {network.norm.kind} norm {network.norm.place} the activation{eps}"
    return words + (f", dropout {network.drop_rate:.6g}" if network.drop_rate else "")


def number(value: float, digits: int = 4) -> str:
    """Return a number for reading: typographic minus, ×10^{…} where it is very large or small.

    >>> number(-0.012346), number(1.5e-9), number(float("inf")), number(312.4, 2)
    ('−0.01235', '1.5×10^{−9}', '∞', '310')
    """
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}g}"
    mantissa, mark, exponent = text.partition("e")
    if mark and 0 < int(exponent) <= PLAIN:
        text = f"{float(text):.0f}"
    elif mark:
        power = str(int(exponent)).replace("-", "−")
        text = f"{mantissa}×10^{{{power}}}" if mantissa not in ("1", "-1") else f"{mantissa[:-1]}10^{{{power}}}"
    return text.replace("-", "−")


def latex_number(value: float, digits: int = 4) -> str:
    r"""Return the same as LaTeX.

    >>> latex_number(1.5e-9), latex_number(-2)
    ('1.5 \\cdot 10^{-9}', '-2')
    """
    return _latex(number(value, digits))


def latex_power_of_ten(log_value: float) -> str:
    r"""Return e^log_value as LaTeX, also where it over- or underflows.

    >>> latex_power_of_ten(-1000.0)
    '5 \\cdot 10^{-435}'
    """
    return _latex(power_of_ten(log_value))


def _latex(text: str) -> str:
    return text.replace("−", "-").replace("×", r" \cdot ").replace("∞", r"\infty")


def decimal_text(value: sp.Float) -> str:
    """Return a decimal with the digits that it has, whatever its size.

    >>> decimal_text(sp.Float("0.99952")), decimal_text(sp.Float("-5.6789e-500"))
    ('0.99952', '−5.6789×10^{−500}')
    """
    mantissa, power = written(value)
    return (mantissa if power is None else f"{mantissa}×10^{{{power}}}").replace("-", "−")


def power_of_ten(log_value: float) -> str:
    """Return e^log_value as a number, also where it over- or underflows.

    >>> power_of_ten(64.2), power_of_ten(-1000.0), power_of_ten(0.5), power_of_ten(-27.6)
    ('8×10^{27}', '5×10^{−435}', '1.6', '10^{−12}')
    """
    if math.isnan(log_value) or math.isinf(log_value):
        return number(0.0 if log_value < 0 else log_value)
    if abs(log_value) < (PLAIN + 1) * math.log(10):
        return number(math.exp(log_value), 2)
    tens = log_value / math.log(10)
    mantissa, power = 10 ** (tens - math.floor(tens)), math.floor(tens)
    if mantissa >= 9.5:
        mantissa, power = 1.0, power + 1
    power_text = f"10^{{{str(power).replace('-', '−')}}}"
    return power_text if f"{mantissa:.0f}" == "1" else f"{mantissa:.0f}×{power_text}"


def exponential(log_value: float, digits: int = 4) -> str:
    """Return e^log_value with these digits; where it leaves the range of float64, as a power of ten.

    >>> exponential(0.5), exponential(-800.0)
    ('1.649', '4×10^{−348}')
    """
    value = math.exp(log_value) if abs(log_value) < LOG_DOUBLE else 0.0
    return number(value, digits) if value else power_of_ten(log_value)


def latex_exponential(log_value: float, digits: int = 4) -> str:
    r"""Return the same as LaTeX.

    >>> latex_exponential(-800.0)
    '4 \\cdot 10^{-348}'
    """
    return _latex(exponential(log_value, digits))


def base(text: str) -> str:
    """Return a number as it stands below an exponent: in parentheses where it is a power of ten itself.

    >>> base("0.95"), base("3.18×10^{9}")
    ('0.95', '(3.18×10^{9})')
    """
    return f"({text})" if "^" in text else text


def with_error(value: float, error: float) -> str:
    """Return value ± error with the error to two digits.

    >>> with_error(64.2173, 0.1234)
    '64.22 ± 0.12'
    """
    if abs(value) + abs(error) < ROUNDING:
        return "0"
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return number(value)
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if decimals > 12 or abs(value) >= 1e7:
        return f"{number(value)} ± {number(error, 2)}"
    return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", "−")


def chosen_layers(depth: int) -> list[int]:
    """Return the indices of the layers that tables show: both ends and the quarters."""
    return sorted({0, depth // 4, depth // 2, 3 * depth // 4, depth - 1})
