"""A sound task, a point on a line, and ways to change one thing about it; for tests of checks."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Int, Scalar, field, frozen, replace
from jaxac.envs import Box, Discrete, Env, TimeStep

OFF = jnp.zeros((), bool)


@frozen
class Params:
    """Of the sound task that the broken ones change."""

    gain: Scalar = field(0.2, "metres per action")
    max_steps: Int | int = field(100, "steps after which an episode is truncated")


@frozen
class State:
    """A point on a line, and the steps so far."""

    x: Any
    time: Any


def observe(state):
    return jnp.stack([state.x, jnp.tanh(state.x)])


def reset(key, params):
    state = State(jax.random.uniform(key, (), minval=-0.1, maxval=0.1), jnp.int32(0))
    return state, observe(state)


def step(key, state, action, params):
    push = params.gain * (2.0 * action - 1.0) + 0.02 * jax.random.normal(key)
    state = State(state.x + push, state.time + 1)
    terminated = jnp.abs(state.x) > 1.0
    return state, TimeStep(observe(state), jnp.exp(-(state.x**2)), terminated, OFF)


def task(**fields):
    """The sound task with some fields changed."""
    sound = Env(
        "Point", reset, step, Params(), Box((2,)), Discrete(2), lambda params: params.max_steps
    )
    return dataclasses.replace(sound, **fields)


def stepped(**changes):
    """The task with fields of what `step` returns made by functions of state, action and step."""

    def changed(key, state, action, params):
        after, s = step(key, state, action, params)
        return after, replace(s, **{k: f(after, action, s) for k, f in changes.items()})

    return task(step=changed)


def observing(view, **fields):
    """The task with its observation passed through `view`, in reset and step."""

    def reset_(key, params):
        state, obs = reset(key, params)
        return state, view(obs)

    def step_(key, state, action, params):
        state, s = step(key, state, action, params)
        return state, replace(s, obs=view(s.obs))

    return task(reset=reset_, step=step_, **fields)


def holding(first, after=None, **fields):
    """The task with `(state, extra)` as its state; `after(extra, state)` is the next extra."""
    after = after or (lambda extra, state: extra)

    def reset_(key, params):
        state, obs = reset(key, params)
        return (state, first(key, params)), obs

    def step_(key, held, action, params):
        state, s = step(key, held[0], action, params)
        return (state, after(held[1], state)), s

    return task(reset=reset_, step=step_, **fields)


def drawing(noise):
    """The task with `noise(key, held, state)` added to its reward; its state holds a key."""

    def reset_(key, params):
        state, obs = reset(key, params)
        return (state, jax.random.fold_in(key, 1)), obs

    def step_(key, held, action, params):
        state, s = step(key, held[0], action, params)
        return (state, held[1]), replace(s, reward=s.reward + noise(key, held[1], state))

    return task(reset=reset_, step=step_)


def masked(mask, dtype="bool", size=2):
    """The task as one with an action mask, `mask(obs)`."""
    space = {"policy": Box((2,)), "action_mask": Box((size,), 0.0, 1.0, dtype)}
    return observing(lambda obs: {"policy": obs, "action_mask": mask(obs)}, observation_space=space)


def boxed(change):
    """The task with Box actions in [-1, 1]; `change(action)` is added to the reward."""

    def step_(key, state, action, params):
        after, s = step(key, state, (action[0] > 0) * 1, params)
        return after, replace(s, reward=s.reward + change(action[0]))

    return task(step=step_, action_space=Box((1,), -1.0, 1.0))


def resetting(deterministic, clock):
    """A walk that starts again within the step that ends it, as gymnax's own `step` does."""

    def reset_(key, params):
        x = jnp.zeros(()) if deterministic else reset(key, params)[0].x
        state = (x, jnp.int32(0)) if clock else (x,)
        return state, jnp.stack([x, jnp.tanh(x)])

    def step_(key, state, action, params):
        x = state[0] + params.gain * (2.0 * action - 1.0)
        over = jnp.abs(x) > 1.0
        fresh, obs = reset_(jax.random.fold_in(key, 1), params)
        after = (x, state[1] + 1) if clock else (x,)
        after = jax.tree.map(lambda a, b: jnp.where(over, a, b), fresh, after)
        obs = jnp.where(over, obs, jnp.stack([x, jnp.tanh(x)]))
        return after, TimeStep(obs, jnp.float32(1), over, OFF)

    return task(reset=reset_, step=step_)


def ending_at(limit, **fields):
    """The task, which also terminates when `limit(params)` steps are over."""

    def step_(key, state, action, params):
        after, s = step(key, state, action, params)
        s = replace(s, terminated=jnp.abs(after.x) > 50.0, reward=jnp.float32(1))
        return after, replace(s, terminated=s.terminated | (after.time >= limit(params)))

    return task(step=step_, **fields)


def of_two(action_space=None, critic=False, reward=None, **fields):
    """Two agents on two lines; the episode ends for both when one leaves.

    With `critic`, the value sees both at once. `reward` makes theirs of that of the first.
    """
    reward = reward or (lambda x: jnp.stack([x, -x]))

    def both(obs):
        each = jnp.stack([obs, -obs])
        return {"policy": each, "critic": each.ravel()} if critic else each

    def reset_(key, params):
        state, obs = reset(key, params)
        return state, both(obs)

    def step_(key, state, action, params):
        assert action.shape == (2, *getattr(action_space, "shape", ()))
        state, s = step(key, state, 1.0 * (jnp.ravel(action).sum() > 0), params)
        return state, replace(s, obs=both(s.obs), reward=reward(s.reward))

    if critic:
        fields["observation_space"] = {"policy": Box((2,)), "critic": Box((4,))}
    if action_space is not None:
        fields["action_space"] = action_space
    return task(**{"reset": reset_, "step": step_, "num_agents": 2, **fields})


def kinds(report):
    return {f.kind for f in report.findings}
