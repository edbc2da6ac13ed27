"""Fully connected trunks."""

from jaxac.core import Static, field, frozen
from jaxac.nets.activation import Activation, Tanh
from jaxac.nets.initialise import Initialiser, Orthogonal
from jaxac.nets.trunk import Flatten, on_encoder

HIDDEN = field(
    (64, 64), "width of each hidden layer", within="[1, inf)", search=((64, 64), (256, 256))
)
ACTIVATION = field(Tanh(), "function after each layer")
INIT = field(Orthogonal(), "initial weights of the hidden layers")


@frozen
class MLP:
    """Dense layers with zero initial biases; observations are flattened."""

    hidden: Static[tuple[int, ...]] = HIDDEN
    activation: Activation = ACTIVATION
    init: Initialiser = INIT

    def module(self, space):
        return on_encoder(Flatten(), self.hidden, self.activation, self.init, space)
