"""Networks with skip connections, normalisation, dropout: mean field and order 1/N; rates of other architectures."""

from vgtheory.theory.asymptotics.architectures.finite_width import architecture_finite_width
from vgtheory.theory.asymptotics.architectures.prediction import predict_architecture
from vgtheory.theory.asymptotics.architectures.profile import Profile, correlation_profile, profile
from vgtheory.theory.asymptotics.architectures.rates import architecture_rates

__all__ = [
    "Profile",
    "architecture_finite_width",
    "architecture_rates",
    "correlation_profile",
    "predict_architecture",
    "profile",
]
