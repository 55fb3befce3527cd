"""Free convolution of laws, and laws given by their R- or S-transform."""

from vgtheory.random_matrices.laws.free.convolution import FreeProduct, FreeSum, free_product, free_sum
from vgtheory.random_matrices.laws.free.explicit_transforms import GivenR, GivenS, from_r_transform, from_s_transform

__all__ = [
    "FreeProduct",
    "FreeSum",
    "GivenR",
    "GivenS",
    "free_product",
    "free_sum",
    "from_r_transform",
    "from_s_transform",
]
