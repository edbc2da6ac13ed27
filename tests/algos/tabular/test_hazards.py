"""A grid with a short dear way and a long free one, by enumeration."""

import numpy as np
import pytest

from jaxac.algos.tabular import exact
from jaxac.algos.tabular.env import make
from jaxac.algos.tabular.hazards import STEP, entered, hazards
from jaxac.core import replace
from jaxac.errors import ConfigError, RegistryError


def way(reward, gamma=0.99):
    """Return and cost of the best policy of the 3 x 6 grid for these rewards [S, A]."""
    mdp = hazards(3, 6)
    policy = exact.optimal_policy(replace(mdp, reward=reward), gamma)
    value = [
        exact.policy_value(replace(mdp, reward=x), policy, 1.0)[0]
        for x in (mdp.reward, entered(mdp, 3, 6))
    ]
    return float(value[0]), float(value[1])


def test_the_short_way_costs_and_the_long_way_is_free():
    mdp = hazards(3, 6)
    cost = entered(mdp, 3, 6)
    returns, paid = way(mdp.reward)
    np.testing.assert_allclose((returns, paid), (1.0 - 5 * STEP, 4.0), atol=1e-5)
    returns, paid = way(mdp.reward - 1.0 * cost)
    np.testing.assert_allclose((returns, paid), (1.0 - 7 * STEP, 0.0), atol=1e-5)


def test_a_grid_without_another_way_is_refused():
    with pytest.raises(ConfigError, match="no way around"):
        hazards(1, 6)
    with pytest.raises(RegistryError, match="no way around"):
        make("Hazards-2x2")
