"""What DDPG, TD3 and SAC share: targets and gradients against numpy, and equal limits."""

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
from jaxac.ops.reduce import First
from jaxac.ops.slow import Online, Polyak
from jaxac.ops.temperature import Fixed
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import ActorCritic

from .short import ENV, assert_close, assert_equal, batch, drawn, learned, target_of, tiny

KEY = jax.random.key(2)


@pytest.fixture(scope="module")
def run():
    """A learner, its networks as functions, and a batch; with a soft temperature."""
    hp = tiny(sac.sac(), temperature=Fixed(0.3))
    return hp, *drawn(hp)


@pytest.fixture(scope="module")
def stepped(run):
    """Steps of the critics and the policy from any learner on the batch, compiled."""
    hp, built, _, batch = run
    return tuple(
        jax.jit(lambda learner, step=step: step(built, hp, KEY, learner, batch))
        for step in (actor_critic.critic_step, actor_critic.actor_step)
    )


def test_the_target_is_that_of_the_paper(run):
    """r + d (min over critics of Q' - alpha log pi), row by row."""
    hp, _, learner, batch = run
    got, _, log_prob, out, alpha = jax.device_get(target_of(hp, learner, batch, KEY))
    for i in range(16):
        soft = min(out[0, i, 0], out[1, i, 0]) - 0.3 * log_prob[i]
        want = float(batch.reward[i]) + float(batch.discount[i]) * soft
        np.testing.assert_allclose(got[i, 0], want, rtol=1e-5, atol=1e-5)
    assert alpha == np.float32(0.3)


def test_the_policys_gradient_is_that_of_finite_differences(run):
    """Of the mean of alpha log pi - min Q, along the step that plain descent takes."""
    hp, built, learner, batch = run
    hp = config.configure(hp, {"actor.optimiser": "SGD", "actor.learning_rate": 1.0})
    state = hp.actor.optimiser(1.0).init(learner.params["actor"])
    learner = replace(learner, opt_state={**learner.opt_state, "actor": state})
    step = jax.jit(lambda learner: actor_critic.actor_step(built, hp, KEY, learner, batch))
    after, _ = step(learner)
    change = jax.tree.map(jnp.subtract, after.params["actor"], learner.params["actor"])

    def loss(share):
        params = jax.tree.map(lambda p, d: p + share * d, learner.params["actor"], change)
        moved = replace(learner, params={**learner.params, "actor": params})
        return float(step(moved)[1]["actor_loss"])

    slope = (loss(1e-3) - loss(-1e-3)) / 2e-3
    squares = sum(float(jnp.square(x).sum()) for x in jax.tree.leaves(change))
    np.testing.assert_allclose(slope, -squares, rtol=0.05)


def test_slow_critics_move_by_tau(run, stepped):
    _, _, learner, _ = run
    after, _, error = stepped[0](learner)
    assert error.shape == (16,)
    old, online = learner.slow["critic"], after.params["critic"]
    want = jax.tree.map(lambda x, y: 0.995 * np.asarray(x) + 0.005 * np.asarray(y), old, online)
    assert_close(after.slow["critic"], want)


def test_critics_of_an_ensemble_learn_apart(run, stepped):
    """The step of one critic is the same whatever the others are."""
    _, _, learner, _ = run
    scaled = jax.tree.map(lambda x: x.at[1].multiply(2.0), learner.params["critic"])
    other = replace(learner, params={**learner.params, "critic": scaled})
    first = [
        jax.tree.map(lambda x: np.asarray(x)[0], stepped[0](x)[0].params["critic"])
        for x in (learner, other)
    ]
    assert_close(*first, rtol=1e-6)


@pytest.mark.usual_emitters
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
    base = learned(tiny(td3.td3())).params["critic"]
    changes = (
        {"actor.proposal.std": 0.0},
        {"critic.reduce": First()},
    )
    for change in changes:
        other = learned(config.configure(tiny(td3.td3()), change)).params["critic"]
        leaves = zip(jax.tree.leaves(base), jax.tree.leaves(other), strict=True)
        assert any((a != b).any() for a, b in leaves), change


def test_the_policy_moves_once_to_two_critic_steps():
    """TD3: as many policy steps as rounds, twice as many critic steps."""
    learner = learned(tiny(td3.td3()))
    counts = {k: int(learner.opt_state[k][0].count) for k in ("actor", "critic")}
    assert counts == {"actor": 4, "critic": 8} and learner.step == 8


def test_a_target_share_of_one_is_no_target():
    hp = tiny(ddpg.ddpg())
    copied = config.configure(hp, {"actor.slow.tau": 1.0, "critic.slow.tau": 1.0})
    none = config.configure(hp, {"actor.slow": Online(), "critic.slow": Online()})
    assert_close(learned(copied).params, learned(none).params)


def test_cloning_that_counts_for_nothing_leaves_td3():
    """The first step of the policy, whose size Adam makes the same whatever Q is divided by."""
    hp = tiny(td3_bc.td3_bc())
    heavy = config.configure(hp, {"actor.objective": ClimbAndClone(1e7)})
    steps = [learned(x, num=1).params["actor"] for x in (heavy, tiny(td3.td3()), hp)]
    assert_close(*steps[:2], atol=1e-7)
    with pytest.raises(AssertionError):
        assert_equal(steps[1], steps[2])


def test_a_policy_that_only_clones_finds_the_batchs_actions():
    hp = config.configure(
        tiny(td3_bc.td3_bc()),
        {
            "actor.objective": ClimbAndClone(0.0),
            "actor.learning_rate": 1e-2,
        },
    )
    built, data = actor_critic.parts(ENV, hp), batch()
    data = replace(data, action=0.6 * data.obs[:, :1] / jnp.abs(data.obs).max())
    learner = learned(hp, num=600, data=data)
    action = built.head.mode(built.policy.apply(learner.params["actor"], None, data.obs))
    np.testing.assert_allclose(action, data.action, atol=0.05)


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
