"""Optimisers: from a (traced) learning rate to an optax gradient transformation."""

from typing import Protocol, runtime_checkable

import optax

from jaxac.core import Scalar, field, frozen


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
