"""Memories after an update: what the new parameters make of the steps of the episode."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.envs.contract import Box
from jaxac.heads.categorical import Categorical
from jaxac.nets import Recomputed, Recurrent
from jaxac.nets.memory import LRU, SinkKV, Stacked, Transformer

T, N, F, W = 5, 3, 4, 6
ATTENTION = Stacked(Transformer(8, num_heads=2, window=W, sink=SinkKV()))
RESET = np.zeros((2 * T, N), bool)
RESET[3, 0] = RESET[7, 1] = RESET[2 * T - 1, 0] = True  # and one whose episode is longer than W


@pytest.fixture(params=(LRU(8, 4), ATTENTION), ids=("LRU", "Transformer"), scope="module")
def found(request):
    """Memories of two rollouts under old parameters, refreshed, and under new ones from afresh."""
    net = Recomputed(Recurrent(request.param, hidden=(8,)), W).build(Categorical(3), Box((F,)))
    obs = jnp.asarray(np.random.default_rng(0).normal(size=(2 * T, N, F)), jnp.float32)
    reset = jnp.asarray(RESET)

    @jax.jit
    def run(obs):
        old, new = (net.init(jax.random.key(i), obs[0]) for i in range(2))
        _, _, first = net.scan(old, net.start(N), obs[:T], reset[:T])
        carry = jax.tree.map(lambda x: x[-1], first)
        out, value, carries = net.scan(old, carry, obs[T:], reset[T:])
        steps = []
        for t in range(T, 2 * T):
            forgot = jax.tree.map(
                lambda x, r=reset[t]: jnp.where(r.reshape(-1, *[1] * (x.ndim - 1)), 0, x), carry
            )
            *both, carry = net.step(old, forgot, obs[t])
            steps.append((*both, carry))
        last = jax.tree.map(lambda x: x[-1], carries)
        afresh = net.scan(new, net.start(N), obs[-W:], reset[-W:])[2]
        return (
            (out, value, carries),
            jax.tree.map(lambda *x: jnp.stack(x), *steps),
            (last, net.refresh(new, last), net.refresh(old, last)),
            jax.tree.map(lambda x: x[-1], afresh),
            net.refresh(new, net.start(N)),
        )

    return run(obs)


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=2e-5), a, b)


def test_all_at_once_is_step_by_step_with_what_is_kept(found):
    close(found[0], found[1])


def test_the_memory_is_that_of_the_new_parameters(found):
    _, _, (last, renewed, _), afresh, empty = found
    for n in range(N):  # the last W steps are all that is kept
        close(*(jax.tree.map(lambda x, n=n: x[n], m.memory) for m in (renewed, afresh)))
    close((renewed.obs, renewed.there), (last.obs, last.there))
    differ = [
        np.abs(np.asarray(x) - np.asarray(y)).max() > 0.01
        for x, y in zip(jax.tree.leaves(last.memory), jax.tree.leaves(renewed.memory), strict=True)
    ]
    assert any(differ)
    assert not any(np.asarray(x).any() for x in jax.tree.leaves(empty))
    np.testing.assert_array_equal(last.there.sum(1), [1, 3, W])


def test_with_parameters_that_stand_still_nothing_changes(found):
    """Exactly for episodes that are kept whole; of longer ones the first steps are forgotten."""
    _, _, (last, _, again), _, _ = found
    for n in range(2):
        close(*(jax.tree.map(lambda x, n=n: x[n], m.memory) for m in (last, again)))
