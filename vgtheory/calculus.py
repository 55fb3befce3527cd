"""What is true of an activation: tails, monotone pieces, Gaussian means and kernels, derivations, transforms."""

from typing import TYPE_CHECKING

from vgtheory._door import lazy

if TYPE_CHECKING:
    from vgtheory.reporting.derivation import derivation
    from vgtheory.symbolic.gaussian import dual_kernel, gradient_gain, length_map
    from vgtheory.symbolic.shape import monotone_pieces as pieces
    from vgtheory.symbolic.shape import tails
    from vgtheory.theory.asymptotics.transform import transform_activation as transform

__all__ = ["derivation", "dual_kernel", "gradient_gain", "length_map", "pieces", "tails", "transform"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "tails": "vgtheory.symbolic.shape:tails",
        "pieces": "vgtheory.symbolic.shape:monotone_pieces",
        "length_map": "vgtheory.symbolic.gaussian:length_map",
        "gradient_gain": "vgtheory.symbolic.gaussian:gradient_gain",
        "dual_kernel": "vgtheory.symbolic.gaussian:dual_kernel",
        "derivation": "vgtheory.reporting.derivation:derivation",
        "transform": "vgtheory.theory.asymptotics.transform:transform_activation",
    },
)
