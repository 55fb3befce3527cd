"""Mean field beyond fixed points: critical curves, how lengths and correlations settle, rates of architectures,
tied gated cells closed at two times, spectra of residual networks as depth → ∞."""

from typing import TYPE_CHECKING

from vgtheory._door import lazy

if TYPE_CHECKING:
    from vgtheory.spectra.jacobian import residual_limit
    from vgtheory.study.cookbook import cookbook
    from vgtheory.theory.asymptotics.approach import approach
    from vgtheory.theory.asymptotics.architectures import architecture_rates as rates
    from vgtheory.theory.asymptotics.critical_line import critical_curve
    from vgtheory.theory.asymptotics.programs.two_time import two_time

__all__ = ["approach", "cookbook", "critical_curve", "rates", "residual_limit", "two_time"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "critical_curve": "vgtheory.theory.asymptotics.critical_line:critical_curve",
        "cookbook": "vgtheory.study.cookbook:cookbook",
        "approach": "vgtheory.theory.asymptotics.approach:approach",
        "rates": "vgtheory.theory.asymptotics.architectures:architecture_rates",
        "residual_limit": "vgtheory.spectra.jacobian:residual_limit",
        "two_time": "vgtheory.theory.asymptotics.programs.two_time:two_time",
    },
)
