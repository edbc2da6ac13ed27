"""An adapter beside the suite that it wraps: equal keys and actions, step by step."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.envs import loop
from jaxac.envs.sampling import random_action

STEPS = 110
CARELESS = 0.1  # of the actions heed no mask


def choose(key, env, obs):
    key_legal, key_any, key_which = jax.random.split(key, 3)
    legal = random_action(key_legal, env, obs)
    blind = jax.random.randint(key_any, legal.shape, 0, env.action_space.n)
    return jnp.where(jax.random.uniform(key_which) < CARELESS, blind, legal)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def same_as_theirs(env, params, reset, step, seen, num_lanes=3, num_steps=STEPS, seed=0):
    """Both from the same keys, until the suite says that an episode ended, each lane once.

    `reset(key)` and `step(key, theirs, action)` are the suite's; `seen(theirs)` names what it says:
    `obs`, `reward`, `ended` and, where it tells the two apart, `terminated`.
    """

    def both(key):
        key_reset, key_run = jax.random.split(key)
        state, obs = env.reset(key_reset, params)
        theirs = reset(key_reset)

        def one(carried, x):
            t, key = x
            state, obs, theirs = carried
            key_act, key_step = jax.random.split(key)
            action = choose(key_act, env, obs)
            state, s = env.step(key_step, state, action, params)
            theirs = step(key_step, theirs, action)
            ended = s.terminated | (t + 1 == env.time_limit(params))
            said = {"obs": s.obs, "reward": s.reward, "ended": ended, "terminated": s.terminated}
            return (state, s.obs, theirs), ({**said, "truncated": s.truncated}, seen(theirs))

        times = jnp.arange(num_steps), jax.random.split(key_run, num_steps)
        rows = jax.lax.scan(one, (state, obs, theirs), times)[1]
        return obs, seen(theirs)["obs"], *rows

    keys = jax.random.split(jax.random.key(seed), num_lanes)
    obs, their_obs, ours, theirs = jax.device_get(jax.jit(jax.vmap(both))(keys))
    ended = theirs["ended"]
    alive = np.cumsum(ended, 1) - ended == 0  # [N, T], the last step included
    assert alive.sum() >= 100
    jax.tree.map(close, obs, their_obs)
    for name in theirs:
        jax.tree.map(lambda a, b: close(a[alive], b[alive]), ours[name], theirs[name])
    assert not ours["truncated"].any()
    return SimpleNamespace(
        terminated=ours["terminated"] & alive, timed_out=ended & ~ours["terminated"] & alive
    )


def alone_or_together(env, params, num_lanes=3, num_steps=20):
    """Rows [N, T] of lanes stepped one by one and all at once."""

    def lane(key):
        key_reset, key_run = jax.random.split(key)

        def one(carried, key):
            state, obs = carried
            state, s = env.step(key, state, choose(key, env, obs), params)
            return (state, s.obs), (s.obs, s.reward, s.terminated)

        first = env.reset(key_reset, params)
        return first[1], *jax.lax.scan(one, first, jax.random.split(key_run, num_steps))[1]

    keys = jax.random.split(jax.random.key(1), num_lanes)
    return jax.device_get(jax.jit(lambda k: (jax.lax.map(lane, k), jax.vmap(lane)(k)))(keys))


def truncates_at_the_limit(env, params, limit, num_lanes=3):
    """The loop ends every episode at `limit`, as a truncation unless the task ended; any cut?"""

    def one(envs, key):
        key_act, key_env = jax.random.split(key)
        each = jax.random.split(key_act, num_lanes)
        action = jax.vmap(lambda key, obs: choose(key, env, obs))(each, envs.obs)
        return loop.step(key_env, env, params, envs, action)

    def run(key):
        first = loop.start(key, env, params, num_lanes)
        return jax.lax.scan(one, first, jax.random.split(key, 2 * limit + 1))[1]

    outcome = jax.device_get(jax.jit(run)(jax.random.key(2)))
    at_limit = outcome.episode_length == limit
    np.testing.assert_array_equal(outcome.truncated, at_limit & ~outcome.terminated)
    assert outcome.episode_length.max() == limit and outcome.truncated.any()
    return outcome


def kept_shapes(env):
    """Shapes and dtypes are kept from step to step, so a rollout is one scan, and fit the space."""

    def both(key):
        first = loop.start(key, env, env.params, 2)
        action = jax.vmap(lambda key, obs: choose(key, env, obs))(
            jax.random.split(key, 2), first.obs
        )
        return first, *loop.step(key, env, env.params, first, action)

    first, after, outcome = jax.eval_shape(both, jax.random.key(0))
    assert jax.tree.structure(first) == jax.tree.structure(after)
    assert jax.tree.leaves(first) == jax.tree.leaves(after)
    agents = () if env.num_agents is None else (env.num_agents,)
    assert outcome.reward.shape == (2, *agents)

    def fits(space, obs):
        assert obs.shape == (2, *agents, *space.shape) and obs.dtype == space.dtype
        low, high = space.bounds
        assert (low <= high).all()

    jax.tree.map(fits, env.observation_space, outcome.final_obs)
