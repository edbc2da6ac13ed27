"""REPPO: soft lambda returns, SAC's policy gradient, and a KL that is held at its bound."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.off_policy import sac
from jaxac.algos.on_policy import reppo
from jaxac.core import replace
from jaxac.data.replay import Batch
from jaxac.envs import Box, Discrete, probes
from jaxac.envs.loop import Outcome
from jaxac.errors import EnvError
from jaxac.heads.returns import Value
from jaxac.nets.critic import Plain
from jaxac.nets.mlp import MLP
from jaxac.ops.optimiser import SGD
from jaxac.ops.temperature import Fixed
from jaxac.runners import actor_critic
from jaxac.runners.on_policy import Rollout, Trajectory

ENV = probes.observed_value(Box((2,), -1.0, 1.0)).env
NET = Plain(MLP((8,)))
HP = reppo.reppo(
    policy_net=NET, critic_net=NET, returns=Value(), num_envs=3, num_steps=4, max_grad_norm=1e9,
    num_minibatches=1, temperature=Fixed(0.3), price=Fixed(2.0), optimiser=SGD(), learning_rate=0.1,
)  # fmt: skip
BUILT = reppo.parts(ENV, HP)
OBS = jax.random.normal(jax.random.key(5), (4, 3, *ENV.observation_space.shape))


def learner(hp=HP, seed=0):
    keys = jax.random.split(jax.random.key(seed), 2)
    action = jnp.zeros((3, 2))
    params = {
        "actor": BUILT.policy.init(keys[0], OBS[0]),
        "critic": BUILT.critic.init(keys[1], OBS[0], action),
    }
    state = {k: BUILT.optimiser.init(x) for k, x in params.items()}
    return reppo.Learner(params, state, hp.temperature.init(), hp.price.init())


def rollout(rng):
    terminated = jnp.asarray(rng.random((4, 3)) < 0.3)
    truncated = jnp.asarray(rng.random((4, 3)) < 0.3) & ~terminated
    reward = rng.normal(size=(4, 3)).astype(np.float32)
    number = jnp.zeros((4, 3))
    outcome = Outcome(reward, terminated, truncated, OBS + 1.0, number, number.astype(int))
    traj = Trajectory(OBS, jnp.zeros((4, 3, 2)), number, truncated, outcome)
    return Rollout(traj, (), jnp.asarray(reward), jnp.asarray(0.9 * ~terminated), lambda x: x)


@pytest.mark.parametrize("lam", [0.0, 0.7, 1.0])
def test_targets_are_the_soft_lambda_returns(lam):
    """Against the recursion by hand; with `lam` 0 that is the target of SAC."""
    one, key = learner(), jax.random.key(3)
    for seed in range(3):
        found = rollout(np.random.default_rng(seed))
        got = reppo.targets(key, BUILT, replace(HP, lam=lam), one, found)
        out = BUILT.policy.apply(one.params["actor"], None, OBS + 1.0)
        action, log_prob = BUILT.head.sample(key, out)
        q = BUILT.critic.apply(one.params["critic"], None, OBS + 1.0, action)[0, ..., 0]
        soft = np.asarray(q - 0.3 * log_prob)
        want, done = np.zeros((5, 3)), np.asarray(found.traj.outcome.done)
        for t in reversed(range(4)):
            entropy = -0.3 * np.asarray(log_prob[t])
            later = (1 - lam) * soft[t] + lam * (entropy + want[t + 1])
            later = np.where(done[t] | (t == 3), soft[t], later)
            want[t] = found.reward[t] + found.discount[t] * later
        np.testing.assert_allclose(got, want[:4], atol=1e-5)


def stepped(hp, acted):
    obs, action = OBS[0], jax.random.uniform(jax.random.key(7), (3, 2), minval=-1.0)
    batch = obs, action, jnp.ones(3), jax.random.key(8)
    before = learner(hp)
    return before, *reppo.step(BUILT, hp, acted, before, batch), batch


def test_near_the_policy_that_acted_the_policys_step_is_that_of_sac():
    before, after, _, (obs, action, _, key) = stepped(HP, learner().params["actor"])
    hp = sac.sac(
        temperature=Fixed(0.3),
        actor=actor_critic.Actor(net=NET, optimiser=SGD(), learning_rate=0.1),
        critic=actor_critic.Critic(net=NET, num=1),
    )
    built = actor_critic.parts(ENV, hp)
    start = actor_critic.begin(built, jax.random.key(0), hp, obs)
    start = replace(
        start, params={"actor": before.params["actor"], "critic": after.params["critic"]}
    )
    number = jnp.zeros(3)
    batch = Batch(obs, action, number, number, obs, number + 1.0, number)

    # SAC draws with the second of four keys
    def sample(key, out):
        return BUILT.head.sample(jax.random.key(8), out)

    head = type("Head", (), {"sample": staticmethod(sample), "range": BUILT.head.range})
    want, _ = actor_critic.actor_step(built._replace(head=head), hp, key, start, batch)
    for a, b in zip(*(jax.tree.leaves(x.params["actor"]) for x in (after, want)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_far_from_the_policy_that_acted_the_policy_goes_back_to_it():
    acted = learner(seed=9).params["actor"]
    before, after, told, (obs, *_) = stepped(replace(HP, kl_bound=1e-6), acted)

    def loss(params):
        old, new = (BUILT.policy.apply(x, None, obs) for x in (acted, params))
        return 2.0 * BUILT.head.kl(old, new).mean()

    want = jax.tree.map(
        lambda x, g: x - 0.1 * g, before.params["actor"], jax.grad(loss)(before.params["actor"])
    )
    for a, b in zip(*(jax.tree.leaves(x) for x in (after.params["actor"], want)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert told["kl"] > 0.01


def test_the_price_rises_above_the_bound_and_falls_below_it():
    acted = learner(seed=9).params["actor"]
    start = reppo.REPPO().price
    for bound, rises in ((1e-6, True), (1e6, False)):
        hp = replace(HP, price=start, kl_bound=bound)
        before, after, _, _ = stepped(hp, acted)
        assert (start(after.price) > start(before.price)) == rises


def test_actions_that_it_cannot_serve_are_refused():
    env = probes.observed_value(Discrete(2)).env
    with pytest.raises(EnvError):
        reppo.make(env).init(jax.random.key(0), HP)
