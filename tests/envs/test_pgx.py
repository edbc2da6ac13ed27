import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import Scalar, frozen, replace
from jaxac.envs import Box, Discrete, loop
from jaxac.envs.adapters import pgx
from jaxac.envs.sampling import random_action
from jaxac.errors import RegistryError

original = pytest.importorskip("pgx")
KEYS = jax.random.split(jax.random.key(0), 16)


def first_legal(key, obs):
    return jnp.argmax(obs["action_mask"])


def programs(env):
    return env, jax.jit(env.reset), jax.jit(env.step)


@functools.cache
def made(name):
    return programs(pgx.make(name))


@functools.cache
def scripted():
    """tic_tac_toe against one who takes the first free field: known outcomes."""
    return programs(pgx.adapt(original.make("tic_tac_toe"), first_legal))


def opening(we_start):
    """A first state of the scripted game in which we do, or do not, move first."""
    env, reset, _ = scripted()
    for key in KEYS:
        state, obs = reset(key, env.params)
        if (obs["policy"].sum() == 0) == we_start:
            return state, obs
    raise AssertionError("one side always starts")


@pytest.mark.parametrize(
    ("we_start", "moves", "reward"),
    [
        (True, (0, 3, 6), 1.0),
        (True, (3, 4, 6), -1.0),
        (True, (1, 3, 4, 6, 8), 0.0),
        (False, (1, 4, 7), 1.0),
        (False, (1, 3, 5), -1.0),
        (False, (1, 3, 6, 8), 0.0),
        (True, (0, 2, 1), -1.0),
        (False, (1, 3, 0), -1.0),
    ],
    ids=["win", "loss", "draw", "win2", "loss2", "draw2", "illegal", "illegal2"],
)
def test_a_scripted_game_ends_as_it_must_whichever_side_is_ours(we_start, moves, reward):
    env, _, step = scripted()
    state, obs = opening(we_start)
    assert obs["policy"][..., 1].sum() == (0 if we_start else 1)
    for i, move in enumerate(moves):
        state, s = step(KEYS[i], state, move, env.params)
        assert bool(s.terminated) == (i + 1 == len(moves)) and not s.truncated
        assert float(s.reward) == (reward if s.terminated else 0.0)
    _, s = step(KEYS[0], state, 8, env.params)
    assert float(s.reward) == 0.0 and s.terminated, "a finished game pays nothing more"


def test_exactly_the_free_fields_are_legal_and_the_board_is_seen_from_our_side():
    env, _, step = scripted()
    state, obs = opening(we_start=False)
    ours = []
    for i, move in enumerate((1, 4, 8)):
        free = np.asarray(obs["policy"]).sum(-1).ravel() == 0
        np.testing.assert_array_equal(obs["action_mask"], free)
        ours.append(move)
        state, s = step(KEYS[i], state, move, env.params)
        obs = s.obs
        np.testing.assert_array_equal(np.flatnonzero(obs["policy"][..., 0]), ours)
    assert not s.terminated


@functools.cache
def raw(name):
    game = original.make(name)
    return game, jax.jit(game.init), jax.jit(game.step), jax.jit(pgx.RandomOpponent())


def by_hand(name, key, actions):
    """The task stepped by hand with pgx's own functions: reset, then rows of each step."""
    game, init, step, act = raw(name)

    def others(key, state, player, reward):
        while not state.terminated and state.current_player != player:
            key, key_act, key_step = jax.random.split(key, 3)
            seen = {"policy": state.observation, "action_mask": state.legal_action_mask}
            state = step(state, act(key_act, seen), key_step)
            reward += state.rewards[player]
        return state, reward

    key_init, key_seat, key_others = jax.random.split(key, 3)
    player = jax.random.randint(key_seat, (), 0, game.num_players)
    state, owed = others(key_others, init(key_init), player, 0.0)
    yield state, owed
    for key, action in actions:
        key_step, key_others = jax.random.split(key)
        state = step(state, action, key_step)
        state, reward = others(key_others, state, player, owed + state.rewards[player])
        yield state, reward
        owed = 0.0


def played(name, num_episodes, max_moves):
    """Episodes of random legal moves: the adapter's steps beside pgx's own."""
    env, reset, step = made(name)
    ends, seats = [], set()
    legal = jax.jit(lambda key, obs: random_action(key, env, obs))
    for key in jax.random.split(jax.random.key(1), num_episodes):
        state, obs = reset(key, env.params)
        seats.add(int(state.player))
        rows, actions, keys = [(obs, 0.0, False)], [], jax.random.split(key, max_moves)
        for k in keys:
            actions.append((k, legal(k, rows[-1][0])))
            state, s = step(k, state, actions[-1][1], env.params)
            rows.append((s.obs, float(s.reward), bool(s.terminated)))
            if s.terminated:
                break
        for (obs, reward, terminated), (theirs, wanted) in zip(
            rows, by_hand(name, key, actions), strict=True
        ):
            np.testing.assert_array_equal(obs["action_mask"], theirs.legal_action_mask)
            if not terminated:  # then it is our turn, and pgx shows what we see
                np.testing.assert_array_equal(obs["policy"], theirs.observation)
            assert terminated == bool(theirs.terminated)
            assert reward == pytest.approx(float(wanted))
        ends.append((len(actions), *rows[-1][1:]))
    return ends, seats


@pytest.mark.parametrize(
    ("name", "num_episodes", "max_moves"),
    [("connect_four", 14, 21), ("leduc_holdem", 50, 8), ("kuhn_poker", 30, 2)],
)
def test_every_step_is_that_of_pgx_with_the_opponent_moved_by_hand(name, num_episodes, max_moves):
    ends, seats = played(name, num_episodes, max_moves)
    assert all(terminated for _, _, terminated in ends) and seats == {0, 1}
    assert {np.sign(r) for _, r, _ in ends} >= {-1.0, 1.0}
    assert sum(length for length, _, _ in ends) >= (30 if name == "kuhn_poker" else 100)


@pytest.mark.parametrize(("name", "num_episodes"), [("minatar-breakout", 10), ("2048", 1)])
def test_a_game_for_one_is_that_of_pgx(name, num_episodes):
    ends, seats = played(name, num_episodes, 300)
    assert seats == {0} and all(terminated for _, _, terminated in ends)
    assert sum(length for length, _, _ in ends) >= 60


def test_what_an_end_before_our_first_move_brings_is_paid_with_our_first_step():
    def folds(key, obs):
        return jnp.int32(2)  # illegal as an opening, by leduc_holdem's rules

    env, reset, step = programs(pgx.adapt(original.make("leduc_holdem"), folds))
    rewards = []
    for key in KEYS:
        state, obs = reset(key, env.params)
        if state.game.terminated:
            assert float(state.owed) == 1.0 and obs["action_mask"].all()
            for wanted in (1.0, 0.0):
                state, s = step(key, state, 0, env.params)
                rewards.append(float(s.reward))
                assert rewards[-1] == wanted and s.terminated
    assert rewards


@frozen
class Certain:
    """Takes the legal action whose number is nearest to `favourite`."""

    favourite: Scalar = 0.0

    def __call__(self, key, obs):
        n = jnp.arange(obs["action_mask"].shape[0])
        return jnp.argmin(jnp.where(obs["action_mask"], jnp.abs(n - self.favourite), jnp.inf))


def test_an_opponents_fields_are_params_and_so_lanes():
    env = pgx.adapt(original.make("tic_tac_toe"), Certain())
    assert jax.tree.leaves(env.params) == [0.0, 1000]
    state, _ = env.reset(KEYS[0], env.params)

    def replies(favourite):
        params = replace(env.params, opponent=Certain(favourite))
        return env.step(KEYS[0], state, 4, params)[1].obs["policy"][..., 1].ravel()

    seen = jax.jit(jax.vmap(replies))(jnp.array([2.0, 6.0]))
    assert seen[0, 2] == 1 and seen[0, 6] == 0 and seen[1, 6] == 1 and seen[1, 2] == 0


def test_the_time_limit_counts_our_moves_and_truncates():
    env, _, _ = scripted()
    params = replace(env.params, max_steps=2)
    envs = loop.start(jax.random.key(0), env, params, 4)
    step = jax.jit(lambda key, envs, action: loop.step(key, env, params, envs, action))
    for i, action in enumerate((1, 4)):
        envs, o = step(KEYS[i], envs, jnp.full(4, action))
        assert not o.terminated.any() and o.truncated.all() == (i == 1)
    assert (envs.elapsed == 0).all() and (envs.obs["policy"][..., 0] == 0).all()


def test_the_clock_of_freeway_never_terminates():
    env, reset, step = made("minatar-freeway")
    game = original.make("minatar-freeway")
    theirs = game.init(KEYS[0])
    steps_of_pgx = int(theirs._terminate_timer) + 1
    assert game.step(theirs.replace(_terminate_timer=jnp.int32(0)), 0, KEYS[1]).terminated
    state, _ = reset(KEYS[0], env.params)
    assert env.time_limit(env.params) == steps_of_pgx < state.game._terminate_timer - 10**6
    assert not step(KEYS[1], state, 0, env.params)[1].terminated


def test_stickiness_of_minatar_is_a_lane():
    env, reset, _ = made("minatar-breakout")
    state, _ = reset(KEYS[0], env.params)

    def position(prob):
        params = replace(env.params, sticky_action_prob=prob)
        return env.step(KEYS[1], state, 1, params)[0].game._pos

    assert jax.jit(jax.vmap(position))(jnp.array([0.0, 1.0])).tolist() == [3, 4]


def test_komi_of_go_is_a_lane():
    """Both pass at once on an empty board, so that komi alone decides."""
    game = pytest.importorskip("pgx.go").Go(size=3)
    env = pgx.adapt(game, lambda key, obs: jnp.int32(9))
    assert env.params.komi == 7.5

    def ends(key, komi):
        params = replace(env.params, komi=komi)
        state, _ = env.reset(key, params)
        _, s = env.step(key, state, 9, params)
        return state.game._step_count > 0, s.reward, s.terminated

    both = jax.vmap(jax.vmap(ends, (None, 0)), (0, None))
    we_are_white, reward, terminated = jax.jit(both)(KEYS[:8], jnp.array([-1.0, 7.5]))
    assert terminated.all() and len(np.unique(we_are_white)) == 2
    np.testing.assert_array_equal(reward, np.where(we_are_white, 1, -1) * np.array([-1.0, 1.0]))


@pytest.mark.parametrize("name", pgx.ids())
def test_every_game_can_be_reset_and_stepped(name):
    """Abstractly: shapes and dtypes are kept and fit the spaces."""
    env = pgx.make(name)

    def both(key):
        state, obs = env.reset(key, env.params)
        return (state, obs), env.step(key, state, jnp.int32(0), env.params)

    first, (state, s) = jax.eval_shape(both, jax.random.key(0))
    assert jax.tree.structure(first) == jax.tree.structure((state, s.obs))
    assert jax.tree.leaves(first) == jax.tree.leaves((state, s.obs))
    assert not any(x.weak_type for x in jax.tree.leaves(first))
    assert env.name == name and env.num_agents is None
    for key, space in env.observation_space.items():
        assert isinstance(space, Box)
        assert (s.obs[key].shape, s.obs[key].dtype) == (space.shape, space.dtype)
    assert env.observation_space["action_mask"] == Box((env.action_space.n,), 0.0, 1.0, "bool")
    flags = [(x.shape, x.dtype.name) for x in (s.reward, s.terminated, s.truncated)]
    assert flags == [((), "float32"), ((), "bool"), ((), "bool")]


def test_spaces_and_names():
    env = pgx.make("connect_four")
    assert env.action_space == Discrete(7)
    assert env.observation_space["policy"] == Box((6, 7, 2), 0.0, 1.0)
    assert pgx.make("backgammon").observation_space["policy"] == Box((34,), -15.0, 15.0)
    assert isinstance(env.params.opponent, pgx.Opponent)


def test_ids_are_what_pgx_offers_without_a_download():
    assert set(pgx.ids()) == set(original.available_envs()) - set(pgx.LEFT_OUT)
    known = original.core.EnvId.__args__
    assert set(pgx.LEFT_OUT) <= set(known) and set(pgx.ids()) == set(known) - set(pgx.LEFT_OUT)


def test_an_unknown_name_is_an_error_with_the_closest_ones():
    with pytest.raises(RegistryError, match=r"no environment 'go'; did you mean .*go_9x9"):
        pgx.make("go")
    with pytest.raises(RegistryError):
        pgx.make("bridge_bidding")
