"""Concentration: turn up two cards at a time, and keep those that match."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import Int, frozen
from jaxac.envs.canvas import COLOURS
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.memory.task import task
from jaxac.envs.picture import cells_picture


@frozen
class Table:
    """Cards on a table."""

    kinds: Any  # int32 [cards]
    up: Any  # bool [cards]: found, and so face up for good
    first: Int | int  # the card that was turned up first, -1 if there is none
    last: Int | int  # the card turned up by the last step, -1 before the first


def concentration(name: str, num_cards: int, num_kinds: int) -> Env:
    """An action turns up a card; two that match stay up, others are down again a step later.

    Source: Morad et al. 2023, arXiv:2303.01859 (POPGym), and the code its authors published: a pair
    pays 2 / cards, two cards that are none cost 2 / steps of an episode. Departs from them: a
    card that lies face up already counts as the first of an attempt that cannot pair, where POPGym
    charges 1 / steps for it at once and forgets it; each card is observed one-hot, the last kind
    being a card face down, [cards, kinds + 1].
    """
    num_steps = math.ceil(2 * num_cards - num_cards / (2 * num_cards - 1))

    def observe(state):
        cards = jnp.arange(num_cards)
        shown = state.up | (cards == state.first) | (cards == state.last)
        return jax.nn.one_hot(jnp.where(shown, state.kinds, num_kinds), num_kinds + 1)

    def reset(key, params):
        del params
        deck = jnp.arange(num_cards, dtype=jnp.int32) % num_kinds
        kinds, none = jax.random.permutation(key, deck), jnp.int32(-1)
        state = Table(kinds, jnp.zeros(num_cards, bool), none, none)
        return state, observe(state)

    def step(key, state, action, params):
        del key
        card, first = jnp.asarray(action, jnp.int32), state.first
        second = first >= 0
        alike = (state.kinds[first] == state.kinds[card]) & (first != card)
        pair = second & alike & ~state.up[first] & ~state.up[card]
        gain = jnp.where(pair, 2.0 / num_cards, jnp.where(second, -2.0 / num_steps, 0.0))
        cards = jnp.arange(num_cards)
        up = state.up | (pair & ((cards == first) | (cards == card)))
        shown = observe(Table(state.kinds, up, first, card))
        state = Table(state.kinds, up, jnp.where(second, -1, card), card)
        return state, TimeStep(shown, params.reward_scale * gain, up.all(), jnp.zeros((), bool))

    def render(state, params):
        del params
        shown = np.asarray(observe(state))[:, :-1]
        columns = math.ceil(math.sqrt(num_cards))
        cells = np.zeros((columns * math.ceil(num_cards / columns), num_kinds))
        cells[:num_cards] = shown
        return cells_picture(cells.reshape(-1, columns, num_kinds), COLOURS)

    space = Box((num_cards, num_kinds + 1), 0.0, 1.0)
    return task(name, reset, step, num_steps, space, Discrete(num_cards), render)
