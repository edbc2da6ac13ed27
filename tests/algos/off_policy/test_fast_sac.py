"""FastSAC: the critics' own categorical targets in numpy, and one critic as its limit."""

import jax
import numpy as np

from jaxac import config
from jaxac.algos.off_policy import fast_sac
from jaxac.ops.reduce import First
from jaxac.runners import actor_critic

from .short import assert_close, batch, learned, parts, tiny


def test_each_critic_has_a_projected_target_of_its_own():
    """Its slow copy's shares, moved by r + d (z - alpha log pi) and shared out, in loops."""
    hp = tiny(fast_sac.fast_sac(), **{"critic.returns.num": 5, "temperature.start": 1.0})
    data = batch()

    @jax.jit
    def both():
        built, key = parts(hp), jax.random.key(2)
        learner = actor_critic.begin(built, key, hp, data.obs)
        nets = actor_critic.functions(built, hp, learner)
        action, log_prob = nets.proposal(jax.random.split(key, 3)[0], data.final_obs)
        out = built.critics.apply(learner.slow["critic"], None, data.final_obs, action)
        return hp.backup(key, (), nets, data), jax.nn.softmax(out), log_prob

    got, share, log_prob = (np.asarray(x) for x in both())  # [E, B, K] twice
    want = np.zeros((2, 16, 5))
    for i in range(16):
        for k, z in enumerate(np.linspace(-20.0, 20.0, 5)):
            moved = float(data.reward[i]) + float(data.discount[i]) * (z - float(log_prob[i]))
            place = (np.clip(moved, -20, 20) + 20.0) / 10.0
            low = min(int(place), 3)
            want[:, i, low] += share[:, i, k] * (low + 1 - place)
            want[:, i, low + 1] += share[:, i, k] * (place - low)
    np.testing.assert_allclose(got, want, atol=1e-4)
    np.testing.assert_allclose(got.sum(-1), 1.0, atol=1e-5)
    assert np.abs(got[0] - got[1]).max() > 1e-3


def test_one_critic_alone_is_its_distributional_parent():
    hp = tiny(fast_sac.fast_sac(), **{"critic.returns.num": 5, "critic.num": 1, "critic_steps": 1})
    first = config.configure(hp, {"critic.reduce": First(), "actor.reduce": First()})
    before, own, parent = learned(hp, num=0), learned(hp), learned(first)
    assert_close(own.params, parent.params)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max() > 0, before.params, own.params)
    assert all(jax.tree.leaves(moved))


def test_a_step_of_all_environments_has_eight_critic_and_two_policy_steps():
    hp = fast_sac.fast_sac()
    assert (hp.num_rounds * hp.critic_steps, hp.num_rounds, hp.num_steps) == (8, 2, 1)
