"""Evolution strategies: how a distribution of parameters moves, by evosax."""

import importlib
from typing import Any, Protocol, runtime_checkable

import optax

from jaxac.core import Params, Scalar, field, frozen
from jaxac.errors import ConfigError

REQUIREMENT = "evosax>=0.3,<0.4"


@runtime_checkable
class Strategy(Protocol):
    """A plan of a strategy of evosax."""

    def __call__(self, population: int, params: Params) -> Any:
        """An evosax algorithm that asks for `population` like `params`, and minimises.

        Raises `ConfigError` if evosax is missing.
        """
        ...


@frozen
class OpenES:
    """Gradient ascent of the mean return of Gaussian perturbations, by ranks, in mirrored pairs.

    Source: Salimans et al. 2017, arXiv:1703.03864, Algorithm 1, section 2.1.
    """

    learning_rate: Scalar = field(0.02, "step size of Adam", within="[0, inf)")
    std: Scalar = field(0.05, "of the perturbations", within="(0, inf)", search=(0.02, 0.05, 0.1))

    def __call__(self, population, params):
        return _algorithms().Open_ES(
            population, params, True, optax.adam(self.learning_rate), lambda step: self.std
        )


@frozen
class SNES:
    """A Gaussian of its own width in each direction, moved by natural gradients.

    Source: Schaul et al. 2011, "High dimensions and heavy tails for natural evolution strategies".
    Where all policies earn alike it wanders, as evosax does not share weights out among ties.
    """

    std: Scalar = field(0.1, "at first, in every direction", within="(0, inf)")

    def __call__(self, population, params):
        return _begun(_algorithms().SNES, std_init=self.std)(population, params)


@frozen
class SepCMA:
    """A Gaussian whose widths and step length follow the paths that it has taken (sep-CMA-ES).

    Source: Ros & Hansen 2008, "A simple modification in CMA-ES achieving linear time and space
    complexity". Departs: widths adapt at the rates of full CMA-ES, as evosax has them, where the
    paper's are some (n + 2) / 3 times as fast; the step length stays above `least` times its first,
    as it would shrink to nothing where all policies earn alike.
    """

    std: Scalar = field(0.1, "at first, in every direction", within="(0, inf)")
    least: Scalar = field(1e-2, "smallest step length, over the first", within="(0, 1]")

    def __call__(self, population, params):
        least = self.least * self.std
        made = _begun(_algorithms().Sep_CMA_ES, std_init=self.std, std_min=least)
        return made(population, params)


def _begun(algorithm: Any, **numbers: Scalar) -> Any:
    """An algorithm of evosax with other numbers for its own."""

    class Begun(algorithm):
        @property
        def _default_params(self):
            return super()._default_params.replace(**numbers)

    return Begun


def _algorithms() -> Any:
    try:
        return importlib.import_module("evosax.algorithms")
    except ImportError as error:
        raise ConfigError(
            "strategy", f"evolution strategies need evosax; python -m pip install '{REQUIREMENT}'"
        ) from error
