"""Gaussian means: closed forms by rules of our own, otherwise integrals certified by ball arithmetic."""

from vgtheory.symbolic.gaussian.engine import gaussian_mean
from vgtheory.symbolic.gaussian.maps import DualKernel, dual_kernel, gradient_gain, length_map
from vgtheory.symbolic.gaussian.mean import GaussianMean

__all__ = ["DualKernel", "GaussianMean", "dual_kernel", "gaussian_mean", "gradient_gain", "length_map"]
