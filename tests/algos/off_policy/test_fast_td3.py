"""FastTD3: the widths of exploration, the order of its steps, and TD3 as its limit."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxac import config
from jaxac.algos.off_policy import fast_td3, td3
from jaxac.algos.off_policy.fast_td3 import AdamW
from jaxac.heads.range import Range
from jaxac.heads.reparameterised import Tanh
from jaxac.heads.returns import Value
from jaxac.ops.explore import Gaussian, GaussianOfEach

from .short import assert_equal, learned, tiny

OUT = jnp.zeros((4_000, 2))


def test_each_environment_has_a_width_of_its_own_until_its_episode_ends():
    explore, head = GaussianOfEach(0.05, 0.4), Tanh(Range((-1.0,) * 2, (1.0,) * 2, (2,)))
    keys = jax.random.split(jax.random.key(0), 40)
    first, memory = explore(keys[0], explore.init(4_000, 2), head, OUT)
    width = np.asarray(memory[:, 0])
    assert width.min() >= 0.05 and width.max() <= 0.4
    np.testing.assert_allclose(width.mean(), 0.225, atol=0.01)
    np.testing.assert_allclose(width.std(), 0.35 / np.sqrt(12), atol=0.005)
    actions = [first]
    for key in keys[1:]:
        action, after = explore(key, memory, head, OUT)
        np.testing.assert_array_equal(after, memory)
        actions.append(action)
    spread = np.sqrt(np.square(np.stack(actions)).mean((0, 2)))
    narrow = width < 0.3  # wider noise is clipped now and then
    np.testing.assert_allclose((spread / width)[narrow].mean(), 1.0, atol=0.01)
    assert np.corrcoef(spread[narrow], width[narrow])[0, 1] > 0.95
    ended = memory.at[:2].set(0.0)
    _, other = explore(keys[5], ended, head, OUT)
    assert (other[:2] != memory[:2]).all() and (other[2:] == memory[2:]).all()


def test_a_range_of_one_width_is_gaussian_noise():
    explore, head = GaussianOfEach(0.1, 0.1), Tanh(Range((-1.0,) * 2, (1.0,) * 2, (2,)))
    key = jax.random.key(1)
    got, _ = explore(key, explore.init(4_000, 2), head, OUT)
    want, _ = Gaussian(0.1)(jax.random.split(key)[0], (), head, OUT)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_weights_decay_beside_adams_step():
    """Params less rate times Adam's step, less rate times decay times themselves."""
    params, grads, rate = jnp.array([2.0, -3.0]), jnp.array([0.1, 0.7]), 0.01
    plain, decayed = optax.adam(rate), AdamW(decay=0.1)(rate)
    step, _ = plain.update(grads, plain.init(params), params)
    got, _ = decayed.update(grads, decayed.init(params), params)
    np.testing.assert_allclose(got, step - rate * 0.1 * params, rtol=1e-5)


def test_a_round_has_two_critic_steps_and_one_policy_step():
    learner = learned(tiny(fast_td3.fast_td3()))
    counts = {k: int(learner.opt_state[k][0].count) for k in ("actor", "critic")}
    assert counts == {"actor": 4, "critic": 8}


def test_without_its_changes_it_is_td3():
    """Numbers for distributions, TD3's noises, networks, copies and optimiser: bit for bit."""
    base = tiny(td3.td3(num_steps=1))
    plain = config.configure(
        tiny(fast_td3.fast_td3()),
        {
            "actor": base.actor,
            "critic.returns": Value(),
            "critic.net": base.critic.net,
            "critic.slow": base.critic.slow,
            "critic.optimiser": base.critic.optimiser,
            "norm.obs": "Identity",
        },
    )
    assert_equal(learned(plain), learned(base))
