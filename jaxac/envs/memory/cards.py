"""Cards that are shown one after the other, to be named later.

Source: Morad et al. 2023, arXiv:2303.01859 (POPGym), and the code its authors published: returns
lie in [-1, 1], of which 1 is naming every card. Departs from them: suits are observed one-hot;
while cards are recited in Autoencode none is shown, where POPGym shows one that is always the same.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.core import Int, frozen
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.memory.task import task

SUITS, DECK = 4, 52


@frozen
class Cards:
    """Suits of all cards in the order they are dealt, and the steps since the first was shown."""

    suits: Any  # int32 [cards]
    time: Int | int


def repeat_first(name: str, num_decks: int = 1) -> Env:
    """At every step name the suit of the first card."""
    num = num_decks * DECK
    return _game(name, num, num - 1, 0, lambda t: jnp.zeros_like(t))


def repeat_previous(name: str, k: int = 4, num_decks: int = 1) -> Env:
    """At every step name the suit of the card seen k - 1 steps ago (POPGym counts from 1).

    Nothing is paid until there is such a card.
    """
    num = num_decks * DECK
    return _game(name, num, num - 1, k - 1, lambda t: t - (k - 1))


def autoencode(name: str, num_decks: int = 1) -> Env:
    """See all cards, then name their suits in reverse order."""
    num = num_decks * DECK
    return _game(name, num, 2 * num - 1, num - 1, lambda t: 2 * (num - 1) - t, phases=True)


def _game(
    name: str,
    num_cards: int,
    num_steps: int,
    silent: int,
    wanted: Callable[[Array], Array],
    phases: bool = False,
) -> Env:
    """Of `num_steps` the first `silent` pay nothing; then card `wanted(time)` is to be named."""
    paid = num_steps - silent

    def observe(state):
        shown = jax.nn.one_hot(state.suits[jnp.minimum(state.time, num_cards - 1)], SUITS)
        if not phases:
            return shown
        reciting = jax.nn.one_hot((state.time >= num_cards - 1).astype(jnp.int32), 2)
        return jnp.concatenate([reciting, jnp.where(state.time < num_cards, shown, 0.0)])

    def reset(key, params):
        del params
        deck = jnp.arange(num_cards, dtype=jnp.int32) % SUITS
        state = Cards(jax.random.permutation(key, deck), jnp.int32(0))
        return state, observe(state)

    def step(key, state, action, params):
        del key
        card = jnp.clip(wanted(state.time), 0, num_cards - 1)
        gain = jnp.where(action == state.suits[card], 1.0, -1.0) / paid
        reward = params.reward_scale * jnp.where(state.time >= silent, gain, 0.0)
        state = Cards(state.suits, state.time + 1)
        ended = jnp.asarray(state.time >= num_steps)
        return state, TimeStep(observe(state), reward, ended, jnp.zeros((), bool))

    size = SUITS + (2 if phases else 0)
    return task(name, reset, step, num_steps, Box((size,), 0.0, 1.0), Discrete(SUITS))
