"""Mean field beyond fixed points: critical curves, how lengths and correlations settle, rates of architectures,
spectra of residual networks as depth → ∞."""

from vgtheory._door import lazy

__all__ = ["approach", "cookbook", "critical_curve", "rates", "residual_limit"]  # noqa: F822

__getattr__, __dir__ = lazy(
    __name__,
    {
        "critical_curve": "vgtheory.theory.asymptotics.critical_line:critical_curve",
        "cookbook": "vgtheory.study.cookbook:cookbook",
        "approach": "vgtheory.theory.asymptotics.approach:approach",
        "rates": "vgtheory.theory.asymptotics.architectures:architecture_rates",
        "residual_limit": "vgtheory.spectra.jacobian:residual_limit",
    },
)
