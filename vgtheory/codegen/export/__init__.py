"""An activation for other programs: a PyTorch function, a JAX function, C source."""

from vgtheory.codegen.export.c_source import to_c
from vgtheory.codegen.export.frameworks import to_jax, to_pytorch

__all__ = ["to_c", "to_jax", "to_pytorch"]
