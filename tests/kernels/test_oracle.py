"""Matrices that are asked: consistent with one matrix, and with the joint law of a drawn one, adaptively, W and Wᵀ."""

import numpy as np
import pytest
from numba import types
from scipy import stats

from vgtheory.kernels._jit import entry
from vgtheory.kernels.entries import gaussian_entries
from vgtheory.kernels.knowledge import unasked
from vgtheory.kernels.oracle import Draw, _orthonormal, _work, ask_gaussian, ask_haar, filled_rows

# All statistics of a case together raise a false alarm with this probability (Bonferroni); seeds are fixed.
FALSE_ALARM = 1e-3
SAMPLES = 4000


def draw(layer, purpose=64, key=1):
    return Draw(np.uint64(key), np.int64(0), np.int64(layer), np.int64(purpose))


def gaussian(frames, x, layer, outputs, purpose=64, sigma=1.0):
    out = np.empty((*x.shape[:2], outputs))
    ask_gaussian(frames, draw(layer, purpose), np.ascontiguousarray(x), out, sigma)
    return out


def blocks_of(rng, samples, size, columns=(1, 3, 2, 1)):
    return [rng.normal(size=(samples, k, size)) for k in columns]


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (6, 6)])
def test_all_answers_come_from_one_matrix(shape):
    outputs, inputs = shape
    rng = np.random.default_rng(0)
    frames = unasked(3, shape, 20, 20)
    rights, lefts = [], []
    for layer, (x, u) in enumerate(zip(blocks_of(rng, 3, inputs), blocks_of(rng, 3, outputs), strict=True)):
        rights.append((x, gaussian(frames, x, layer, outputs)))
        lefts.append((u, gaussian(frames.transposed, u, layer, inputs, purpose=65)))
    for x, y in rights:
        for u, g in lefts:
            np.testing.assert_allclose(
                np.einsum("sco,sdo->scd", y, u), np.einsum("sci,sdi->scd", x, g), rtol=0, atol=1e-12
            )
    # More questions than dimensions: what was known stays so.
    assert (frames.asked == inputs).all()
    x, y = rights[1]
    np.testing.assert_allclose(gaussian(frames, 2 * x, 9, outputs), 2 * y, atol=1e-12)


def test_haar_answers_come_from_one_orthogonal_matrix():
    rng = np.random.default_rng(1)
    frames = unasked(3, (6, 6), 12, 0)
    back = frames._replace(right=frames.right_answers, right_answers=frames.right)
    x, u = rng.normal(size=(3, 4, 6)), rng.normal(size=(3, 3, 6))
    y, g = np.empty_like(x), np.empty_like(u)
    ask_haar(frames, draw(0), x, y)
    ask_haar(back, draw(0, 65), u, g)
    np.testing.assert_allclose(np.einsum("sci,sdi->scd", x, x), np.einsum("sci,sdi->scd", y, y), atol=1e-12)
    np.testing.assert_allclose(np.einsum("sci,sdi->scd", y, u), np.einsum("sci,sdi->scd", x, g), atol=1e-12)


def test_a_zero_question_says_nothing():
    frames = unasked(2, (4, 4), 4, 4)
    assert (gaussian(frames, np.zeros((2, 1, 4)), 0, 4) == 0).all()
    assert (frames.asked == 0).all()


@pytest.mark.parametrize("huge", [np.inf, np.nan, 1e200])
def test_what_has_no_finite_square_is_answered_nan_and_not_remembered(huge):
    x = np.random.default_rng(0).normal(size=(2, 3, 6))
    x[1, 1, 2] = huge
    frames = unasked(2, (4, 6), 9, 0)
    y = gaussian(frames, x, 0, 4)
    assert np.isnan(y[1, 1]).all()
    assert np.isfinite(np.delete(y.reshape(6, 4), 4, axis=0)).all()
    assert list(frames.asked) == [3, 2]
    haar, z = unasked(2, (6, 6), 9, 0), np.empty_like(x)
    ask_haar(haar, draw(0), x, z)
    assert np.isnan(z[1, 1]).all()
    assert list(haar.asked) == [3, 2]


@pytest.mark.parametrize("columns", [3, 40, 70])
@pytest.mark.parametrize("near", [0.0, 1e-3, 1e-5, 1e-9, 1e-14])
def test_questions_that_are_nearly_combinations_of_each_other(columns, near):
    """Blocks, those that must be taken apart, and single ones: one matrix answers all, and lengths are its own."""
    rng = np.random.default_rng(4)
    x = np.tile(rng.normal(size=(2, 2, 90)), (1, 35, 1))[:, :columns]
    x = x + near * rng.normal(size=x.shape)
    frames = unasked(2, (80, 90), 90, 20)
    y, u = gaussian(frames, x, 0, 80), rng.normal(size=(2, 5, 80))
    g = gaussian(frames.transposed, u, 0, 90, purpose=65)
    scale = np.abs(y).max()
    np.testing.assert_allclose(np.einsum("sco,sdo->scd", y, u), np.einsum("sci,sdi->scd", x, g), atol=1e-11 * scale)
    for q, count in zip(frames.right, frames.asked, strict=True):
        np.testing.assert_allclose(q[:count] @ q[:count].T, np.eye(count), atol=1e-11)
    haar, z = unasked(2, (90, 90), 90, 0), np.empty_like(x)
    ask_haar(haar, draw(0), x, z)
    np.testing.assert_allclose(np.matmul(z, z.swapaxes(1, 2)), np.matmul(x, x.swapaxes(1, 2)), atol=1e-10 * scale)


def recurrent(ask, ask_transposed, samples, width, steps, rng):
    """Return statistics (sample, statistic) of a tanh network with one matrix over the steps, and of its gradient."""
    h = np.ones((samples, 1, width))
    states, found = [h], []
    for t in range(steps):
        a = ask(h, t) + 0.3 * rng.normal(size=(samples, 1, width))
        h = np.tanh(a)
        states.append(h)
        found.append(np.log(np.einsum("scn,scn->s", a, a) / width))
    g = rng.normal(size=(samples, 1, width))
    g /= np.linalg.norm(g, axis=2, keepdims=True)
    for t in reversed(range(steps)):
        delta = (1 - states[t + 1] ** 2) * g
        found.append(np.log(np.linalg.norm(delta, axis=2)[:, 0]))
        g = ask_transposed(delta, t)
    found += [
        np.einsum("scn,scn->s", states[-1], states[1]) / width,
        np.einsum("scn,scn->s", states[-1], states[-2]) / width,
        np.einsum("scn,scn->s", g, states[1]),
        np.einsum("scn,scn->s", g, states[-1]),
    ]
    return np.array(found).T


def drawn_statistics(width, steps, sigma, seed=7, haar=False):
    rng = np.random.default_rng(seed)
    w = np.empty((SAMPLES, width, width))
    filled_rows(gaussian_entries, np.zeros(1), w, draw(0, 70, key=seed))
    if haar:
        q, r = np.linalg.qr(w)
        w = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    w *= sigma
    return recurrent(
        lambda x, t: np.matmul(x, w.transpose(0, 2, 1)), lambda u, t: np.matmul(u, w), SAMPLES, width, steps, rng
    )


def asked_statistics(width, steps, sigma, seed=11, forgetful=False):
    frames = unasked(SAMPLES, (width, width), steps, steps)

    def back(u, t):
        known = frames.transposed
        if forgetful:  # the twin: what W did from the right is not taken out of the answers from the left
            known = known._replace(asked_left=np.zeros(SAMPLES, np.int64))
        return gaussian(known, u, t, width, purpose=65, sigma=sigma)

    return recurrent(
        lambda x, t: gaussian(frames, x, t, width, sigma=sigma),
        back,
        SAMPLES,
        width,
        steps,
        np.random.default_rng(seed),
    )


def smallest_p(a, b):
    """Return the smallest p-value of two-sample tests of every statistic and of 20 joint linear forms, Bonferroni."""
    forms = np.random.default_rng(3).normal(size=(a.shape[1], 20))
    both = np.concatenate([a, b])
    centre, size = both.mean(0), both.std(0)
    columns = [(a - centre) / size, (b - centre) / size]
    wide = [np.hstack([c, c @ forms, (c @ forms) ** 2]) for c in columns]
    p = [stats.ks_2samp(wide[0][:, j], wide[1][:, j]).pvalue for j in range(wide[0].shape[1])]
    return min(p) * len(p)


@pytest.mark.parametrize(("width", "steps", "sigma"), [(16, 8, 1.5 / 4), (6, 9, 2.0 / 6**0.5)])
def test_a_matrix_over_many_steps_has_the_joint_law_of_a_drawn_one(width, steps, sigma):
    drawn = drawn_statistics(width, steps, sigma)
    assert smallest_p(asked_statistics(width, steps, sigma), drawn) > FALSE_ALARM
    # The power twin: one projection left out.
    assert smallest_p(asked_statistics(width, steps, sigma, forgetful=True), drawn) < FALSE_ALARM


@pytest.mark.parametrize(("width", "steps"), [(16, 8), (6, 9)])
def test_a_haar_matrix_over_many_steps_has_the_joint_law_of_a_drawn_one(width, steps):
    frames = unasked(SAMPLES, (width, width), 2 * steps, 0)
    back = frames._replace(right=frames.right_answers, right_answers=frames.right)

    def ask(known, purpose):
        def answer(x, t):
            out = np.empty_like(x)
            ask_haar(known, draw(t, purpose), np.ascontiguousarray(1.2 * x), out)
            return out

        return answer

    asked = recurrent(ask(frames, 64), ask(back, 65), SAMPLES, width, steps, np.random.default_rng(5))
    assert smallest_p(asked, drawn_statistics(width, steps, 1.2, haar=True)) > FALSE_ALARM
    # The power twin: independent entries of the same variance.
    gauss = drawn_statistics(width, steps, 1.2 / width**0.5)
    assert smallest_p(asked, gauss) < FALSE_ALARM


def layer_statistics(ask, ask_transposed, rng):
    """Return statistics (sample, statistic) of three questions from the right, then two that depend on the answers."""
    x = rng.normal(size=(SAMPLES, 3, 5))
    y = ask(x)
    u = np.tanh(y[:, :2]) + 0.3 * rng.normal(size=(SAMPLES, 2, 7))
    g = ask_transposed(u)
    pairs = np.concatenate([y @ y.swapaxes(1, 2), y @ u.swapaxes(1, 2)], axis=2), g @ g.swapaxes(1, 2)
    return np.hstack([part.reshape(SAMPLES, -1) for part in (*pairs, x @ g.swapaxes(1, 2), g)])


@pytest.mark.parametrize("near", [1.0, 1e-9])
def test_the_last_questions_are_answered_by_the_law_of_a_drawn_matrix(near):
    def asked(seed, forgetful=False):
        frames = unasked(SAMPLES, (7, 5), 3, 2)

        def back(u):
            known = frames.transposed
            if forgetful:  # the twin: what W did from the right is not taken out of the answers from the left
                known = known._replace(asked_left=np.zeros(SAMPLES, np.int64))
            out, u = np.empty((SAMPLES, 2, 5)), np.stack([u[:, 0], u[:, 0] + near * u[:, 1]], axis=1)
            ask_gaussian(known, draw(0, 65), u, out, 0.5, last=True)
            assert near != 1.0 or (frames.asked_left == 0).all()
            return np.stack([out[:, 0], (out[:, 1] - out[:, 0]) / near], axis=1)

        return layer_statistics(lambda x: gaussian(frames, x, 0, 7, sigma=0.5), back, np.random.default_rng(seed))

    w = 0.5 * np.random.default_rng(6).normal(size=(SAMPLES, 7, 5))
    drawn = layer_statistics(lambda x: x @ w.swapaxes(1, 2), lambda u: u @ w, np.random.default_rng(7))
    assert smallest_p(asked(8), drawn) > FALSE_ALARM
    assert smallest_p(asked(8, forgetful=True), drawn) < FALSE_ALARM


@pytest.mark.parametrize("last", [False, True])
def test_answers_are_those_of_one_matrix_also_where_the_last_are_forgotten(last):
    rng = np.random.default_rng(3)
    frames, x, u = unasked(2, (40, 30), 6, 9), rng.normal(size=(2, 6, 30)), rng.normal(size=(2, 9, 40))
    y, g = gaussian(frames, x, 0, 40), np.empty((2, 9, 30))
    ask_gaussian(frames.transposed, draw(0, 65), u, g, 1.0, last)
    np.testing.assert_allclose(np.einsum("sco,sdo->scd", y, u), np.einsum("sci,sdi->scd", x, g), rtol=0, atol=1e-11)


def test_rows_without_a_length_are_taken_as_no_number_and_end():
    @entry(types.int64(types.float64[:, ::1], types.float64[:, ::1]))
    def taken(out, rest):
        return _orthonormal(out, _work(rest, 1))

    out = np.zeros((3, 5))
    assert taken(out, np.zeros((3, 5))) == 1
    assert np.isnan(out[0]).all()
    rows = np.eye(3, 5)
    assert taken(out, 2 * rows) == 3
    np.testing.assert_allclose(out, rows, atol=1e-15)
