"""One-liners to copy: how PyTorch and JAX draw the weights that a remedy asks for."""

from __future__ import annotations

from dataclasses import dataclass

from vgtheory.model.network import Network


@dataclass(frozen=True)
class Recipe:
    """Code to copy.

    Attributes
    ----------
    pytorch : for every ``layer`` with a weight whose first axis is that of its outputs (linear, convolutional).
    jax : an initialiser for the kernels (and one for the biases where they are random).
    """

    pytorch: str
    jax: str


def recipe(network: Network) -> Recipe:
    """Return the code that initialises a network's Gaussian or orthogonal layers; numbers to 10 digits.

    kaiming_normal_ draws variance gain²/fan_in, variance_scaling(s, "fan_in", "normal") draws s/fan_in, and orthogonal
    initialisers multiply a Haar matrix by their gain.
    """
    sigma_w, sigma_b = network.sigmas[-1]
    gain, bias = f"{sigma_w:.10g}", f"{sigma_b:.10g}"
    if network.weights.family == "orthogonal":
        weights = f"torch.nn.init.orthogonal_(layer.weight, gain={gain})"
        kernel = f"jax.nn.initializers.orthogonal(scale={gain})"
    else:
        weights = f"torch.nn.init.normal_(layer.weight, std={gain} / layer.weight[0].numel()**0.5)"
        kernel = f'jax.nn.initializers.variance_scaling({sigma_w**2:.10g}, "fan_in", "normal")'
    if sigma_b == 0:
        return Recipe(f"{weights}; torch.nn.init.zeros_(layer.bias)", kernel)
    biases = f"torch.nn.init.normal_(layer.bias, std={bias})"
    return Recipe(f"{weights}; {biases}", f"{kernel}; jax.nn.initializers.normal({bias}) for the biases")
