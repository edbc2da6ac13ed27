"""PPO on observations with names, privileged state, action masks and pixels."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy import ppo
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import Scalar, frozen, replace
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.errors import EnvError
from jaxac.nets import CNN, MLP, ActorCritic, Conv, SharedTrunk, TwoTrunks
from jaxac.nets.activation import ReLU
from jaxac.ops.normalise import Affine, PerView, Standard
from jaxac.runners import on_policy
from jaxac.runners.advantage import Norm

WALK = as_env(mdp.random_walk(5), "walk", time_limit=100)
SMALL = ppo.PPO(
    num_envs=4, num_steps=8, num_epochs=2, num_minibatches=2, num_updates=2,
    eval_episodes=2, net=ActorCritic(hidden=(8,)), learning_rate=1e-2,
    norm=Norm(obs=Standard()),
)  # fmt: skip
NO = jnp.bool_(False)


def observing(env, see, space):
    """`env` whose observation `obs` is `see(obs)`."""

    def reset(key, params):
        state, obs = env.reset(key, params)
        return state, see(obs)

    def step(key, state, action, params):
        state, s = env.step(key, state, action, params)
        return state, replace(s, obs=see(s.obs))

    return dataclasses.replace(env, reset=reset, step=step, observation_space=space)


MASK = Box((2,), 0.0, 1.0, "bool")
NAMED = observing(WALK, lambda obs: {"policy": obs}, {"policy": WALK.observation_space})
ALL_LEGAL = observing(
    WALK,
    lambda obs: {"policy": obs, "action_mask": jnp.ones(2, bool)},
    {"policy": WALK.observation_space, "action_mask": MASK},
)
COPIED = observing(
    WALK,
    lambda obs: {"policy": obs, "critic": obs},
    {"policy": WALK.observation_space, "critic": WALK.observation_space},
)


def trained(env, hp=SMALL):
    algorithm = ppo.make(env)

    @jax.jit
    def run(key):
        state, metrics = algorithm.chunk(algorithm.init(key, hp))
        return state, {**metrics, **algorithm.evaluate(state)}

    return run(jax.random.key(0))


def assert_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture(scope="module")
def plain_walk():
    return trained(WALK)


@pytest.mark.parametrize(
    "env", [NAMED, ALL_LEGAL, COPIED], ids=["policy alone", "all legal", "critic sees the same"]
)
def test_names_that_add_nothing_change_nothing(env, plain_walk):
    """Bit for bit: parameters, optimiser, metrics, evaluation, statistics of what is seen."""
    (plain, plain_metrics), (named, metrics) = plain_walk, trained(env)
    assert_equal(named.learner.params, plain.learner.params)
    assert_equal(named.learner.opt_state, plain.learner.opt_state)
    assert_equal(metrics, plain_metrics)
    assert_equal(named.stats["obs"]["policy"], plain.stats["obs"])
    assert_equal(named.loop.envs.obs["policy"], plain.loop.envs.obs)


def test_a_normaliser_that_undoes_what_the_environment_does_changes_nothing():
    """Bit for bit, so whatever a network sees is normalised: at collection, in values of the true
    next observations, in the loss, in evaluation. Bytes are as good as floats."""
    space = Box(WALK.observation_space.shape, 0.0, 4.0, "uint8")
    bytes_of_four = observing(WALK, lambda obs: (4 * obs).astype(jnp.uint8), space)
    quarter = replace(SMALL, norm=Norm(obs=Affine(scale=0.25)))
    (plain, plain_metrics), (scaled, metrics) = (
        trained(WALK, replace(SMALL, norm=Norm())),
        trained(bytes_of_four, quarter),
    )
    assert_equal(scaled.learner.params, plain.learner.params)
    assert_equal(metrics, plain_metrics)


@frozen
class SidesParams:
    """Traced params."""

    lifted: Scalar = 0.0  # whether action 2 is legal


def sides():
    """A bandit of one step on pixels, with a privileged critic and an illegal action.

    The lit half of a 5 x 6 image says which of actions 0 and 1 pays 1. The critic sees a bonus of
    -1 or 1 that comes with it, so V = 1 + bonus. Action 2 pays most and is not legal.
    """

    def obs_of(side, bonus, params):
        image = jnp.where((jnp.arange(6) >= 3) == side, 200, 3)
        image = jnp.broadcast_to(image[None, :, None], (5, 6, 1)).astype(jnp.uint8)
        legal = jnp.array([1.0, 1.0, params.lifted]) > 0
        return {"policy": image, "critic": jnp.stack([bonus, 7.0]), "action_mask": legal}

    def reset(key, params):
        side, sign = jax.random.bernoulli(key, 0.5, (2,))
        state = side, 2.0 * sign - 1.0
        return state, obs_of(*state, params)

    def step(key, state, action, params):
        side, bonus = state
        reward = (action == side) + bonus + jnp.where(action == 2, 1e6, 0.0)
        return state, TimeStep(obs_of(*state, params), reward, ~NO, NO)

    space = {
        "policy": Box((5, 6, 1), 0.0, 255.0, "uint8"),
        "critic": Box((2,)),
        "action_mask": Box((3,), 0.0, 1.0, "bool"),
    }
    return Env("sides", reset, step, SidesParams(), space, Discrete(3), lambda params: 10)


SIDES = sides()
PIXELS = replace(
    SMALL, num_envs=16, num_updates=30, eval_episodes=64, entropy_coef=0.0, learning_rate=5e-3,
    norm=Norm(obs=PerView(Affine(scale=1.0 / 255.0), Standard())),
    net=TwoTrunks(CNN((4,), hidden=(16,)), MLP((16,))),
)  # fmt: skip


@dataclasses.dataclass
class Trained:
    """Two chunks on SIDES, and one with the mask lifted, by one program."""

    state: Any
    metrics: list
    lifted: dict
    evaluation: dict
    act: Any
    traces: list


@pytest.fixture(scope="module")
def pixels():
    algorithm, traces = ppo.make(SIDES), []

    @jax.jit
    def chunk(state):
        traces.append(1)
        return algorithm.chunk(state)

    init = jax.jit(algorithm.init)
    _, lifted = chunk(init(jax.random.key(1), PIXELS, SidesParams(1.0)))
    state = init(jax.random.key(1), PIXELS, SIDES.params)
    state, first = chunk(state)
    state, second = chunk(state)
    evaluation = jax.jit(algorithm.evaluate)(state)
    return Trained(state, [first, second], lifted, evaluation, jax.jit(algorithm.act), traces)


def first_observations(count=8):
    obs = jax.vmap(SIDES.reset, (0, None))(
        jax.random.split(jax.random.key(7), count), SIDES.params
    )[1]
    bright_right = np.asarray(obs["policy"][:, 0, -1, 0] > 100)
    assert bright_right.any() and not bright_right.all()
    return obs, bright_right


def test_a_cnn_finds_the_optimum_of_pixels(pixels):
    obs, right = first_observations()
    np.testing.assert_array_equal(pixels.act(pixels.state, obs)[0], right)
    mean, std = (pixels.evaluation[name] for name in ("eval_return", "eval_return_std"))
    np.testing.assert_allclose(std**2 + mean**2, 2.0 * mean, rtol=1e-4)  # every return is 0 or 2
    before, after = (m["episode_return"] for m in pixels.metrics)
    assert 0.0 < mean < 2.0 and before < after


def test_the_value_knows_what_the_policy_does_not_see(pixels):
    obs, _ = first_observations()
    want = 1.0 + np.asarray(obs["critic"][:, 0])
    assert set(want) == {0.0, 2.0}
    np.testing.assert_allclose(ppo.make(SIDES).value(pixels.state, obs), want, atol=0.1)


def test_an_illegal_action_that_pays_most_is_never_taken(pixels):
    """Taken once in a chunk of 3,840 episodes it would lift their mean return above 200."""
    for metrics in pixels.metrics:
        assert metrics["episode_return"] <= 2.0
    assert pixels.evaluation["eval_return"] <= 2.0
    assert pixels.lifted["episode_return"] > 1e4  # what was never taken is there to be taken
    obs, _ = first_observations()
    net = PIXELS.net.build(PIXELS.policy(SIDES.action_space), SIDES.observation_space)
    seen = PIXELS.norm.obs(pixels.state.stats["obs"], obs)
    logits, _, _ = net.step(pixels.state.learner.params, (), seen)
    assert (jax.nn.softmax(logits)[:, 2] == 0.0).all()


def test_names_masks_and_pixels_are_traced_once_and_stay_finite(pixels):
    assert pixels.traces == [1]
    assert [float(m["finite"]) for m in pixels.metrics] == [1.0, 1.0]


def test_pixels_stay_bytes_in_the_trajectory(pixels):
    def act(key, carry, obs):
        return jnp.zeros(16, jnp.int32), jnp.zeros(16), carry

    def rollout(key, loop):
        return on_policy.rollout(key, SIDES, SIDES.params, act, lambda a: a, loop, 8)[1]

    traj = jax.eval_shape(rollout, jax.random.key(0), pixels.state.loop)
    for obs in (traj.obs, traj.final_obs):
        assert (obs["policy"].shape, obs["policy"].dtype) == ((8, 16, 5, 6, 1), jnp.uint8)
        assert obs["action_mask"].dtype == bool
    assert pixels.state.loop.envs.obs["policy"].dtype == jnp.uint8


def test_the_size_of_a_batch_of_named_observations_is_read_off_them(pixels):
    obs, _ = first_observations(8)
    three, _ = pixels.act(pixels.state, jax.tree.map(lambda x: x[:3], obs))
    np.testing.assert_array_equal(three, pixels.act(pixels.state, obs)[0][:3])
    sampled, _ = pixels.act(pixels.state, obs, key=jax.random.key(0))
    assert sampled.shape == (8,) and (sampled < 2).all()


def image_walk():
    """The walk as pixels: the state's number is the row that is lit."""

    def see(obs):
        return jnp.broadcast_to(255 * obs[:, None, None], (7, 4, 1)).astype(jnp.uint8)

    return observing(WALK, see, Box((7, 4, 1), 0.0, 255.0, "uint8"))


@pytest.mark.parametrize(
    "net",
    [
        ActorCritic((8,), ReLU(), encoder=Conv((2,), (3,), (1,))),
        SharedTrunk((8,), encoder=Conv((2, 3), (3, 2), (1, 1))),
    ],
    ids=["separate", "shared"],
)
def test_a_chunk_on_plain_images_moves_every_weight(net):
    env = image_walk()
    algorithm = ppo.make(env)
    hp = replace(SMALL, net=net, norm=Norm(obs=Affine(scale=1.0 / 255.0)))
    before = jax.jit(algorithm.init)(jax.random.key(0), hp)
    after, metrics = jax.jit(algorithm.chunk)(before)
    assert metrics["finite"] == 1 and after.loop.envs.obs.dtype == jnp.uint8
    weights = [jax.tree_util.tree_leaves_with_path(s.learner.params) for s in (before, after)]
    for (path, old), (_, new) in zip(*weights, strict=True):
        assert np.abs(new - old).max() > 0, jax.tree_util.keystr(path)


def test_a_network_that_does_not_fit_is_an_error_at_init():
    for net, env, message in (
        (ActorCritic(encoder=Conv()), WALK, "use an MLP"),
        (SharedTrunk(), COPIED, "use ActorCritic or TwoTrunks"),
    ):
        with pytest.raises(EnvError, match=message):
            ppo.make(env).init(jax.random.key(0), replace(SMALL, net=net))
    box = dataclasses.replace(ALL_LEGAL, action_space=Box((2,), -1.0, 1.0))
    with pytest.raises(EnvError, match="marks legal discrete actions"):
        ppo.make(box).init(jax.random.key(0), SMALL)
