"""Laws fitted to given eigenvalues: estimates with intervals, and how good the fit is."""
