"""What is refused of laws, ensembles and spectra: each message names the value, and what it proposes is accepted."""

import re
from ast import literal_eval

import numpy as np
import pytest

from vgtheory import ensembles, laws
from vgtheory._errors import InputError
from vgtheory.random_matrices.arguments import between, choice, confidence, finite, positive, whole

SPECTRUM = ensembles.wishart(100, 200).eigenvalues(random_state=0)


def _hint(call):
    with pytest.raises(InputError) as refused:
        call()
    return refused.value.hint


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda place: laws.point_mass(place), np.nan),
        (lambda share: laws.algebraic(laws.semicircle()).compressed(share), 0),
        (lambda share: laws.algebraic(laws.semicircle()).compressed(share), 1.5),
        (lambda degree: ensembles.sparse(5, degree), 9),
        (lambda degree: ensembles.sparse(5, degree), 0),
        (lambda degree: laws.kesten_mckay(degree), 1.5),
        (lambda level: laws.fit_marchenko_pastur(SPECTRUM, level=level), 2),
        (lambda level: laws.fit_marchenko_pastur(SPECTRUM, level=level), 0),
        (lambda beta: laws.fit_marchenko_pastur(SPECTRUM, beta=beta), 3),
        (lambda level: ensembles.fit_beta([SPECTRUM], level=level), 1),
        (lambda beta: ensembles.ratio_test([SPECTRUM], beta=beta), -1),
        (lambda beta: ensembles.rigid_ks(100, beta), 0),
        (lambda degree: ensembles.unfold(np.arange(20.0), degree=degree), 0),
        (lambda reach: ensembles.unfold(np.arange(20.0), by="gaussian", reach=reach), 11),
        (lambda by: ensembles.unfold(np.arange(20.0), by=by), "laws"),
        (lambda tau: laws.elliptic(tau), 2),
        (lambda confidence: laws.semicircle().interval(confidence), -0.1),
        (lambda order: ensembles.spacing_ratio(SPECTRUM, order), 0),
        (lambda size: ensembles.goe(size), 0),
        (lambda x: laws.semicircle().enclosure(x), np.inf),
    ],
)
def test_what_a_message_proposes_is_accepted(call, value):
    hint = _hint(lambda: call(value))
    call(literal_eval(re.fullmatch(r"(?:give|e\.g\.) \w+=(.+)", hint).group(1)))


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (lambda v: between("v", v), np.inf),
        (lambda v: between("v", v, 0), -1),
        (lambda v: between("v", v, 0, without=(0,)), 0),
        (lambda v: between("v", v, 0, 1, without=(0, 1)), 1),
        (lambda v: between("v", v, 0, 5, without=(0,)), 9),
        (lambda v: between("v", v, -1, 1), "a"),
        (lambda v: whole("v", v, 0), -1),
        (lambda v: whole("v", v, 3, 7), 9),
        (lambda v: positive("v", v), 0),
        (lambda v: finite("v", v), np.nan),
        (lambda v: confidence("v", v), 1),
        (lambda v: choice("v", v, ("a", "b")), "c"),
    ],
)
def test_every_check_of_a_number_proposes_one_that_it_accepts(check, bad):
    check(literal_eval(re.fullmatch(r"(?:give|e\.g\.) v=(.+)", _hint(lambda: check(bad))).group(1)))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: laws.point_mass(np.nan), "place must be one finite number (got nan); give place=0.5"),
        (
            lambda: laws.algebraic(laws.semicircle()).compressed(0),
            "share must be a number above 0 and at most 1 (got 0); give share=0.5",
        ),
        (
            lambda: laws.semicircle().interval(2),
            "confidence must be a number from 0 to 1 (got 2); give confidence=0.5",
        ),
        (lambda: ensembles.sparse(5, 9), "degree must be a number above 0 and at most 5 (got 9); give degree=2.5"),
        (
            lambda: ensembles.fit_beta([SPECTRUM], level=0),
            "level must be a number between 0 and 1 (got 0); give level=0.95",
        ),
        (
            lambda: laws.algebraic("G**4 - G*z + 1"),
            "an equation whose branch G ~ 1/z has the moments 0, 0, 0, 1, …, which no probability law has: "
            "expected the equation of a law; check its signs",
        ),
        (
            lambda: laws.algebraic("z = G + 1/G"),
            "equation must be the side that vanishes, without = 0 (got 'z = G + 1/G'); give \"z - (G + 1/G)\"",
        ),
        (
            lambda: ensembles.spacing_ratio(["a", 1.0]),
            "values must be an array of real numbers (got ['a', 1.0]); give vg.ensembles.goe(100).eigenvalues(), say",
        ),
        (lambda: ensembles.spacing_ratio([1.0]), "1 value: expected at least 3 finite ones; give one whole spectrum"),
        (
            lambda: laws.semicircle() ** 2,
            "a law to the power 2: expected one of the products that may be meant; give laws.algebraic(law).square() "
            "for the law of X², laws.free_product(law, law) for a free product",
        ),
        (
            lambda: laws.algebraic(laws.marchenko_pastur(1.0)) ** 2,
            "a law to the power 2: expected one of the products that may be meant; give law.square() for the law of X²"
            ", law * law for a free product",
        ),
    ],
)
def test_messages_read_aloud(call, said):
    with pytest.raises(InputError) as refused:
        call()
    assert str(refused.value) == said


@pytest.mark.parametrize("text", ["z = G + 1/G", "G**2 - z*G + 1 = 0", "G**2 - z*G + 1 ="])
def test_an_equation_with_two_sides_is_answered_with_one(text):
    proposed = re.fullmatch(r'give "(.*)"', _hint(lambda: laws.algebraic(text))).group(1)
    assert laws.algebraic(proposed).bands == ((-2.0, 2.0),)


def test_the_proposed_squares_are_what_they_are_said_to_be():
    law = laws.algebraic(laws.marchenko_pastur(1.0))
    assert law.square().moments(2) == (2, 14)  # E X², E X⁴
    assert (law * law).moments(2) == (1, 3)  # Fuss–Catalan


def test_a_ratio_that_zeros_contradict_is_refused():
    """A Wishart matrix of ratio c > 1 has a share 1 − 1/c of zeros, one of c ≤ 1 has none."""
    with pytest.raises(InputError, match="at most 1, since none of the 100 eigenvalues is 0"):
        laws.fit_marchenko_pastur(SPECTRUM, ratio=2)
    wide = np.append(ensembles.wishart(50, 100).eigenvalues(random_state=0) * 2, np.zeros(50))
    assert laws.fit_marchenko_pastur(wide, ratio=2).ratio == 2 == laws.fit_marchenko_pastur(wide).ratio
    for wrong in (0.5, 1.9, 2.1, 4):
        with pytest.raises(InputError, match="p/n = 2 of 100 eigenvalues, 50 of which are 0"):
            laws.fit_marchenko_pastur(wide, ratio=wrong)
    assert laws.fit_marchenko_pastur(SPECTRUM, ratio=0.5).ratio == 0.5


def test_a_period_reaches_round_the_spectrum():
    angles = np.sort(np.random.default_rng(0).uniform(0, 2 * np.pi, 50))
    assert (ensembles.spacing_ratio(angles, period=2 * np.pi) <= 1).all()
    for measure in (ensembles.spacing_ratio, ensembles.spacings):
        with pytest.raises(InputError, match="period must be at least 6"):
            measure(angles, period=1.0)
    assert ensembles.spacings([0.0, 1.0, 4.0], period=4.0).tolist() == [1, 3, 0]


def test_equal_values_have_no_ratio():
    for values, order in ((np.ones(100), 1), ([0.0, 0.0, 0.0, 1.0], 1), ([0.0] * 5 + [1.0], 2)):
        with pytest.raises(InputError, match=f"{2 * order + 1} equal values"):
            ensembles.spacing_ratio(values, order)
    assert ensembles.spacing_ratio([0.0, 0.0, 1.0, 3.0]).tolist() == [0.0, 0.5]
    with pytest.raises(InputError, match="infinite"):
        ensembles.spacing_ratio([0.0, 1.0, np.inf])


@pytest.mark.parametrize("several", [lambda s: [s], lambda s: s[None], lambda s: (s,), lambda s: iter([s])])
def test_one_spectrum_may_come_in_a_sequence(several):
    """As one of many it would have no error of its own: its stretches give one."""
    spectrum = ensembles.goe(300).eigenvalues(random_state=3)
    assert ensembles.fit_beta(several(spectrum)) == ensembles.fit_beta(spectrum)
    assert ensembles.ratio_test(several(spectrum), beta=1) == ensembles.ratio_test(spectrum, beta=1)
    with pytest.raises(InputError, match="several spectra, or one of at least 42"):
        ensembles.fit_beta([spectrum[:20]])


def test_a_short_spectrum_is_unfolded_by_what_it_determines():
    spectra = ensembles.gue(10).spectra(20, random_state=0)
    for by in ("polynomial", "gaussian"):
        levels = ensembles.unfold(spectra, by=by)
        assert levels.shape == (20, 10)
        assert (np.diff(levels) >= 0).all()
    np.testing.assert_array_equal(ensembles.unfold(spectra), ensembles.unfold(spectra, degree=5))


def test_exact_texts_stand_for_numbers():
    law = laws.discrete(["-1/2", "1"], ["1/3", "2/3"])
    assert law.moments(2) == laws.discrete([-0.5, 1], [1 / 3, 2 / 3]).moments(2)
    assert laws.discrete([0, 1], ["1/2", "1/2"]).atoms == ((0.0, 0.5), (1.0, 0.5))
    with pytest.raises(InputError, match="different rational numbers"):
        laws.discrete(["c", 1], ["1/2", "1/2"])
