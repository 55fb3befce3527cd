"""What networks of blocks are compared by: statistics of asked and drawn ones, and the least p of all comparisons."""

import numpy as np
from scipy import stats

import vgtheory as vg
from vgtheory.model.rewriting import stacked
from vgtheory.study.programs.numbers import Machine
from vgtheory.study.programs.recorded_norms import streams_and_gradients

FALSE_ALARM = 1e-3  # of a whole case, Bonferroni; seeds are fixed
SAMPLES = 3000


def statistics(block, width, depth, shape, asked, key, batch=1):
    """Return lengths, gradients, shares, cosines and entropies, (sample, statistic)."""
    block = vg.Network(block, width, depth, shape=shape).block
    if asked:  # as ``simulate`` has it; drawn ones are apart
        block = stacked(block, width, depth)
    machine = Machine(block, width, depth, vg.Inputs(), asked, shape, batch=batch)
    found = streams_and_gradients(machine, key, 0, SAMPLES)
    rows = [np.log(found["square x"][:, 1:]), found["gradient x"][:, :-1], found["share x"][:, :-1]]
    rows += [found["weights"], found["cosine"]]
    if "entropy" in found:
        rows += [found["entropy"][:, 1:], found["spread"][:, 1:], *found["tokens"].transpose(2, 0, 1)]
    return np.hstack(rows)


def smallest_p(a, b):
    """Return the least p of KS tests of all statistics and of 20 joint linear forms, Bonferroni."""
    centre, size = np.vstack([a, b]).mean(0), np.vstack([a, b]).std(0)
    keep = size > 1e-9
    a, b = (((x - centre) / np.where(keep, size, 1))[:, keep] for x in (a, b))
    forms = np.random.default_rng(2).normal(size=(a.shape[1], 20))
    a, b = np.hstack([a, a @ forms]), np.hstack([b, b @ forms])
    return min(stats.ks_2samp(a[:, j], b[:, j]).pvalue for j in range(a.shape[1])) * a.shape[1]
