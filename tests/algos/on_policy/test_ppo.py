"""PPO and A2C against enumeration, against each other, and at their limits."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.on_policy import a2c, ppo
from jaxac.algos.tabular import exact, mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import Static, field, frozen, replace
from jaxac.envs import probes
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.errors import ConfigError, EnvError
from jaxac.heads import Squashed
from jaxac.nets.actor_critic import ActorCritic, Network
from jaxac.ops.credit import GAE, NStep
from jaxac.ops.minibatch import InOrder, ShuffleEnvironments
from jaxac.ops.normalise import Standard
from jaxac.ops.optimiser import SGD
from jaxac.ops.schedule import Linear
from jaxac.ops.surrogate import Clip, Plain, Ratio
from jaxac.ops.value_loss import ClippedSquared
from jaxac.runners.advantage import Norm

WALK = as_env(mdp.random_walk(5), "walk", time_limit=100)
SMALL = ppo.PPO(
    num_envs=4, num_steps=8, num_epochs=2, num_minibatches=2, num_updates=2,
    eval_episodes=2, net=ActorCritic(hidden=(8,)), learning_rate=1e-2,
)  # fmt: skip


@functools.cache
def programs(env):
    """Compiled once per environment and structure of hyper-parameters, whatever their numbers."""
    algorithm = ppo.make(env)
    return jax.jit(algorithm.init), jax.jit(algorithm.chunk)


def trained(hp, env=WALK, seed=0, chunks=1, env_params=None):
    init, chunk = programs(env)
    state = init(jax.random.key(seed), hp, env_params)
    for _ in range(chunks):
        state, metrics = chunk(state)
    return state, metrics


def assert_same_params(a, b, **tolerance):
    for x, y in zip(
        jax.tree.leaves(a.learner.params), jax.tree.leaves(b.learner.params), strict=True
    ):
        np.testing.assert_allclose(x, y, **tolerance)


def test_one_update_follows_the_exact_policy_gradient():
    """A linear softmax policy on one-hot states has the tabular gradient, which is enumerated.

    One step of plain gradient ascent on many episodes moves each logit by the learning rate times
    the exact gradient per step: J's gradient over the expected length of an episode.
    """
    rate = 1.0
    hp = ppo.PPO(
        gamma=1.0, learning_rate=rate, entropy_coef=0.0, max_grad_norm=1e9, value_coef=0.0,
        credit=GAE(lam=1.0), surrogate=Plain(), advantage=a2c.Unscaled(), optimiser=SGD(),
        num_envs=512, num_steps=512, num_epochs=1, num_minibatches=1, num_updates=1,
        net=ActorCritic(hidden=()),
    )  # fmt: skip
    before, (after, _) = programs(WALK)[0](jax.random.key(0), hp), trained(hp)
    process = WALK.params.mdp

    def logits(state):
        head = state.learner.params["params"]["head"]
        return head["kernel"] + head["bias"]

    policy = jax.nn.softmax(logits(before))
    wanted = exact.policy_gradient(process, logits(before), 1.0)
    visits = exact.occupancy(process, policy, 1.0)
    kernel = [s.learner.params["params"]["head"]["kernel"] for s in (before, after)]
    moved = (kernel[1] - kernel[0]) / rate * visits.sum()
    np.testing.assert_allclose(moved, wanted, atol=0.012)
    assert np.abs(wanted).max() > 0.05


def test_the_critic_learns_the_exact_value():
    process = WALK.params.mdp
    hp = replace(
        SMALL, num_envs=32, num_steps=16, num_updates=300, gamma=1.0, surrogate=Ratio(),
        learning_rate=Linear(1e-2, 0.0), total_steps=32 * 16 * 300.0,
        policy=replace(SMALL.policy, scale=0.0), entropy_coef=1e3,  # keeps the policy uniform
        net=ActorCritic(hidden=(16,)),
    )  # fmt: skip
    state, _ = trained(hp)
    inner = ~np.asarray(process.terminal)
    obs = np.eye(process.num_states)[inner]
    uniform = np.full((process.num_states, 2), 0.5)
    want = exact.policy_value(process, uniform, 1.0)[inner]
    np.testing.assert_allclose(ppo.make(WALK).value(state, obs), want, atol=0.04)


def test_a2c_is_a_value_of_ppo():
    hp = a2c.a2c()
    assert isinstance(hp, ppo.PPO) and a2c.make is ppo.make
    assert hp.num_epochs == hp.num_minibatches == 1
    small = dict(num_envs=4, num_steps=8, num_updates=2, net=ActorCritic(hidden=(8,)))
    by_hand = replace(
        ppo.PPO(**small), surrogate=Plain(), num_epochs=1, num_minibatches=1,
        credit=GAE(lam=1.0), advantage=a2c.Unscaled(), optimiser=a2c.RMSProp(), learning_rate=7e-4,
    )  # fmt: skip
    assert_same_params(trained(a2c.a2c(**small))[0], trained(by_hand)[0], rtol=0)


def test_a_wide_clip_is_the_plain_ratio():
    wide = trained(replace(SMALL, surrogate=Clip(low=1.0, high=1e6)))[0]
    assert_same_params(wide, trained(replace(SMALL, surrogate=Ratio()))[0], atol=1e-6)


def test_a_wide_value_clip_is_none():
    wide = trained(replace(SMALL, value_loss=ClippedSquared(width=1e6)))[0]
    assert_same_params(wide, trained(SMALL)[0], atol=1e-6)


def test_n_steps_of_one_is_gae_of_zero():
    one = trained(replace(SMALL, credit=NStep(n=1)))[0]
    assert_same_params(one, trained(replace(SMALL, credit=GAE(lam=0.0)))[0], atol=1e-6)


def test_chunk_length_changes_nothing():
    whole, _ = trained(replace(SMALL, num_updates=4))
    halves, _ = trained(SMALL, chunks=2)
    assert_same_params(whole, halves, rtol=0)
    np.testing.assert_array_equal(whole.loop.envs.obs, halves.loop.envs.obs)


def test_evaluation_leaves_training_alone():
    """A run that is evaluated between its chunks is the run that is not."""
    evaluate = jax.jit(ppo.make(WALK).evaluate)
    state, _ = trained(SMALL)
    assert set(evaluate(state)) == {"eval_return", "eval_return_std", "eval_length"}
    assert_same_params(programs(WALK)[1](state)[0], trained(SMALL, chunks=2)[0], rtol=0)


def test_target_kl_stops_the_steps_of_an_update():
    """The first step of one minibatch has KL 0; the second exceeds any bound and is not taken."""
    hp = replace(SMALL, num_minibatches=1, num_updates=1, optimiser=SGD(), learning_rate=0.5)
    stopped = trained(replace(hp, num_epochs=4, target_kl=1e-9))[0]
    assert_same_params(stopped, trained(replace(hp, num_epochs=1))[0], atol=1e-6)
    free = trained(replace(hp, num_epochs=4))[0]
    moved = [
        np.abs(a - b).max()
        for a, b in zip(
            jax.tree.leaves(free.learner.params),
            jax.tree.leaves(stopped.learner.params),
            strict=True,
        )
    ]
    assert max(moved) > 1e-4


def test_any_number_may_be_scheduled():
    """A constant schedule is the number; an annealed one is seen in the metrics."""
    constant = replace(
        SMALL, learning_rate=Linear(1e-2, 1e-2), surrogate=Clip(Linear(0.2, 0.2), Linear(0.2, 0.2))
    )
    assert_same_params(trained(constant)[0], trained(SMALL)[0], atol=1e-6)
    annealed = replace(SMALL, learning_rate=Linear(1e-2, 0.0), total_steps=4 * 8 * 2.0)
    np.testing.assert_allclose(trained(annealed)[1]["learning_rate"], (1e-2 + 5e-3) / 2, rtol=1e-5)


def test_observation_statistics_are_of_all_that_was_seen():
    hp = replace(SMALL, norm=Norm(obs=Standard()))
    state, _ = trained(hp, chunks=2)
    assert state.stats["obs"].count == 4 * 8 * 4
    np.testing.assert_allclose(state.stats["obs"].mean.sum(), 1.0, rtol=1e-5)  # one-hot


def test_normalised_values_are_read_in_reward_units():
    env = probes.constant_reward().env
    hp = replace(
        SMALL, num_updates=100, norm=Norm(value=Standard(clip=jnp.inf)), num_envs=16,
        learning_rate=Linear(1e-2, 0.0), total_steps=100 * 16 * 8.0,
    )  # fmt: skip
    params = replace(env.params, reward_scale=50.0)
    state, _ = trained(hp, env, env_params=params)
    np.testing.assert_allclose(ppo.make(env).value(state, jnp.zeros((1, 1))), 50.0, rtol=0.02)


def test_advantages_may_be_computed_before_every_epoch():
    """With a learning rate of zero the critic never moves, so fresh advantages are the old ones."""
    hp = replace(SMALL, learning_rate=0.0)
    _, once = trained(hp)
    _, each = trained(replace(hp, num_advantage_passes=2))
    for name in ("value_loss", "explained_variance"):
        np.testing.assert_allclose(each[name], once[name], rtol=1e-5)
    moved = replace(SMALL, learning_rate=0.1)
    fresh, stale = trained(replace(moved, num_advantage_passes=2))[0], trained(moved)[0]
    with pytest.raises(AssertionError):
        assert_same_params(fresh, stale, atol=1e-5)


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_box_actions_of_any_shape(shape):
    def reset(key, params):
        return jnp.zeros(()), jax.random.normal(key, (2, 2))

    def step(key, state, action, params):
        assert action.shape == shape
        obs = jax.random.normal(key, (2, 2))
        return state, TimeStep(obs, -jnp.square(action).sum(), jnp.bool_(False), jnp.bool_(False))

    env = Env("box", reset, step, (), Box((2, 2)), Box(shape, -1.0, 1.0), lambda p: 5)
    for policy in (SMALL.policy, Squashed()):
        state, metrics = trained(replace(SMALL, policy=policy), env)
        assert metrics["finite"] == 1
        action, _ = ppo.make(env).act(state, jnp.zeros((3, 2, 2)), key=jax.random.key(0))
        assert action.shape == (3, *shape) and np.abs(action).max() <= 1


def test_squashed_needs_bounds():
    with pytest.raises(EnvError, match="bounded Box"):
        Squashed()(Discrete(2))
    with pytest.raises(EnvError, match="bounded Box"):
        Squashed()(Box((1,)))


@pytest.mark.parametrize(
    ("changes", "field_name"),
    [
        ({"num_minibatches": 3}, "num_minibatches"),
        ({"minibatches": "ShuffleEnvironments", "num_minibatches": 8}, "num_minibatches"),
        ({"num_epochs": 3, "num_advantage_passes": 2}, "num_advantage_passes"),
    ],
)
def test_counts_that_do_not_divide_are_named(changes, field_name):
    with pytest.raises(ConfigError) as caught:
        ppo.make(WALK).init(jax.random.key(0), config.configure(SMALL, changes))
    assert caught.value.path == field_name


# A network with memory, to prove that the interface bears one.


class _Recurrent(nn.Module):
    width: int
    head: nn.Module

    @nn.compact
    def __call__(self, carry, obs):
        carry, x = nn.GRUCell(self.width)(carry, obs)
        return self.head(x), nn.Dense(1)(x)[..., 0], carry


@frozen
class Memory:
    width: Static[int] = field(16, "size of the memory")

    def build(self, head, observation_space):
        module = _Recurrent(self.width, head.layer())

        def start(num_envs):
            return jnp.zeros((num_envs, self.width))

        def step(params, carry, obs):
            return module.apply(params, carry, obs)

        def scan(params, carry, obs, reset):
            def one(carry, x):
                obs, reset = x
                carry = jnp.where(reset[..., None], 0.0, carry)
                out, value, carry = step(params, carry, obs)
                return carry, (out, value, carry)

            return jax.lax.scan(one, carry, (obs, reset))[1]

        return Network(
            lambda key, obs: module.init(key, start(obs.shape[0]), obs), start, step, scan
        )


def recall(delay=2):
    """A cue is seen at the first step only; the action `delay` steps later must name it."""

    def obs_of(cue, t):
        return jnp.stack([jnp.where(t == 0, cue, 0.0), jnp.where(t == delay, 1.0, 0.0)])

    def reset(key, params):
        cue = jnp.where(jax.random.bernoulli(key), 1.0, -1.0)
        return (cue, jnp.int32(0)), obs_of(cue, 0)

    def step(key, state, action, params):
        cue, t = state
        right = jnp.where((action == 1) == (cue > 0), 1.0, -1.0)
        reward = jnp.where(t == delay, right, 0.0)
        done = t == delay
        return (cue, t + 1), TimeStep(obs_of(cue, t + 1), reward, done, jnp.bool_(False))

    return Env("recall", reset, step, (), Box((2,), -1.0, 1.0), Discrete(2), lambda p: 100)


def test_a_network_with_memory_recalls_what_one_without_cannot():
    hp = replace(
        SMALL, num_envs=32, num_steps=16, num_updates=80, net=Memory(), learning_rate=1e-2,
        minibatches=ShuffleEnvironments(), eval_episodes=64, entropy_coef=1e-3,
    )  # fmt: skip
    env = recall()
    algorithm = ppo.make(env)
    state, _ = trained(hp, env)
    np.testing.assert_allclose(algorithm.evaluate(state)["eval_return"], 1.0, atol=1e-6)
    blind, _ = trained(replace(hp, net=ActorCritic(hidden=(16,))), env)
    assert algorithm.evaluate(blind)["eval_return"] < 0.5


@pytest.mark.parametrize("order", [SMALL.minibatches, InOrder()])
def test_a_memory_needs_minibatches_that_keep_time(order):
    hp = replace(SMALL, net=Memory(), minibatches=order)
    with pytest.raises(ConfigError, match="use ShuffleEnvironments"):
        ppo.make(recall()).init(jax.random.key(0), hp)
