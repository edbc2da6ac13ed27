"""Real-time recurrent learning, which element-wise memories make affordable."""

import functools
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Params, field, frozen
from jaxac.nets.memory.contract import in_sequence
from jaxac.nets.memory.elstm import ELSTM


@runtime_checkable
class ElementWise(Protocol):
    """A memory [N, H] that recurs unit by unit.

    Unit i depends on no other's memory, and of the parameters that recur, whose last axis is that
    of the units, on none but its own.
    """

    def init(self, key: Key, num_in: int) -> Params:
        """Parameters: those that recur under `recurrent`, others beside it."""
        ...

    def start(self, num_envs: int, num_in: int) -> Float[Array, "N H"]:
        """Zeros: the memory before an episode."""
        ...

    def recur(
        self, recurrent: Params, carry: Float[Array, "... H"], x: Float[Array, "... F"]
    ) -> Float[Array, "... H"]:
        """The memory after a step."""
        ...

    def read(
        self, params: Params, carry: Float[Array, "... H"], x: Float[Array, "... F"]
    ) -> Float[Array, "... H"]:
        """What is made of the memory after a step, and of the step's features."""
        ...


@frozen
class RTRL:
    """An element-wise memory trained by real-time recurrent learning: no rollout cuts a gradient.

    Source: Irie et al. 2023, arXiv:2305.19044, section 3. Beside the memory c [N, H] it carries S,
    the derivative of c by the parameters that recur, [N, *parameter.shape]. The recurrence being
    element-wise, that is all there is of it, and

        S' = (dc'/dc) S + dc'/dtheta.

    `scan` begins with c + S (theta - theta_now): the same number as c, but its gradient reaches
    what went before, back to the last reset. With parameters that stand still the gradient of
    those that recur is that of backpropagation through the whole past; after an update S is of
    older parameters until the next reset, as in the paper.
    Departs from it: within a rollout backpropagation takes the same sum, so that features, of
    which no derivatives are carried (nor are they in the paper), have gradients too. Through a
    memory below, if there is one, they reach back no further than the rollout.
    """

    core: ElementWise = field(ELSTM(), "an element-wise memory")

    def init(self, key, num_in):
        return self.core.init(key, num_in)

    def start(self, num_envs, num_in):
        like = jax.eval_shape(lambda key: self.core.init(key, num_in), jax.random.key(0))
        by = jax.tree.map(lambda x: jnp.zeros((num_envs, *x.shape)), like["recurrent"])
        return self.core.start(num_envs, num_in), by

    def step(self, params, carry, x):
        memory, by = carry
        recurrent = params["recurrent"]
        after = self.core.recur(recurrent, memory, x)
        by = sensitivity(self.core, *jax.lax.stop_gradient((recurrent, memory, by, x)))
        return self.core.read(params, after, x), (after, by)

    def scan(self, params, carry, xs, reset):
        memory, by = carry
        begin = reaching_back(params["recurrent"], memory, by), by
        return in_sequence(functools.partial(self.step, params), begin, xs, reset)


def sensitivity(
    core: ElementWise,
    recurrent: Params,
    carry: Float[Array, "*lead H"],
    by: Params,
    x: Float[Array, "*lead F"],
) -> Params:
    """S' [*lead, *parameter.shape], the derivative of the next memory, from `by` = S.

    One pull-back of ones gives all of it, since unit i is the only one that its memory and its
    parameters change.
    """
    lead = carry.shape[:-1]

    def one(carry, by, x):
        after, pull = jax.vjp(lambda theta, c: core.recur(theta, c, x), recurrent, carry)
        direct, through = pull(jnp.ones_like(after))
        return jax.tree.map(lambda now, past: now + through * past, direct, by)

    rows = jax.tree.map(lambda a: a.reshape(-1, *a.shape[len(lead) :]), (carry, by, x))
    return jax.tree.map(lambda a: a.reshape(*lead, *a.shape[1:]), jax.vmap(one)(*rows))


def reaching_back(recurrent: Params, carry: Float[Array, "N H"], by: Params) -> Float[Array, "N H"]:
    """`carry`, with the gradient that `by` says it has by the parameters."""
    nothing = jax.tree.map(lambda theta: theta - jax.lax.stop_gradient(theta), recurrent)
    units = carry.shape[-1]

    def along(theta, past):
        return (theta * past).reshape(carry.shape[0], -1, units).sum(1)

    terms = jax.tree.map(along, nothing, jax.lax.stop_gradient(by))
    return carry + sum(jax.tree.leaves(terms))
