"""Memories: step by step is all at once, resets forget, and each is what its paper says."""

import functools
import itertools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import frozen, replace
from jaxac.envs.resets import where
from jaxac.errors import ConfigError
from jaxac.nets.memory import (
    ELSTM,
    GRU,
    LRU,
    LSTM,
    RTRL,
    S4D,
    S5,
    Convolutional,
    Core,
    SinkKV,
    Stacked,
    Transformer,
    episodes,
    linear,
    s4d,
    s5,
)

T, N, F, H = 7, 2, 3, 4
SMALL = Transformer(H, num_heads=2, window=3)
CORES = {
    "GRU": GRU(H),
    "LSTM": LSTM(H),
    "ELSTM": ELSTM(H),
    "RTRL": RTRL(ELSTM(H)),
    "LRU": LRU(H, 5),
    "S5": S5(H, 4),
    "S4D": S4D(H, 3),
    "Transformer": SMALL,
    "two transformers": Stacked(replace(SMALL, sink=SinkKV(2))),
}
RESET = np.random.default_rng(2).random((T, N)) < 0.25
RESET[4] = [True, False]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def close(a, b, tol=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=tol, atol=tol), a, b)


@functools.cache
def ran(name):
    """Of a memory whose biases are not zero: parameters, what `scan` and `step` give, effects."""
    core, xs, reset = CORES[name], normal(2 * T, N, F), jnp.asarray(RESET)
    params = jax.jit(lambda key: core.init(key, F))(jax.random.key(0))
    params = jax.tree.map(lambda x: x + 0.1 * normal(*x.shape), params)

    def one(params, carry, row):
        x, reset = row
        y, carry = core.step(params, where(reset, core.start(N, F), carry), x)
        return carry, (y, carry)

    @jax.jit
    def run(params, xs):
        _, before = core.scan(params, core.start(N, F), xs[:T], jnp.zeros((T, N), bool))
        begin = jax.tree.map(lambda x: x[-1], before)
        at_once = core.scan(params, begin, xs[T:], reset)
        _, steps = jax.lax.scan(functools.partial(one, params), begin, (xs[T:], reset))
        following = core.step(params, jax.tree.map(lambda x: x[:-1], at_once[1]), xs[T + 1 :])[0]

        def total(xs, t, n):
            return core.scan(params, begin, xs, reset)[0][t, n].sum()

        every = jax.vmap(jax.vmap(jax.grad(total), (None, None, 0)), (None, 0, None))
        effect = jnp.abs(every(xs[T:], jnp.arange(T), jnp.arange(N))).sum(-1)  # [t, n, s, n]
        return at_once, steps, following, effect

    return params, *run(params, xs)


@pytest.fixture(params=CORES)
def name(request):
    return request.param


def test_every_memory_is_a_core_that_begins_with_zeros(name):
    core = CORES[name]
    assert isinstance(core, Core)
    for x in jax.tree.leaves(core.start(N, F)):
        assert x.shape[0] == N and x.dtype == jnp.float32 and not x.any()


def test_all_at_once_is_step_by_step_with_resets(name):
    _, at_once, steps, following, _ = ran(name)
    close(at_once, steps)
    on = ~RESET[1:]
    close(following[on], at_once[0][1:][on])  # memories of many steps at once, as they are valued


def test_whole_episodes_are_those_from_zeros(name):
    core, xs = CORES[name], normal(2 * T, N, F)
    params, never = ran(name)[0], jnp.zeros((2 * T, N), bool)
    at_once = jax.jit(lambda xs: core.scan(params, core.start(N, F), xs, never)[0])(xs)
    close(jax.jit(lambda xs: episodes(core, params, xs))(xs), at_once)
    assert isinstance(core, Convolutional) == (name in ("S4D", "two transformers"))


def test_a_reset_forgets_exactly_and_nothing_else_does(name):
    effect = np.asarray(ran(name)[-1])
    window = {"Transformer": 3, "two transformers": 6}.get(name, T)
    for t, n, s, m in itertools.product(range(T), range(N), range(T), range(N)):
        forgotten = RESET[s + 1 : t + 1, n].any()
        reaches = n == m and s <= t <= s + window and not forgotten
        assert (effect[t, n, s, m] > 0) == reaches, (t, n, s, m)


def test_gru_is_that_of_flax():
    params, (ys, _), *_ = ran("GRU")
    found = {}
    for i, gate in enumerate("rzn"):
        at = slice(i * H, (i + 1) * H)
        found[f"i{gate}"] = {"kernel": params["input"][:, at], "bias": params["bias"][at]}
        found[f"h{gate}"] = {"kernel": params["hidden"][:, at]}
    found["hn"]["bias"] = params["hidden_bias"]
    close(ys, by_flax(nn.GRUCell(H), found, jnp.zeros((N, H))))


def test_lstm_is_that_of_flax():
    params, (ys, _), *_ = ran("LSTM")
    found = {}
    for i, gate in enumerate("ifgo"):
        at = slice(i * H, (i + 1) * H)
        found[f"i{gate}"] = {"kernel": params["input"][:, at]}
        found[f"h{gate}"] = {"kernel": params["hidden"][:, at], "bias": params["bias"][at]}
    close(ys, by_flax(nn.OptimizedLSTMCell(H), found, (jnp.zeros((N, H)),) * 2))


def by_flax(cell, params, zero):
    """Outputs [T, N, H] of the second half of the same inputs."""
    carry, ys, xs = zero, [], normal(2 * T, N, F)
    apply = jax.jit(cell.apply)
    for t in range(2 * T):
        if t >= T:
            carry = where(RESET[t - T], zero, carry)
        carry, y = apply({"params": params}, carry, xs[t])
        ys.append(y)
    return jnp.stack(ys[T:])


def test_elstm_by_hand():
    params, (ys, _), *_ = ran("ELSTM")
    xs, c, want = np.float64(normal(2 * T, N, F)), np.zeros((N, H)), []

    def squashed(x):
        return 1.0 / (1.0 + np.exp(-x))

    def gate(p, x, c):
        return x @ p["input"] + p["own"] * c + p["bias"]

    double: Any = jax.tree.map(np.float64, params)
    recurrent, out = double["recurrent"], double["out"]
    for t in range(2 * T):
        if t >= T:
            c = np.where(RESET[t - T][:, None], 0.0, c)
        keep, new = squashed(gate(recurrent["keep"], xs[t], c)), gate(recurrent["new"], xs[t], c)
        c = keep * c + (1.0 - keep) * np.tanh(new)
        o = np.concatenate([xs[t], c], -1) @ out["kernel"] + out["bias"]
        want.append(squashed(o) * c)
    close(ys, np.stack(want[T:]))


def test_the_parallel_recurrence_is_the_sequential_one():
    """In double precision on the host, one step after the other."""
    decay = 0.9 * jnp.exp(1j * normal(5))
    drive, before = (linear.whole(jnp.asarray(normal(*shape, 2))) for shape in ((T, N, 5), (N, 5)))
    state, want = np.complex128(before), []
    for t in range(T):
        state = np.asarray(decay) * np.where(RESET[t][:, None], 0.0, state) + np.asarray(drive[t])
        want.append(state)
    found = jax.jit(linear.states)(decay, drive, before, jnp.asarray(RESET))
    np.testing.assert_allclose(found, np.stack(want), atol=1e-5)


def test_eigenvalues_of_lru_begin_on_their_ring():
    core = LRU(2, 4_000, r_min=0.5, r_max=0.9, max_phase=1.0)
    p = jax.jit(lambda key: core.init(key, 2))(jax.random.key(0))
    radius, angle = np.exp(-np.exp(p["nu"])), np.exp(p["theta"])
    assert 0.5 <= radius.min() < 0.51 and 0.89 < radius.max() <= 0.9
    assert angle.min() > 0.0 and 0.99 < angle.max() <= 1.0
    np.testing.assert_allclose((radius**2).mean(), (0.25 + 0.81) / 2, atol=0.01)  # uniform area
    np.testing.assert_allclose(np.exp(p["gamma"]), np.sqrt(1.0 - radius**2), rtol=1e-4)


def test_s5_begins_with_the_normal_part_of_hippo():
    """Its eigenvectors and eigenvalues give back the matrix of Gu et al. 2020, plus low rank."""
    order = 8
    angle, basis = s5._hippo(order)
    half = basis @ np.diag(-0.5 + 1j * angle) @ basis.conj().T
    root = np.sqrt(2 * np.arange(order) + 1.0)
    legs = -np.tril(np.outer(root, root), -1) - np.diag(np.arange(order) + 1.0)
    np.testing.assert_allclose(2.0 * half.real, legs + np.outer(root, root) / 2.0, atol=1e-4)


def test_zero_order_hold_is_exact_for_a_constant_drive():
    """x' = a x + 1 from 0: x(s) = (exp(a s) - 1) / a, and half the step twice is the step."""
    rate, angle, log_step = jnp.float32(-0.7), jnp.float32(2.0), jnp.log(0.3)
    decay, gain = s5.held(rate, angle, log_step)
    small_decay, small_gain = s5.held(rate, angle, log_step - math.log(2.0))
    np.testing.assert_allclose(gain, (np.exp((-0.7 + 2j) * 0.3) - 1.0) / (-0.7 + 2j), rtol=1e-5)
    np.testing.assert_allclose(decay, small_decay**2, rtol=1e-5)
    np.testing.assert_allclose(gain, (small_decay + 1.0) * small_gain, rtol=1e-5)


def test_s4d_is_a_convolution_over_the_whole_of_a_trajectory():
    num, core = 64, S4D(H, 8)
    params = jax.jit(lambda key: core.init(key, F))(jax.random.key(1))
    features = normal(num, N, H)

    @jax.jit
    def both(params, features):
        kernel = s4d.kernel(params, num)
        return s4d.convolved(kernel, features), s4d.recurrent(params, features), kernel

    convolved, recurrent, kernel = both(params, features)
    assert kernel.shape == (num, H) and np.abs(recurrent).max() > 0.1
    np.testing.assert_allclose(convolved, recurrent, atol=1e-5)
    by_hand = sum(kernel[num - 1 - s] * features[s] for s in range(num))
    np.testing.assert_allclose(convolved[-1], by_hand, atol=1e-5)


@frozen
class Closed:
    """A sink whose score is minus infinity."""

    def init(self, key, num_heads, size):
        return {"value": jax.random.normal(key, (1, num_heads, size))}

    def __call__(self, params, query):
        return jnp.full((*query.shape[:-1], 1), -jnp.inf), params["value"]


def test_a_sink_that_scores_minus_infinity_is_standard_attention():
    core, xs, never = SMALL, normal(T, N, F), jnp.zeros((T, N), bool)
    params = ran("Transformer")[0]
    closed = replace(core, sink=Closed())
    outputs = []
    for plan in (core, closed, replace(core, sink=SinkKV(1))):
        sink = plan.sink.init(jax.random.key(1), 2, H // 2)
        own = {**params, "sink": sink}
        outputs.append(jax.jit(plan.scan)(own, plan.start(N, F), xs, never)[0])
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-3  # and an open one is not


def test_a_fresh_sink_adds_one_to_what_weights_are_divided_by():
    query, score = jnp.asarray(normal(N, 2, 3)), np.float64(normal(N, 2, 5))
    plan = replace(SMALL, sink=SinkKV(2))
    weight, sunk = plan._weights(
        {"sink": SinkKV(2).init(jax.random.key(0), 2, 3)}, query, jnp.asarray(score)
    )
    want = np.exp(score) / (2.0 + np.exp(score).sum(-1, keepdims=True))
    np.testing.assert_allclose(weight, want, rtol=1e-5)
    np.testing.assert_array_equal(sunk, 0.0)


def test_attention_by_hand():
    """Softmax over the last four steps in double precision, one query after the other."""
    core, xs = SMALL, normal(T, 1, F)
    params = ran("Transformer")[0]
    got = jax.jit(core.scan)(params, core.start(1, F), xs, jnp.zeros((T, 1), bool))[0][:, 0]
    p: Any = jax.tree.map(np.float64, params)

    def dense(name, x):
        return x @ p[name]["kernel"] + p[name]["bias"]

    def normalised(x):
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)

    skip = dense("in", np.float64(xs[:, 0]))
    q, k, v = (x.reshape(T, 2, 2) for x in np.split(dense("attend", normalised(skip)), 3, -1))
    for t in range(T):
        found = []
        for head in range(2):
            past = range(max(0, t - core.window), t + 1)
            score = [q[t, head] @ k[s, head] / 2**0.5 + p["distance"][head, t - s] for s in past]
            weight = np.exp(score) / np.exp(score).sum()
            found.append(sum(w * v[s, head] for w, s in zip(weight, past, strict=True)))
        x = skip[t] + dense("out", np.concatenate(found))
        want = x + dense("last", np.maximum(dense("hidden", normalised(x)), 0.0))
        np.testing.assert_allclose(got[t], want, atol=1e-5)


def test_heads_must_divide_the_width():
    with pytest.raises(ConfigError, match="3 heads do not divide the width, 64"):
        Transformer(num_heads=3).init(jax.random.key(0), F)
