"""PQN: its returns and its step against numpy, and DQN's target where lambda is 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import dqn, pqn
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.data.replay import Batch
from jaxac.errors import ConfigError
from jaxac.heads.returns import Value
from jaxac.ops.choice import EpsilonGreedy
from jaxac.ops.slow import Online
from jaxac.runners import on_policy

from .few import Table
from .test_dqn import masked_env

ENV = as_env(mdp.random_walk(5), "walk", time_limit=4)  # ends, and is cut
N, T, RATE = 8, 12, 3.0
HP = config.configure(
    replace(pqn.PQN(), net=Table(), choice=EpsilonGreedy(0.5)),
    {
        "num_envs": N, "num_steps": T, "num_epochs": 1, "num_minibatches": 1, "num_updates": 1,
        "eval_episodes": 2, "optimiser": "SGD", "learning_rate": RATE, "max_grad_norm": 1e9,
    },
)  # fmt: skip
ALGORITHM = pqn.make(ENV)


@jax.jit
def run(hp):
    """The state after four updates, the rollout of the fifth, and the state after that."""
    state = ALGORITHM.init(jax.random.key(0), hp)
    state, _ = jax.lax.scan(lambda s, _: (ALGORITHM.chunk(s)[0], ()), state, length=4)
    key, _ = jax.random.split(jax.random.fold_in(state.key, state.step))
    table = jax.tree.leaves(state.learner.params)[0]

    def choose(key, carry, obs):
        return hp.choice(key, obs @ table), jnp.zeros(N), carry

    _, traj = on_policy.rollout(key, ENV, state.env_params, choose, lambda a: a, state.loop, T)
    after, metrics = ALGORITHM.chunk(state)
    return table, traj, jax.tree.leaves(after.learner.params)[0], metrics


def returns(table, traj, gamma, lam):
    """Q(lambda) of every step, backwards, one environment at a time."""
    out = traj.outcome
    value = np.asarray(traj.final_obs @ table).max(-1)
    want = np.zeros((T, N))
    for n in range(N):
        for t in reversed(range(T)):
            later = value[t, n]
            if t + 1 < T and not (out.terminated[t, n] or out.truncated[t, n]):
                later = (1 - lam) * value[t, n] + lam * want[t + 1, n]
            going = 0.0 if out.terminated[t, n] else gamma
            want[t, n] = out.reward[t, n] + going * later
    return want


@pytest.mark.parametrize("lam", [0.0, 0.65, 1.0])
def test_an_update_is_a_step_towards_the_papers_returns(lam):
    hp = replace(HP, lam=lam, gamma=0.9)
    table, traj, after, metrics = jax.tree.map(np.asarray, run(hp))
    done = traj.outcome.terminated | traj.outcome.truncated
    assert traj.outcome.terminated.any() and traj.outcome.truncated.any() and not done.all()
    want, move = returns(table, traj, 0.9, lam), np.zeros_like(table)
    state = traj.obs.argmax(-1)
    gap = want - table[state, traj.action]
    np.add.at(move, (state, traj.action), RATE * gap / (N * T))
    np.testing.assert_allclose(after - table, move, atol=1e-5)
    assert np.abs(move).max() > 1e-3
    np.testing.assert_allclose(metrics["loss"], 0.5 * np.square(gap).mean(), rtol=1e-4)


def test_without_lambda_the_target_is_dqns_without_a_slow_copy():
    hp = replace(HP, lam=0.0, gamma=0.9)
    table, traj, _, _ = run(hp)
    out, plain = traj.outcome, dqn.DQN(net=Table(), slow=Online(), returns=Value())
    learner = dqn.Learner({"params": {"layers_0": {"kernel": table}}}, (), (), jnp.int32(0))
    rows = traj.obs, traj.action, out.reward, 0.9 * ~out.terminated, traj.final_obs
    flat = [x.reshape(-1, *x.shape[2:]) for x in rows]
    batch = Batch(*flat, jnp.ones(N * T), jnp.arange(N * T))
    got = jax.jit(lambda key: dqn.target_of(dqn.parts(ENV, plain), plain, key, learner, batch))(
        jax.random.key(0)
    )
    np.testing.assert_allclose(got[:, 0], returns(table, traj, 0.9, 0.0).ravel(), atol=1e-5)


def test_forbidden_actions_are_never_tried():
    env = masked_env()
    algorithm, phase = pqn.make(env), jnp.arange(40) % 2
    obs = {"policy": phase[:, None] * 1.0, "action_mask": jnp.arange(3) != phase[:, None]}

    @jax.jit
    def play(key):
        state = algorithm.init(key, replace(HP, num_envs=2, num_steps=2))
        return algorithm.act(state, obs)[0], algorithm.act(state, obs, (), key)[0]

    for action in play(jax.random.key(0)):
        assert (action != phase).all()


def test_minibatches_that_do_not_divide_an_update_are_refused():
    hp = replace(HP, num_minibatches=7)
    with pytest.raises(ConfigError, match="7 does not divide the 96 transitions"):
        jax.eval_shape(lambda: ALGORITHM.init(jax.random.key(0), hp))
