"""DES in plain numpy and loops, written from its equations: the reference of the tests."""

import math

import numpy as np


def bounce(x, lower, upper):
    x = np.array(x, float)
    for k in range(x.size):
        width = upper[k] - lower[k]
        if x[k] < lower[k]:
            x[k] = lower[k] + math.fmod(lower[k] - x[k], width)
        if x[k] > upper[k]:
            x[k] = upper[k] - math.fmod(x[k] - upper[k], width)
        x[k] = min(max(x[k], lower[k]), upper[k])
    return x


class Reference:
    """One run; `generation` is given the random draws of the implementation under test."""

    def __init__(self, lam, lower, upper, paper, equal, mode, eps):
        self.lam, self.mu, self.n = lam, lam // 2, len(lower)
        self.lower, self.upper = np.array(lower, float), np.array(upper, float)
        self.paper, self.mode, self.eps = paper, mode, eps
        mu = self.mu
        w = [math.log(mu + 1) - math.log(i) for i in range(1, mu + 1)]
        self.w = np.full(mu, 1 / mu) if equal else np.array(w) / sum(w)
        v = np.array([math.log(lam + 1) - math.log(i) for i in range(1, lam + 1)])
        self.v = v / v.sum()
        self.history = 6 + math.ceil(3 * math.sqrt(self.n))
        self.c_d, self.c_p = mu / (mu + 2), 1 / math.sqrt(self.n)
        self.archive = [None] * self.history
        self.t, self.p = 0, np.zeros(self.n)
        self.c = (self.lower + self.upper) / 2
        self.worst = -math.inf

    def begin(self, population):
        self.x = np.array(population, float)
        self.m = self.x.mean(0)

    def select(self, values):
        """Steps 1-5. values: [lam] fitness of the repaired rows."""
        fitness = np.array(values, float)
        repaired = np.array([bounce(x, self.lower, self.upper) for x in self.x])
        infeasible = np.array([np.any(a != b) for a, b in zip(self.x, repaired, strict=True)])
        if self.mode != "lamarckian":
            fitness[infeasible] = np.inf
        finite = fitness[np.isfinite(fitness)]
        self.worst = max([self.worst, *finite])
        if self.mode == "penalty":
            for k in np.flatnonzero(infeasible):
                fitness[k] = self.worst + np.sum((self.x[k] - repaired[k]) ** 2)
        fitness[~np.isfinite(fitness)] = np.inf
        order = sorted(range(self.lam), key=lambda k: fitness[k])[: self.mu]
        order = [k for k in order if np.isfinite(fitness[k])]
        weights = self.w[: len(order)] / self.w[: len(order)].sum()
        s = self.x[order]
        mean = weights @ s
        step = mean - self.m
        self.t += 1
        slot = (self.t - 1) % self.history
        shift = step if self.paper else mean - self.v @ self.x
        previous = np.zeros(self.n) if slot == 0 and not self.paper else self.p
        gain = math.sqrt(self.mu * self.c_p * (2 - self.c_p))
        self.p = (1 - self.c_p) * previous + gain * step
        if self.paper and self.t == 1:
            self.p = step
        self.archive[slot] = (s.copy(), shift, self.p.copy())
        self.m = mean
        self.c = 0.8 * self.c + 0.2 * self.m

    def breed(self, draws):
        """Steps 6-7; returns the rows to evaluate, the midpoint last."""
        raw = np.empty((self.lam, self.n))
        decay = max(0.0, 1 - 2 / self.n**2) ** (self.t / 2)
        for k in range(self.lam):
            parents, shift, _ = self.archive[draws.h1[k]]
            if self.paper:
                shift = self.archive[draws.h2[k]][1]
            path = self.archive[draws.h3[k]][2]
            difference = (parents[draws.i[k]] - parents[draws.j[k]]) / math.sqrt(2)
            z = draws.z[k]
            raw[k] = self.m + math.sqrt(self.c_d) * (difference + draws.a[k] * shift)
            raw[k] += math.sqrt(1 - self.c_d) * draws.b[k] * path + self.eps * decay * z
        repaired = np.array([bounce(x, self.lower, self.upper) for x in raw])
        self.x = repaired if self.mode == "lamarckian" else raw
        return np.vstack([repaired, bounce(self.c, self.lower, self.upper)])
