"""What DDPG, TD3 and SAC share: targets and gradients against numpy, and equal limits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config, registry
from jaxac.algos.off_policy import ddpg, sac, td3, td3_bc
from jaxac.core import replace
from jaxac.envs import probes
from jaxac.errors import EnvError
from jaxac.ops.objective import ClimbAndClone
from jaxac.ops.proposal import Untouched
from jaxac.ops.reduce import First
from jaxac.ops.slow import Online, Polyak
from jaxac.ops.temperature import Fixed
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import ActorCritic

ENV = registry.make_env("Pendulum-v1")
TINY = {
    "actor.net.trunk.hidden": (8,),
    "critic.net.trunk.hidden": (8,),
    "num_envs": 3,
    "num_updates": 12,
    "warm_up": 12,
    "batch_size": 16,
    "replay.capacity": 256,
    "eval_episodes": 2,
}


def tiny(hp, **changes):
    return config.configure(replace(hp, **changes), TINY)


@functools.cache
def program(make):
    algorithm = make(ENV)
    return jax.jit(lambda hp: algorithm.chunk(algorithm.init(jax.random.key(0), hp)))


def learned(hp):
    """The networks after a short run."""
    return program(actor_critic.make)(hp)[0].learner


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture(scope="module")
def run():
    """A learner, its networks as functions, and a batch; with a soft temperature."""
    hp = tiny(sac.sac(), temperature=Fixed(0.3), num_updates=40)
    state, _ = program(actor_critic.make)(hp)
    built = actor_critic.parts(ENV, hp)
    batch = hp.replay.sample(jax.random.key(1), state.replay, 16, hp.gamma)
    return hp, built, state.learner, batch


def test_the_target_is_that_of_the_paper(run):
    """r + d (min over critics of Q' - alpha log pi), Q' and pi evaluated one by one."""
    hp, built, learner, batch = run
    batch = replace(batch, discount=batch.discount * (jnp.arange(16) % 3 > 0))  # some ended
    nets = actor_critic.functions(built, hp, learner)
    key = jax.random.key(2)
    got = hp.backup(key, (), nets, batch)
    key_action = jax.random.split(key, 3)[0]
    action, log_prob = nets.proposal(key_action, batch.final_obs)
    want = []
    for i in range(16):
        q = [
            built.critics.apply(
                jax.tree.map(lambda x, e=e: x[e : e + 1], learner.slow["critic"]),
                None,
                batch.final_obs[i : i + 1],
                action[i : i + 1],
            )
            for e in range(2)
        ]
        soft = min(float(x[0, 0, 0]) for x in q) - 0.3 * float(log_prob[i])
        want.append(float(batch.reward[i]) + float(batch.discount[i]) * soft)
    np.testing.assert_allclose(got[:, 0], want, rtol=1e-5, atol=1e-5)


def test_the_policys_gradient_is_that_of_finite_differences(run):
    """Of the mean of alpha log pi - min Q, along the step that plain descent takes."""
    hp, built, learner, batch = run
    hp = config.configure(hp, {"actor.optimiser": "SGD", "actor.learning_rate": 1.0})
    optimiser = hp.actor.optimiser(1.0)
    learner = replace(
        learner,
        opt_state={**learner.opt_state, "actor": optimiser.init(learner.params["actor"])},
    )
    key = jax.random.key(3)
    after, _ = actor_critic.actor_step(built, hp, key, learner, batch)
    step = jax.tree.map(jnp.subtract, after.params["actor"], learner.params["actor"])

    def loss(share):
        params = jax.tree.map(lambda p, d: p + share * d, learner.params["actor"], step)
        moved = replace(learner, params={**learner.params, "actor": params})
        return float(actor_critic.actor_step(built, hp, key, moved, batch)[1]["actor_loss"])

    slope = (loss(1e-3) - loss(-1e-3)) / 2e-3
    squares = sum(float(jnp.square(x).sum()) for x in jax.tree.leaves(step))
    np.testing.assert_allclose(slope, -squares, rtol=0.05)


def test_slow_critics_move_by_tau(run):
    hp, built, learner, batch = run
    after, _, error = actor_critic.critic_step(built, hp, jax.random.key(4), learner, batch)
    assert error.shape == (16,)
    jax.tree.map(
        lambda old, new, online: np.testing.assert_allclose(
            new, 0.995 * old + 0.005 * online, rtol=1e-4, atol=1e-6
        ),
        learner.slow["critic"],
        after.slow["critic"],
        after.params["critic"],
    )


def test_critics_of_an_ensemble_learn_apart(run):
    """The step of one critic is the same whatever the others are."""
    hp, built, learner, batch = run
    scaled = jax.tree.map(lambda x: x.at[1].multiply(2.0), learner.params["critic"])
    other = replace(learner, params={**learner.params, "critic": scaled})
    steps = [
        actor_critic.critic_step(built, hp, jax.random.key(4), x, batch)[0]
        for x in (learner, other)
    ]
    first = [jax.tree.map(lambda x: x[0], x.params["critic"]) for x in steps]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), *first)


def test_td3_without_its_three_changes_is_ddpg():
    """One critic, a policy step to each critic step, no noise in targets: bit for bit."""
    base = ddpg.ddpg()
    plain = td3.td3(num_steps=1, critic_steps=1, batch_size=base.batch_size)
    slow = Polyak(0.001, every=1)
    plain = config.configure(
        plain,
        {
            "actor.learning_rate": 1e-4,
            "critic.learning_rate": 1e-3,
            "actor.proposal.std": 0.0,
            "actor.explore": base.actor.explore,
            "actor.slow": slow,
            "critic.slow": slow,
            "critic.num": 1,
        },
    )
    assert type(plain.critic.reduce) is not type(base.critic.reduce)
    assert_equal(learned(tiny(plain)).params, learned(tiny(base)).params)


def test_each_of_td3s_changes_changes_it():
    base = learned(tiny(td3.td3())).params["actor"]
    changes = (
        {"actor.proposal": Untouched()},
        {"critic.reduce": First()},
        {"critic_steps": 1},
    )
    for change in changes:
        other = learned(config.configure(tiny(td3.td3()), change)).params["actor"]
        leaves = zip(jax.tree.leaves(base), jax.tree.leaves(other), strict=True)
        assert any((a != b).any() for a, b in leaves), change


def test_the_policy_moves_once_to_two_critic_steps():
    """TD3: as many policy steps as rounds, twice as many critic steps."""
    learner = learned(tiny(td3.td3()))
    counts = {k: int(learner.opt_state[k][0].count) for k in ("actor", "critic")}
    assert counts == {"actor": 10, "critic": 20} and learner.step == 20  # of 12 updates, 2 wait


def test_a_target_share_of_one_is_no_target():
    hp = tiny(ddpg.ddpg())
    copied = config.configure(hp, {"actor.slow.tau": 1.0, "critic.slow.tau": 1.0})
    none = config.configure(hp, {"actor.slow": Online(), "critic.slow": Online()})
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        learned(copied).params,
        learned(none).params,
    )


def test_cloning_that_counts_for_nothing_leaves_td3():
    """The first step of the policy, whose size Adam makes the same whatever Q is divided by."""
    hp = replace(tiny(td3_bc.td3_bc()), num_updates=3)  # two wait
    heavy = config.configure(hp, {"actor.objective": ClimbAndClone(1e7)})
    steps = [
        learned(x).params["actor"] for x in (heavy, replace(tiny(td3.td3()), num_updates=3), hp)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7), *steps[:2])
    with pytest.raises(AssertionError):
        assert_equal(steps[1], steps[2])


def test_a_policy_that_only_clones_finds_the_buffers_actions():
    hp = config.configure(
        tiny(td3_bc.td3_bc()),
        {
            "actor.objective": ClimbAndClone(0.0),
            "actor.learning_rate": 1e-2,
            "num_updates": 300,
            "warm_up": 600,
            "actor.explore.std": 0.0,
        },
    )
    state, _ = program(actor_critic.make)(hp)
    action, _ = td3_bc.make(ENV).act(state, state.loop.envs.obs)
    assert float(jnp.abs(action).max()) < 0.6  # of 2: the mean of uniform actions is 0


def test_a_gaussian_of_known_width_is_found():
    """Reward 1 - (a - s / 2)^2: the optimum is exp(-(a - s / 2)^2 / alpha), variance alpha / 2."""
    env = probes.continuous_action().env
    alpha = 0.02
    hp = config.configure(
        tiny(sac.sac(), temperature=Fixed(alpha)),
        {
            "num_envs": 16,
            "num_updates": 1_500,
            "actor.net.trunk.hidden": (32,),
            "critic.net.trunk.hidden": (64,),
            "actor.learning_rate": {"op": "Linear", "start": 1e-2, "end": 0.0},
            "critic.learning_rate": {"op": "Linear", "start": 1e-2, "end": 0.0},
            "batch_size": 128,
            "replay.capacity": 8_192,
            "warm_up": 2_048,
            "total_steps": 24_000,
        },
    )
    algorithm = sac.make(env)
    state, _ = jax.jit(lambda key: algorithm.chunk(algorithm.init(key, hp)))(jax.random.key(0))
    obs = jnp.ones((4_000, 1)).at[2_000:].set(-1.0)
    action, _ = jax.jit(algorithm.act)(state, obs, None, jax.random.key(1))
    tails = np.asarray(action[:2_000, 0]), np.asarray(action[2_000:, 0])
    for got, mean in zip(tails, (0.5, -0.5), strict=True):
        np.testing.assert_allclose(got.mean(), mean, atol=0.06)
        np.testing.assert_allclose(got.var(), alpha / 2, rtol=0.35)


def test_actions_that_are_no_bounded_box_are_refused():
    with pytest.raises(EnvError, match="dqn"):
        registry.make_algorithm("sac", registry.make_env("CartPole-v1"))
    assert isinstance(sac.sac(), ActorCritic)
