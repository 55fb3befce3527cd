"""Laws of a·X + b: SciPy's loc and scale, atoms on both sides of a jump, transforms through a reflection."""

import numpy as np
import pytest

from vgtheory import laws
from vgtheory._errors import InputError

X = np.array([-3.0, -1.2, 0.3, 1.0, 1.7, 4.0])


@pytest.mark.parametrize("law", [2 * laws.marchenko_pastur(2.0) + 1, 1 - 2 * laws.marchenko_pastur(2.0)], ids=str)
def test_a_moved_law_is_that_of_the_moved_variable(law):
    points = law.rvs(4000, random_state=0)
    for x in X:  # five standard errors: 6e-7
        share = (points <= x).mean()
        assert abs(share - law.cdf(x)) < 5 * np.sqrt(0.25 / 4000)
    assert law.cdf(X) + law.sf(X) == pytest.approx(np.ones(6), abs=1e-13)
    for order in (1, 2, 3):
        assert law.moment(order) == pytest.approx(law.expect(lambda x, n=order: x**n), rel=1e-9)
    assert law.var() == pytest.approx(law.moment(2) - law.mean() ** 2)
    place, mass = law.atoms[0]
    assert (place, mass) == (1.0, 0.5)
    assert law.cdf(place) - law.cdf(np.nextafter(place, -9)) == pytest.approx(mass, abs=1e-6)
    assert law.ppf(law.cdf(X[3])) == pytest.approx(place)
    z = np.array([0.3 + 0.2j, -1 + 0.5j])
    x, weight = law.nodes()
    direct = [(weight / (v - x)).sum() + mass / (v - place) for v in z]
    assert law.stieltjes(z) == pytest.approx(direct, rel=1e-9)
    logs = [(weight * np.log(v - x)).sum() + mass * np.log(v - place) for v in z]
    assert law.log_potential(z) == pytest.approx(logs, rel=1e-9)
    same = laws.algebraic(law)
    assert same.pdf(X) == pytest.approx(law.pdf(X), abs=1e-12)
    assert np.ravel(same.bands) == pytest.approx(np.ravel(law.bands))


def test_moves_compose_and_undo_each_other():
    law = laws.wachter(1.5, 2.0)
    assert (law * 2 + 1 - 1) / 2 == law
    assert (-law) * -1 == law
    assert (3 * (law + 1)).mean() == pytest.approx(3 * law.mean() + 3)
    wide = laws.semicircle() * 3
    assert laws.free_sum(wide, laws.semicircle(8.0)).pdf(1.0) == pytest.approx(laws.semicircle(10.0).pdf(1.0))
    assert laws.transforms(wide).r.expr.subs("g", 1) == 9


def test_what_is_no_law_is_refused():
    law = laws.semicircle()
    for call in (lambda: law * 0, lambda: law / 0, lambda: law + np.inf, lambda: np.nan * law, lambda: law * law):
        with pytest.raises(InputError):
            call()
    for other in ("2", None):
        with pytest.raises(TypeError):
            law * other
