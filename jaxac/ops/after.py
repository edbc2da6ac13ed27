"""After a round of learning: what is done to a learner as a whole, such as resets, projections."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import Int, Key, Params, Scalar, Static, field, frozen, replace
from jaxac.errors import ConfigError
from jaxac.ops.optimiser import Last


@runtime_checkable
class After(Protocol):
    """A change of a learner, which has `params`, `opt_state`, `slow` and the number of `step`s."""

    def __call__(self, key: Key, learner: Any, fresh: Callable[[Key], Any], before: Int) -> Any:
        """The learner to go on with.

        `fresh(key)` is one that has learned nothing, `before` the number of steps before the round.
        """
        ...


@frozen
class Nothing:
    """The learner as it is."""

    def __call__(self, key, learner, fresh, before):
        return learner


@frozen
class Resets:
    """Everything that was learned is forgotten after some numbers of critic steps.

    Source: Nikishin et al. 2022, arXiv:2205.07802, of all layers as in Nauman et al.
    2024, arXiv:2405.16158 (BRO), section 3. The buffer stays, and so does the count of steps.
    """

    at: Static[tuple[int, ...]] = field(
        (125_000, 475_000, 2_475_000, 4_975_000, 7_475_000, 9_975_000),
        "critic steps made when it happens",
        within="[1, inf)",
    )

    def __call__(self, key, learner, fresh, before):
        at = jnp.asarray(self.at, jnp.int32)
        due = ((before < at) & (at <= learner.step)).any()
        return where(due, lambda learner: replace(fresh(key), step=learner.step), learner)


@frozen
class DormantReset:
    """Now and then parameters move to fresh ones, by the share of neurons that hardly learn.

    Source: Ji et al. 2024, arXiv:2402.14528 (ACE), and its authors' code: a neuron of the policy is
    dormant whose weights' gradient is less than `threshold` times its layer's mean norm. The
    policy, the critics and their slow copies move; optimisers begin anew. The policy's optimiser
    has to be `Remembering`, whose last gradient is read: else `ConfigError`. The code moves at
    least 0.1 of the way.
    """

    every: Scalar = field(100_000, "critic steps between resets", within="[1, inf)")
    threshold: Scalar = field(0.05, "share of the mean norm that is dormant", within="[0, 1]")
    least: Scalar = field(0.0, "least share of the way to fresh parameters", within="[0, 1]")
    most: Scalar = field(0.8, "largest share of that way", within="[0, 1]")

    def __call__(self, key, learner, fresh, before):
        last, _ = learner.opt_state["actor"]
        if not isinstance(last, Last):
            raise ConfigError("actor.optimiser", "DormantReset reads gradients; use Remembering")
        share = jnp.clip(dormant(last.grads, self.threshold), self.least, self.most)
        every = jnp.asarray(self.every, jnp.int32)
        due = (learner.step // every > before // every) & (share > 0.0)

        def reset(learner):
            new = fresh(key)
            params, slow = jax.tree.map(
                lambda old, new: old + share * (new - old),
                (learner.params, learner.slow),
                (new.params, new.slow),
            )
            return replace(learner, params=params, slow=slow, opt_state=new.opt_state)

        return where(due, reset, learner)


def where(due: Bool[Array, ""], change: Callable[[Any], Any], learner: Any) -> Any:
    """`change(learner)` if it is due, else `learner`.

    Of runs side by side a `cond` would work out the change for all in every round; a loop does not.
    """

    def once(carried):
        return jnp.zeros((), bool), change(carried[1])

    return jax.lax.while_loop(lambda carried: carried[0], once, (due, learner))[1]


def dormant(grads: Params, threshold: Scalar) -> Float[Array, ""]:
    """The share of neurons, over all dense layers, whose gradient is small within their layer."""
    leaves = jax.tree_util.tree_leaves_with_path(grads)
    kernels = [x for path, x in leaves if path[-1].key == "kernel" and x.ndim == 2]
    norms = [jnp.linalg.norm(x, axis=0) for x in kernels]
    return jnp.concatenate([norm < threshold * norm.mean() for norm in norms]).mean()
