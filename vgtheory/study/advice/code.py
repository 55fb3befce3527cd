"""What a remedy is in code: texts that can be pasted where `model` is defined, and lines for JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from vgtheory.model.network import Network
from vgtheory.study.advice.recipes import recipe
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import catalogue

# φ as people call it, by its name in the catalogue: of a PyTorch tensor, of a JAX array.
FUNCTIONS = {
    "elu": ("torch.nn.functional.elu(x)", "jax.nn.elu(x)"),
    "gelu": ("torch.nn.functional.gelu(x)", "jax.nn.gelu(x, approximate=False)"),
    "mish": ("torch.nn.functional.mish(x)", "jax.nn.mish(x)"),
    "relu": ("torch.relu(x)", "jax.nn.relu(x)"),
    "selu": ("torch.selu(x)", "jax.nn.selu(x)"),
    "sigmoid": ("torch.sigmoid(x)", "jax.nn.sigmoid(x)"),
    "silu": ("torch.nn.functional.silu(x)", "jax.nn.silu(x)"),
    "softplus": ("torch.nn.functional.softplus(x, threshold=40)", "jax.nn.softplus(x)"),
    "tanh": ("torch.tanh(x)", "jax.numpy.tanh(x)"),
}
_LAYERS = """\
kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
layers = [module for module in model.modules() if isinstance(module, kinds)]
"""
_WRAPPED = '''

class Changed(torch.nn.Module):
    """{what}."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *args, **kwargs):
        with Change():
            return self.model(*args, **kwargs)


model = Changed(model)
'''
_SWAP = """
class Change(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "").rstrip("_") == "{old}":
            return phi(args[0])
        return function(*args, **(kwargs or {{}}))
"""
_SKIP = """
a = {scale:.10g}  # in your own forward(): x = x + a * phi(layer(x))


class Change(torch.overrides.TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.behind = []  # square layers that wait for their activation: the output, the input

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "").rstrip("_")
        before = next((x for h, x in self.behind if name == "{old}" and h is args[0]), None)
        out = function(*args, **(kwargs or {{}}))
        if name in ("linear", "conv1d", "conv2d", "conv3d") and out.shape == args[0].shape:
            self.behind = [(out, args[0])]
        return out if before is None else before + a * out
"""
_NORMS = {
    "layer": "torch.nn.functional.layer_norm(h, shape)",
    "rms": "torch.nn.functional.rms_norm(h, shape)",
}
_NORM = """
def normalised(layer, inputs, h):
    shape = h.shape[-1:] if isinstance(layer, torch.nn.Linear) else h.shape[1:]
    return {norm}


for layer in layers[:-1]:
    layer.register_forward_hook(normalised)
"""
_GAINS = """\
gains = {gains}
for name, gain in gains.items():
    torch.nn.init.orthogonal_(model.get_parameter(name), gain=gain)
for name in {biases}:
    torch.nn.init.zeros_(model.get_parameter(name))
"""
_BRANCHES = """\
for name in {names}:  # residual branches end in these
    model.get_parameter(name).data.mul_({scale:.6g})
"""
_RECURRENT = """\
for layer in [module for module in model.modules() if isinstance(module, torch.nn.RNNBase)]:
    blocks = {{"LSTM": 4, "GRU": 3}}.get(type(layer).__name__, 1)
    for name, parameter in layer.named_parameters():
        with torch.no_grad():
            if name.startswith("weight_hh"):
                for block in parameter.chunk(blocks):
                    torch.nn.init.orthogonal_(block, gain={gain:.10g} if blocks == 1 else 1.0)
            elif name.startswith("bias"):
                parameter.zero_()
            if name.startswith("bias_ih") and blocks > 1:  # memories of 1 to {steps} steps
                memory = torch.log(1 + torch.rand(layer.hidden_size) * {most})
                parameter[layer.hidden_size : 2 * layer.hidden_size] = memory
                if blocks == 4:
                    parameter[: layer.hidden_size] = -memory
"""


@dataclass(frozen=True)
class Code:
    """A change as text.

    Attributes
    ----------
    pytorch : to be pasted where ``model`` is defined; edits or rebinds ``model``, and imports what it uses.
    jax : an initialiser, or the function that takes the place of the old one; "" where JAX has no words of its own.
    """

    pytorch: str
    jax: str

    def __post_init__(self) -> None:
        if "torch." in self.pytorch:
            object.__setattr__(self, "pytorch", "import torch\n" + self.pytorch)


def weights(network: Network) -> Code:
    """Return code that draws the weights and biases of all layers but the last as this network's are."""
    return Code(_drawing(network), recipe(network).jax)


def _drawing(network: Network) -> str:
    weight, bias = recipe(network).pytorch.split("; ")
    lines = f"for layer in layers[:-1]:\n    {weight}\n    if layer.bias is not None:\n        {bias}\n"
    return _LAYERS + lines


def activation(network: Network, old: str) -> Code:
    """Return code that puts this network's φ in the place of every call of torch's function `old`; and its weights."""
    return _swapped(network, old, *function(network.activation))


def transformed(network: Network, base: Activation, parameters: Mapping[str, float], old: str) -> Code:
    """Return code for γ(φ(αx + β) + δ), or two half-lines of slopes 1 and α at E φ² = ½, in the place of `old`."""
    alpha, beta, gamma, delta = (float(parameters.get(name, 0.0)) for name in ("alpha", "beta", "gamma", "delta"))
    if len(parameters) == 1:
        scale = sqrt(2 / (1 + alpha**2))
        torch_text = f"{scale!r} * torch.nn.functional.leaky_relu(x, {alpha!r})"
        return _swapped(network, old, torch_text, f"{scale!r} * jax.nn.leaky_relu(x, {alpha!r})")
    inner = f"{alpha!r} * x + {beta!r}"
    return _swapped(network, old, *(f"{gamma!r} * ({_of(text, inner)} + {delta!r})" for text in function(base)))


def _of(text: str, inner: str) -> str:
    call, _, rest = text.rpartition("(x")
    return f"{call}({inner}{rest}"


def _swapped(network: Network, old: str, torch_text: str, jax_text: str) -> Code:
    imported = "import vgtheory\n\n" if "vgtheory" in torch_text else ""
    define = f"\n\ndef phi(x):\n    return {torch_text}\n\n"
    jax = f"phi = lambda x: {jax_text}; {recipe(network).jax}"
    if not old.isidentifier():  # a formula is no function of torch's that could be caught
        return Code(f"{imported}{_drawing(network)}{define}# in your own forward(): phi(x) instead of {old}\n", jax)
    wrapped = _WRAPPED.format(what=f"The model with phi wherever it calls {old}")
    return Code(imported + _drawing(network) + define + _SWAP.format(old=old) + wrapped, jax)


def function(act: Activation) -> tuple[str, str]:
    """Return φ(x) as PyTorch and as JAX write it; of a function without a name there, as exported by this package."""
    if act.name in FUNCTIONS and act == catalogue[act.name]():
        return FUNCTIONS[act.name]
    formula = str(act.expr)
    return f'vgtheory.export.to_pytorch("{formula}")(x)', f'vgtheory.export.to_jax("{formula}")(x)'


def skip(scale: float, old: str) -> Code:
    """Return code by which x_l = x_{l−1} + a·φ(h_l) wherever a square layer is followed by the function `old`."""
    jax = f"x = x + {scale:.10g} * phi(h)"
    if not old.isidentifier():
        return Code(f"# in your own forward(), with phi(x) = {old}: x = x + {scale:.10g} * phi(layer(x))\n", jax)
    what = f"The model with a skip connection around every square layer and its {old}"
    return Code(_SKIP.format(scale=scale, old=old).lstrip() + _WRAPPED.format(what=what), jax)


def norm(kind: str) -> Code:
    """Return code that normalises the output of every layer but the last."""
    jax = "h = (h - h.mean(-1, keepdims=True)) / h.std(-1, keepdims=True)"
    if kind == "rms":
        jax = "h = h / jax.numpy.sqrt((h**2).mean(-1, keepdims=True))"
    return Code(_LAYERS + "\n" + _NORM.format(norm=_NORMS[kind]), jax)


def gains(of: Mapping[str, float], biases: Sequence[str], branches: Sequence[str], scale: float) -> Code:
    """Return code that gives named parameters orthogonal weights of these gains, and zeroes the named biases.

    Those of `branches` are multiplied by `scale`.
    """
    rows = "".join(f'    "{name}": {gain:.6g},\n' for name, gain in of.items())
    text = _GAINS.format(gains="{\n" + rows + "}", biases=list(biases)) if of else ""
    return Code(text + (_BRANCHES.format(names=list(branches), scale=scale) if branches else ""), "")


def recurrent(gain: float, steps: int) -> Code:
    """Return code for orthogonal recurrent weights, and gates that remember as long as sequences are."""
    return Code(_RECURRENT.format(gain=gain, steps=steps, most=max(steps - 2, 1)), "")
