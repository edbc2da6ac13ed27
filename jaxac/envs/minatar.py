"""MinAtar as its authors run it, made from gymnax's games: sticky actions, and no episode cap.

Young & Tian 2019, arXiv:1903.03176: the last action is repeated with probability 0.1. In `-v0`
every game has all six actions, in `-v1` only those that have an effect. gymnax's own games have the
minimal set, no sticky actions, and end episodes after 1,000 steps. MinAtar has no cap but in
Freeway (2,500 steps); 10,000 stand here, so that an evaluation of a policy that never loses ends.
"""

import dataclasses

from jaxac.envs.adapters import gymnax
from jaxac.envs.contract import Env
from jaxac.envs.wrap import wrap
from jaxac.envs.wrappers import StickyActions
from jaxac.errors import RegistryError, closest

GAMES = ("Asterix", "Breakout", "Freeway", "Seaquest", "SpaceInvaders")
CAP = 10_000
STICKINESS = 0.1


def ids() -> tuple[str, ...]:
    """Five games, each with all actions (v0) and with the minimal set (v1)."""
    return tuple(f"{game}-{version}" for version in ("v0", "v1") for game in GAMES)


def make(name: str) -> Env:
    """The game `name`, with stickiness and cap as params.

    Raises `RegistryError` for an unknown name.
    """
    if name not in ids():
        raise RegistryError(f"minatar has no environment {name!r}{closest(name, ids())}")
    game, _, version = name.partition("-")
    env = gymnax.make(f"{game}-MinAtar", use_minimal_action_set=version == "v1")
    if game != "Freeway":
        env = dataclasses.replace(env, params=env.params.replace(max_steps_in_episode=CAP))
    return dataclasses.replace(wrap(env, StickyActions(prob=STICKINESS)), name=name)
