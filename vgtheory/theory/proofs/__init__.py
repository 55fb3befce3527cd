"""Bounds on gradients at every finite width, each offered only where its assumptions have been checked."""

from vgtheory.theory.proofs.bounds import Bounds, Tightest, bounds
from vgtheory.theory.proofs.certificate import Certificate, certificate

__all__ = ["Bounds", "Certificate", "Tightest", "bounds", "certificate"]
