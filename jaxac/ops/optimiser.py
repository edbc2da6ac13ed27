"""Optimisers: from a (traced) learning rate to an optax gradient transformation."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Params, Scalar, field, frozen, replace

T = TypeVar("T")


class Trained(Protocol):
    """A learner of several parts."""

    @property
    def params(self) -> dict[str, Params]:
        """Of each part."""
        ...

    @property
    def opt_state(self) -> dict[str, optax.OptState]:
        """Of each part's optimiser."""
        ...


L = TypeVar("L", bound=Trained)


@runtime_checkable
class Optimiser(Protocol):
    """Learning rate to transformation."""

    def __call__(self, learning_rate: Scalar) -> optax.GradientTransformation:
        """The transformation; its state has the same shape for every learning rate."""
        ...


@frozen
class Adam:
    """Source: Kingma & Ba 2015, arXiv:1412.6980; eps 1e-5 as the PPO of OpenAI Baselines."""

    b1: Scalar = field(0.9, "decay of the gradient's mean, per step", within="[0, 1)")
    b2: Scalar = field(0.999, "decay of its mean square, per step", within="[0, 1)")
    eps: Scalar = field(1e-5, "added to the root mean square", within="(0, inf)")

    def __call__(self, learning_rate):
        return optax.adam(learning_rate, self.b1, self.b2, self.eps)


@frozen
class RMSProp:
    """Source: Tieleman & Hinton 2012; decay and eps as the A2C of OpenAI Baselines."""

    decay: Scalar = field(0.99, "decay of the gradient's mean square, per step", within="[0, 1)")
    eps: Scalar = field(1e-5, "added to the mean square, inside the root", within="(0, inf)")
    momentum: Scalar = field(0.0, "share of the last step kept", within="[0, 1)")

    def __call__(self, learning_rate):
        return optax.rmsprop(learning_rate, self.decay, self.eps, momentum=self.momentum)


@frozen
class CentredRMSProp:
    """RMSProp by the gradient's variance in place of its mean square. Source: Graves 2013."""

    decay: Scalar = field(0.99, "decay of the gradient's moments, per step", within="[0, 1)")
    eps: Scalar = field(1e-5, "added to the variance, inside the root", within="(0, inf)")
    momentum: Scalar = field(0.0, "share of the last step kept", within="[0, 1)")

    def __call__(self, learning_rate):
        return optax.rmsprop(
            learning_rate, self.decay, self.eps, centered=True, momentum=self.momentum
        )


@frozen
class SGD:
    """Plain gradient descent with momentum."""

    momentum: Scalar = field(0.0, "share of the last step kept", within="[0, 1)")

    def __call__(self, learning_rate):
        return optax.sgd(learning_rate, self.momentum)


@frozen
class AdamW:
    """Adam that also shrinks every parameter by `learning_rate * decay` of itself per step.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2. With `decay` 0 it is Adam.
    """

    b1: Scalar = field(0.9, "decay of the gradient's mean, per step", within="[0, 1)")
    b2: Scalar = field(0.999, "decay of its mean square, per step", within="[0, 1)")
    eps: Scalar = field(1e-8, "added to the root mean square", within="(0, inf)")
    decay: Scalar = field(1e-2, "share lost per step, over the learning rate", within="[0, inf)")

    def __call__(self, learning_rate):
        return optax.adamw(learning_rate, self.b1, self.b2, self.eps, weight_decay=self.decay)


class Last(NamedTuple):
    """The gradient of the last step."""

    grads: optax.Updates


@frozen
class Remembering:
    """An optimiser whose state is the `Last` gradient, and then its own."""

    of: Optimiser = field(Adam(eps=1e-8), "what makes steps of the gradient")

    def __call__(self, learning_rate):
        last = optax.GradientTransformation(
            lambda params: Last(jax.tree.map(jnp.zeros_like, params)),
            lambda updates, state, params=None: (updates, Last(updates)),
        )
        return optax.chain(last, self.of(learning_rate))


@frozen
class Extrapolating:
    """An optimiser of the gradient that is to come, taken to be 2 g[t] - g[t - 1].

    Source: Daskalakis et al. 2018, arXiv:1711.00141, eq. 7: where two players descend against each
    other, it settles while plain descent circles. The first gradient is its own predecessor.
    """

    of: Optimiser = field(Adam(), "what makes steps of it")

    def __call__(self, learning_rate):
        return optax.chain(optax.scale_by_optimistic_gradient(), self.of(learning_rate))


RATE = field(3e-4, "step size", within="[0, inf)", search=(1e-4, 3e-4, 1e-3))
OPTIMISER = field(Adam(eps=1e-8), "the optimiser")


class Clipped(Protocol):
    """A plan of steps on gradients whose norm is bounded."""

    @property
    def optimiser(self) -> Optimiser:
        """What makes steps of gradients."""
        ...

    @property
    def learning_rate(self) -> Scalar:
        """Step size."""
        ...

    @property
    def max_grad_norm(self) -> Scalar:
        """Global norm that gradients are clipped to."""
        ...


def clipped(plan: Clipped) -> optax.GradientTransformation:
    """The plan's optimiser, of gradients that are clipped before it."""
    clip = optax.clip_by_global_norm(plan.max_grad_norm)
    return optax.chain(clip, plan.optimiser(plan.learning_rate))


def only(optimiser: optax.GradientTransformation, learns: Any) -> optax.GradientTransformation:
    """`optimiser`, with steps and gradients of 0 for the leaves that `learns` says False of.

    `learns` is a tree like the parameters', of bool, which may be traced. What stands still is not
    in a gradient's norm; moments of it fade.
    """

    def alone(updates):
        return jax.tree.map(lambda x, on: jnp.where(on, x, 0.0), updates, learns)

    def update(updates, state, params=None):
        steps, state = optimiser.update(alone(updates), state, params)
        return alone(steps), state

    return optax.GradientTransformation(optimiser.init, update)


def descend(
    loss: Callable[[Any], tuple[Float[Array, ""], T]],
    optimiser: optax.GradientTransformation,
    params: Params,
    opt_state: optax.OptState,
) -> tuple[Params, optax.OptState, T]:
    """A gradient step on `loss(params) -> loss, more`; `more` is given back."""
    grads, more = jax.grad(loss, has_aux=True)(params)
    step, opt_state = optimiser.update(grads, opt_state, params)
    return optax.apply_updates(params, step), opt_state, more


def descend_part(
    learner: L,
    name: str,
    optimiser: optax.GradientTransformation,
    loss: Callable[[Any], tuple[Float[Array, ""], T]],
) -> tuple[L, T]:
    """`descend` with one of the parts, by name, of a learner's `params` and `opt_state`."""
    params, opt_state = learner.params, learner.opt_state
    part, state, more = descend(loss, optimiser, params[name], opt_state[name])
    params, opt_state = {**params, name: part}, {**opt_state, name: state}
    return replace(learner, params=params, opt_state=opt_state), more
