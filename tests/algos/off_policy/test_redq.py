"""REDQ: targets of drawn pairs, and SAC as its limit."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import redq, sac
from jaxac.heads.returns import Value
from jaxac.ops.reduce import Min, SubsetMin
from jaxac.runners import actor_critic

from .short import assert_equal, drawn, learned, tiny


def test_two_critics_and_one_step_are_sac():
    limit = config.configure(
        redq.redq(), {"critic.num": 2, "critic_steps": 1, "actor.reduce": Min()}
    )
    assert isinstance(limit.critic.reduce, SubsetMin)
    base, same = learned(tiny(sac.sac())), learned(tiny(limit))
    assert_equal((same.params, same.slow), (base.params, base.slow))
    with pytest.raises(AssertionError):
        assert_equal(base.params["actor"], learned(tiny(redq.redq())).params["actor"])


def test_the_target_is_the_least_of_one_pair_and_every_pair_is_drawn():
    """Pairs enumerated; the minimum over a drawn pair, one pair for the whole batch."""
    hp = tiny(redq.redq(), **{"critic.num": 4, "critic_steps": 2})
    built, learner, batch = drawn(hp)
    keys, action = jax.random.split(jax.random.key(0), 60), jnp.zeros_like(batch.action)

    @jax.jit
    def every(learner):
        nets = actor_critic.functions(built, hp, learner)
        q = built.critics.apply(learner.slow["critic"], None, batch.final_obs, action)
        return q, jax.vmap(lambda key: nets.slow_out(key, batch.final_obs, action))(keys)

    q, outs = jax.device_get(every(learner))
    pairs = {p: np.minimum(q[p[0]], q[p[1]]) for p in itertools.combinations(range(4), 2)}
    seen = set()
    for out in outs:
        seen.add(min(pairs, key=lambda p: float(np.abs(pairs[p] - out).max())))
        assert min(float(np.abs(x - out).max()) for x in pairs.values()) < 1e-6
    assert seen == set(pairs)


def test_a_larger_subset_lowers_targets_and_all_members_are_as_likely():
    """The mean of the least of M of uniform 0..9 without replacement is 11 / (M + 1) - 1."""
    out, keys = jnp.arange(10.0)[:, None, None], jax.random.split(jax.random.key(1), 4_000)
    for size in (1, 2, 5):
        op = SubsetMin(size)
        got = jax.vmap(lambda key, op=op: op(Value(), op.members(key, out)))(keys)
        np.testing.assert_allclose(got.mean(), 11 / (size + 1) - 1, atol=0.15)


def test_a_round_has_twenty_critic_steps_and_one_policy_step():
    learner = learned(tiny(redq.redq()))
    counts = {k: int(learner.opt_state[k][0].count) for k in ("actor", "critic")}
    assert counts == {"actor": 4, "critic": 80}
