"""APG: a policy gains an additional part for an additional task, by gradients of a single stage.

Source: Hao, Lu, Liang, Zhou & Mou 2023, "Adaptive Policy Learning to Additional Tasks",
arXiv:2305.15193, of which we had the abstract and a summary; this is one reading of it, on linear
dynamics with quadratic costs. The control is u = -(original + extra) x, and the original stays.

    extra <- extra - step * mean over states of d/d extra (cost(x, u) + next' value next)
    value <- Q + K' R K + (A - B K)' value (A - B K),   K = original + extra

The first is Bellman's principle: what is after this stage is held fixed, so a state costs one
transition, where the deterministic policy gradient differentiates a whole rollout. `value` starts
as the original task's, which is known. `pytest tests/algos/tabular/test_apg.py` counts transitions.

Departs from it: the dynamics are known and linear, policies have no networks, cart, lander and arm
are left out; a value backup of ours tracks the present policy. The paper's bound O(1 / T) is on
steps; here the gap falls faster than that, geometrically.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, frozen


@frozen
class LQR:
    """x' = a x + b u, at a cost of x q x + u r u a stage, undiscounted."""

    a: Float[Array, "X X"]
    b: Float[Array, "X U"]
    q: Float[Array, "X X"]
    r: Float[Array, "U U"]


@frozen
class Adapted:
    """What is learned of the additional task."""

    extra: Float[Array, "U X"]  # added to the original gain
    value: Float[Array, "X X"]  # cost to go is x value x


def stage_cost(
    task: LQR,
    gain: Float[Array, "U X"],
    value: Float[Array, "X X"],
    states: Float[Array, "N X"],
) -> Float[Array, ""]:
    """Mean cost of one stage under u = -gain x, and of `value` after it."""
    u = -states @ gain.T
    after = states @ task.a.T + u @ task.b.T
    return (_form(task.q, states) + _form(task.r, u) + _form(value, after)).mean()


def backup(task: LQR, gain: Float[Array, "U X"], value: Float[Array, "X X"]) -> Float[Array, "X X"]:
    """One sweep of evaluating u = -gain x."""
    closed = task.a - task.b @ gain
    return task.q + gain.T @ task.r @ gain + closed.T @ value @ closed


def cost_to_go(task: LQR, gain: Float[Array, "U X"]) -> Float[Array, "X X"]:
    """The value of a gain that stabilises the system; of another there is none."""
    closed, size = task.a - task.b @ gain, task.a.shape[0]
    system = jnp.eye(size**2) - jnp.kron(closed.T, closed.T)
    flat = jnp.linalg.solve(system, (task.q + gain.T @ task.r @ gain).ravel())
    return flat.reshape(size, size)


def adapt(
    task: LQR,  # of the summed costs
    original: Float[Array, "U X"],  # the gain that stays
    value: Float[Array, "X X"],  # of the original task under it
    states: Float[Array, "T N X"],  # sampled for each step
    step: Scalar,
) -> Adapted:
    """The additional part after each step [T, ...]; a step takes N transitions."""

    def update(now, states):
        slope = jax.grad(stage_cost, argnums=1)(task, original + now.extra, now.value, states)
        extra = now.extra - step * slope
        now = Adapted(extra, backup(task, original + extra, now.value))
        return now, now

    return jax.lax.scan(update, Adapted(jnp.zeros_like(original), value), states)[1]


def rollout_cost(
    task: LQR, gain: Float[Array, "U X"], states: Float[Array, "N X"], length: int
) -> Float[Array, ""]:
    """Mean cost of `length` stages from each state."""

    def stage(states, _):
        return states @ (task.a - task.b @ gain).T, stage_cost(
            task, gain, jnp.zeros_like(task.a), states
        )

    return jax.lax.scan(stage, states, length=length)[1].sum()


def descend(
    task: LQR,
    original: Float[Array, "U X"],
    states: Float[Array, "T N X"],
    step: Scalar,
    length: int,
) -> Float[Array, "T U X"]:
    """The deterministic policy gradient to compare with; a step takes N `length` transitions."""

    def update(extra, states):
        slope = jax.grad(rollout_cost, argnums=1)(task, original + extra, states, length)
        return extra - step * slope, extra - step * slope

    return jax.lax.scan(update, jnp.zeros_like(original), states)[1]


def _form(matrix, x):
    return jnp.einsum("nx,xy,ny->n", x, matrix, x)
