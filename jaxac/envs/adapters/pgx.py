"""pgx (2.6): board, card and dice games against an opponent, 2048, and MinAtar.

A game for several becomes a task for one: a step is our move and then those of the other seats,
until it is our turn again or the game ends. Who starts is drawn at random; if others do, they move
within `reset`. Whoever plays them is an operator, `RandomOpponent` unless `adapt` is given another.

A game that ends is a termination, also where its rules count the moves of both sides: chess and
shogi are drawn after 512, gardner_chess and animal_shogi after 256, Go is scored after 2 * size^2.
Only Freeway's clock is none of the game, as nothing shows it: it is disarmed, and its 2501 frames
are `max_steps`. An illegal action ends the game by pgx's own rule, with a penalty of 1 (backgammon
3) for who took it and a reward for the others. bridge_bidding is left out: it downloads its tables.
"""

import copy
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.core import Int, Key, Scalar, Static, field, frozen, is_frozen, replace, strong
from jaxac.envs.adapters import extras
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.resets import BY_PLATFORM, WhenNeeded
from jaxac.errors import RegistryError, closest

STEPS = {
    "2048": 10_000,
    "animal_shogi": 256,
    "backgammon": 2000,
    "chess": 512,
    "connect_four": 42,
    "gardner_chess": 256,
    "go_9x9": 162,
    "go_19x19": 722,
    "hex": 122,
    "kuhn_poker": 4,
    "leduc_holdem": 16,
    "minatar-asterix": 2500,
    "minatar-breakout": 2500,
    "minatar-freeway": 2501,
    "minatar-seaquest": 2500,
    "minatar-space_invaders": 2500,
    "othello": 128,
    "shogi": 512,
    "sparrow_mahjong": 32,
    "tic_tac_toe": 9,
}
"""Our moves until truncation; none but 2048, backgammon and MinAtar can last as long."""
LEFT_OUT = ("bridge_bidding",)
BOUNDS = {
    "animal_shogi": (0.0, 1.0),
    "backgammon": (-15.0, 15.0),
    "chess": (0.0, 1.0),
    "gardner_chess": (0.0, 1.0),
}
"""Of observations that are numbers; the rest are planes of 0 and 1."""
NEVER = 2**30  # frames


@runtime_checkable
class Opponent(Protocol):
    """Whoever plays the other seats. One with traced fields brings them into the params."""

    def __call__(self, key: Key, obs: dict[str, Array]) -> Int:
        """A legal action for `policy` (the game as that seat sees it) and `action_mask` [n]."""
        ...


@frozen
class RandomOpponent:
    """Every legal action is equally likely."""

    def __call__(self, key, obs):
        return jax.random.categorical(key, jnp.where(obs["action_mask"], 0.0, -jnp.inf))


@frozen
class PolicyOpponent:
    """A plain function `(key, obs) -> action`, a trained policy with its weights, say."""

    policy: Static[Callable[[Key, dict[str, Array]], Int]]

    def __call__(self, key, obs):
        return self.policy(key, obs)


RANDOM = RandomOpponent()
OPPONENT = field(RANDOM, "who plays the other seats")
MAX_STEPS = field(1000, "our moves after which an episode is truncated", within="[1, inf)")


@frozen
class SoloParams:
    """Traced params of a game for one."""

    max_steps: Int | int = MAX_STEPS


@frozen
class MinAtarParams:
    """Traced params of a MinAtar game."""

    sticky_action_prob: Scalar = field(
        0.1, "probability that the last action is repeated instead", within="[0, 1]"
    )
    max_steps: Int | int = MAX_STEPS


@frozen
class MatchParams:
    """Traced params of a game for several."""

    opponent: Opponent = OPPONENT
    max_steps: Int | int = MAX_STEPS


@frozen
class GoParams:
    """Traced params of Go."""

    komi: Scalar = field(7.5, "points that White is given for moving second")
    opponent: Opponent = OPPONENT
    max_steps: Int | int = MAX_STEPS


@frozen
class Seated:
    """A game under way, and our place in it."""

    game: Any  # pgx's own state without its observation, which is made anew when needed
    player: Int  # pgx's id of our player, whichever side it has
    owed: Scalar  # what an ending before our first move brings; paid with our first step


def ids() -> tuple[str, ...]:
    """Names of pgx's games that need no download."""
    return tuple(STEPS)


def make(name: str) -> Env:
    """The pgx game `name`, against a `RandomOpponent` if it is for several.

    Raises `RegistryError` for an unknown name, `EnvError` if pgx is missing.
    """
    if name not in ids():
        raise RegistryError(f"pgx has no environment {name!r}{closest(name, ids())}")
    return adapt(extras.load("pgx", "pgx").make(name), max_steps=STEPS[name])


def adapt(game: Any, opponent: Opponent = RANDOM, max_steps: int = 1000) -> Env:
    """Any `pgx.Env` object, one of your own too, against `opponent` in every other seat.

    Observations are {"policy": float32, as our player sees the game, "action_mask": bool [n]};
    after the end of the game every action is legal and none has an effect. The reward is that of
    our player, summed over the moves of a step.
    """
    plays_alone = game.num_players == 1

    def see(state, player):
        seen = game._observe(state, player).astype(jnp.float32)  # `observe` warns of a player id
        return {"policy": seen, "action_mask": state.legal_action_mask}

    def let_others_move(key, rules, params, state, player):
        if plays_alone:
            return state, jnp.float32(0)

        def theirs(carried):
            _, state, _ = carried
            return ~state.terminated & ~state.truncated & (state.current_player != player)

        def move(carried):
            key, state, reward = carried
            key, key_act, key_step = jax.random.split(key, 3)
            action = params.opponent(key_act, see(state, state.current_player))
            state = lean(rules.step(state, action, key_step))
            return key, state, reward + state.rewards[player]

        return jax.lax.while_loop(theirs, move, (key, state, jnp.float32(0)))[1:]

    def reset(key, params):
        key_init, key_seat, key_others = jax.random.split(key, 3)
        rules = _under(game, params)
        state = lean(rules.init(key_init))
        if hasattr(state, "_terminate_timer"):
            state = state.replace(_terminate_timer=jnp.full_like(state._terminate_timer, NEVER))
        player = jax.random.randint(key_seat, (), 0, game.num_players)
        state, owed = let_others_move(key_others, rules, params, state, player)
        return Seated(state, player, owed), see(state, player)

    def step(key, state, action, params):
        key_step, key_others = jax.random.split(key)
        rules = _under(game, params)
        after = lean(rules.step(state.game, action, key_step))
        reward = state.owed + after.rewards[state.player]
        after, more = let_others_move(key_others, rules, params, after, state.player)
        obs, terminated = see(after, state.player), after.terminated
        state = replace(state, game=after, owed=jnp.zeros_like(state.owed))
        return state, TimeStep(obs, reward + more, terminated, after.truncated)

    params = _params(game, opponent, max_steps)
    _, obs = jax.eval_shape(reset, jax.random.key(0), params)
    num_actions = obs["action_mask"].shape[0]
    planes = jax.eval_shape(game.init, jax.random.key(0)).observation.dtype == bool
    low, high = (0.0, 1.0) if planes else BOUNDS.get(game.id, (-jnp.inf, jnp.inf))
    return Env(
        game.id,
        reset,
        step,
        params,
        {
            "policy": Box(obs["policy"].shape, low, high),
            "action_mask": Box((num_actions,), 0.0, 1.0, "bool"),
        },
        Discrete(num_actions),
        lambda params: params.max_steps,
        resets=BY_PLATFORM if plays_alone else WhenNeeded(),
    )


def lean(state: Any) -> Any:
    """A pgx state without its observation, which is larger than all the rest of it."""
    return jax.tree.map(strong, state.replace(observation=()))


def _params(game: Any, opponent: Opponent, max_steps: int) -> Any:
    if game.num_players == 1:
        sticky = getattr(game, "sticky_action_prob", None)
        return SoloParams(max_steps) if sticky is None else MinAtarParams(sticky, max_steps)
    opponent = opponent if is_frozen(opponent) else PolicyOpponent(opponent)
    komi = getattr(getattr(game, "_game", None), "komi", None)
    if komi is None:
        return MatchParams(opponent, max_steps)
    return GoParams(float(komi), opponent, max_steps)


def _under(game: Any, params: Any) -> Any:
    """The game with its traced numbers in place."""
    if isinstance(params, MinAtarParams):
        return _with(game, "sticky_action_prob", params.sticky_action_prob)
    if isinstance(params, GoParams):
        return _with(game, "_game", _with(game._game, "komi", params.komi))
    return game


def _with(x: Any, name: str, value: Any) -> Any:
    changed = copy.copy(x)
    setattr(changed, name, value)
    return changed
