"""Environments: the contract, the loop that ends episodes, native tasks and adapters."""

from jaxac.envs.contract import Box as Box
from jaxac.envs.contract import Discrete as Discrete
from jaxac.envs.contract import Env as Env
from jaxac.envs.contract import TimeStep as TimeStep
