"""Mean field beyond the plain network: skip connections, normalisation, dropout, and rates of other architectures."""

from vgtheory.theory.architectures.prediction import predict_architecture
from vgtheory.theory.architectures.profile import Profile, correlation_profile, profile
from vgtheory.theory.architectures.rates import architecture_rates

__all__ = ["Profile", "architecture_rates", "correlation_profile", "predict_architecture", "profile"]
