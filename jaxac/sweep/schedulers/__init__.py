"""Schedulers: who trains on, and how far; each is a value in a sweep's slot `scheduler`."""

from jaxac.sweep.schedulers.asha import ASHA as ASHA
from jaxac.sweep.schedulers.halving import Halving as Halving
from jaxac.sweep.schedulers.halving import Hyperband as Hyperband
from jaxac.sweep.schedulers.plateau import Plateau as Plateau
from jaxac.sweep.schedulers.population import PBT as PBT
from jaxac.sweep.schedulers.proposals import Optuna as Optuna
from jaxac.sweep.schedulers.role import Everything as Everything
