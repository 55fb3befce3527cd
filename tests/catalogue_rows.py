"""Every row of the catalogue with its defaults and, where it has parameters, with others."""

from vgtheory.symbolic.catalogue import catalogue

OTHER_PARAMETERS = {
    "isru": {"alpha": 3},
    "siren": {"omega": 1.5},
    "snake": {"alpha": 0.5},
    "swish": {"beta": 1.702},
    "softplus": {"beta": 5},
    "squareplus": {"b": 0.5},
    "leaky_relu": {"alpha": 0.2},
    "prelu": {"alpha": -0.3},
    "rrelu": {"lower": 0.1, "upper": 0.4},
    "tailored_rectifier": {"alpha": 0.3},
    "elu": {"alpha": 0.5},
    "celu": {"alpha": 0.3},
}
ROWS = [(name, values) for name in catalogue for values in ({}, OTHER_PARAMETERS.get(name)) if values is not None]
IDS = [name + "".join(f"-{key}={value}" for key, value in values.items()) for name, values in ROWS]
