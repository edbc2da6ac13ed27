"""Tasks that cannot be solved without a memory, in pure JAX."""

import functools
import re
from collections.abc import Callable

from jaxac.envs.contract import Env
from jaxac.envs.memory import cards, cart_pole, concentration, hidden_goal, t_maze
from jaxac.errors import RegistryError, closest

NAMED: dict[str, Callable[[str], Env]] = {
    "RepeatFirstEasy": functools.partial(cards.repeat_first, num_decks=1),
    "RepeatFirstMedium": functools.partial(cards.repeat_first, num_decks=8),
    "RepeatFirstHard": functools.partial(cards.repeat_first, num_decks=16),
    "RepeatPreviousEasy": functools.partial(cards.repeat_previous, k=4, num_decks=1),
    "RepeatPreviousMedium": functools.partial(cards.repeat_previous, k=32, num_decks=2),
    "RepeatPreviousHard": functools.partial(cards.repeat_previous, k=64, num_decks=3),
    "AutoencodeEasy": functools.partial(cards.autoencode, num_decks=1),
    "AutoencodeMedium": functools.partial(cards.autoencode, num_decks=2),
    "AutoencodeHard": functools.partial(cards.autoencode, num_decks=3),
    "ConcentrationEasy": functools.partial(concentration.concentration, num_cards=52, num_kinds=2),
    "ConcentrationMedium": functools.partial(
        concentration.concentration, num_cards=104, num_kinds=2
    ),
    "ConcentrationHard": functools.partial(concentration.concentration, num_cards=52, num_kinds=13),
    "StatelessCartPoleEasy": functools.partial(cart_pole.stateless, num_steps=200),
    "StatelessCartPoleMedium": functools.partial(cart_pole.stateless, num_steps=400),
    "StatelessCartPoleHard": functools.partial(cart_pole.stateless, num_steps=600),
    "NoisyStatelessCartPoleEasy": functools.partial(cart_pole.noisy, std=0.1),
    "NoisyStatelessCartPoleMedium": functools.partial(cart_pole.noisy, std=0.2),
    "NoisyStatelessCartPoleHard": functools.partial(cart_pole.noisy, std=0.3),
}
"""As in POPGym."""


def _pairs(name: str, half: int) -> Env:
    return concentration.concentration(name, 2 * half, half)


SIZED: dict[str, tuple[str, Callable[..., Env]]] = {
    "ConcentrationPairs": ("ConcentrationPairs-4", _pairs),
    "TMaze": ("TMaze-10", t_maze.t_maze),
    "HiddenGoal": ("HiddenGoal-5x6", hidden_goal.hidden_goal),
}
"""An example, and what makes a task of the sizes in its name."""
SIZES = range(2, 101)  # of which a name may speak


def ids() -> tuple[str, ...]:
    """POPGym's tasks, and an example of those whose sizes are in their name."""
    return (*NAMED, *(example for example, _ in SIZED.values()))


def make(name: str) -> Env:
    """The task `name`, of sizes as in the examples.

    Raises `RegistryError` for an unknown name, and for sizes that are not 2 to 100.
    """
    if name in NAMED:
        return NAMED[name](name)
    example, build = SIZED.get(name.partition("-")[0], ("", None))
    match = re.fullmatch(re.sub(r"\d+", r"(\\d{1,3})", example), name)
    numbers = [int(x) for x in match.groups()] if match else []
    if build is None or not numbers or not all(x in SIZES for x in numbers):
        sizes = f"; sizes are {SIZES[0]} to {SIZES[-1]}" if numbers else ""
        raise RegistryError(f"memory has no environment {name!r}{sizes}{closest(name, ids())}")
    return build(name, *numbers)
