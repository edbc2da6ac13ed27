"""Tasks of memory: rewards by hand, what can be had with a memory, and what without one."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import replace
from jaxac.envs import classic, memory
from jaxac.envs.canvas import BLUE, GREEN, rgb
from jaxac.envs.check import check_env
from jaxac.envs.memory import concentration, hidden_goal, t_maze
from jaxac.envs.picture import EMPTY
from jaxac.envs.wrap import wrap
from jaxac.envs.wrappers import LastStep
from jaxac.errors import EnvError, RegistryError


def played(env, policy, begin, num_steps, *table):
    """An episode from (state, obs): observations [T + 1], actions, rewards and whether it goes on.

    `policy(memory, obs, *table) -> action, memory` begins with the memory None: of the first
    observation it makes whatever it wants to keep.
    """
    state, obs = begin
    action, kept = policy(None, obs, *table)

    def one(carried, key):
        state, action, kept, alive = carried
        state, s = env.step(key, state, action, env.params)
        following, kept = policy(kept, s.obs, *table)
        goes_on = alive & ~s.terminated
        return (state, following, kept, goes_on), (s.obs, action, s.reward * alive, alive)

    first = state, jnp.asarray(action, jnp.int32), kept, jnp.ones((), bool)
    keys = jax.random.split(jax.random.key(9), num_steps)
    _, (after, actions, rewards, alive) = jax.lax.scan(one, first, keys)
    return jnp.concatenate([obs[None], after]), actions, rewards, alive


def of_keys(env, policy, num_steps, num):
    """`played` from `num` resets, on the host."""

    def one(key):
        return played(env, policy, env.reset(key, env.params), num_steps)

    rows = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), num))
    return [np.asarray(x) for x in rows]


SMALL = (
    "RepeatFirstEasy",
    "RepeatPreviousEasy",
    "AutoencodeEasy",
    "ConcentrationPairs-4",
    "StatelessCartPoleEasy",
    "NoisyStatelessCartPoleEasy",
    "TMaze-10",
    "HiddenGoal-5x6",
)


@pytest.mark.parametrize("name", SMALL)
def test_tasks_keep_the_contract(name):
    assert check_env(memory.make(name)).findings == ()


def counting(kept, obs):
    """Names suits in turn, whatever is seen."""
    time = jnp.int32(0) if kept is None else kept
    return time % 4, time + 1


CARDS = {
    "RepeatFirstEasy": (51, 1 / 51, lambda t: 0),
    "RepeatPreviousEasy": (51, 1 / 48, lambda t: t - 3 if t >= 3 else None),
    "AutoencodeEasy": (103, 1 / 52, lambda t: 102 - t if t >= 51 else None),
}


@pytest.mark.parametrize("name", CARDS)
def test_rewards_of_cards_by_hand(name):
    num_steps, unit, wanted = CARDS[name]
    env = memory.make(name)
    assert env.time_limit(env.params) == num_steps
    seen, actions, rewards, alive = of_keys(env, counting, num_steps, 8)
    assert alive.all(), "the last step ends the task"
    suits = seen[:, :52, -4:].argmax(-1)
    np.testing.assert_array_equal(np.apply_along_axis(np.bincount, 1, suits), 13)
    card = [wanted(t) for t in range(num_steps)]
    for t, c in enumerate(card):
        right = 0.0 if c is None else np.where(actions[:, t] == suits[:, c], unit, -unit)
        np.testing.assert_allclose(rewards[:, t], right, rtol=1e-5)
    assert sum(c is not None for c in card) * unit == pytest.approx(1.0), "the best return"
    if name == "AutoencodeEasy":
        np.testing.assert_array_equal(seen[:, :, 1].argmax(1), 51)
        np.testing.assert_array_equal(seen[:, 52:, 2:], 0.0)


def test_the_first_card_is_worth_a_memory():
    """Remembering pays 1; of memoryless policies naming the suit that is seen is best, by hand."""
    env = memory.make("RepeatFirstEasy")

    def remembers(kept, obs):
        first = obs.argmax(-1) if kept is None else kept
        return first, first

    def copies(kept, obs):
        return obs.argmax(-1), ()

    def differs(kept, obs):
        return (obs.argmax(-1) + 1) % 4, ()

    returns = [of_keys(env, policy, 51, 4_000)[2].sum(1) for policy in (remembers, copies, differs)]
    np.testing.assert_allclose(returns[0], 1.0, rtol=1e-5)
    same, other = (1 + 50 * 12 / 51) / 51, 50 * 13 / 51 / 51
    np.testing.assert_allclose(returns[1].mean(), 2 * same - 1, atol=0.01)
    np.testing.assert_allclose(returns[2].mean(), 2 * other - 1, atol=0.01)
    assert other < same < 0.26


def test_a_t_maze_is_worth_a_memory():
    """Every deterministic memoryless policy is played; none has above 0.4875 on average."""
    env, length = memory.make("TMaze-4"), 4

    def begin(right):
        state = t_maze.Maze(jnp.asarray(right), jnp.int32(0))
        return state, jnp.eye(4)[jnp.asarray(right, jnp.int32)]

    def memoryless(kept, obs, table):
        return table[obs.argmax(-1)], ()

    def remembers(kept, obs):
        right = obs[1] if kept is None else kept
        turn = jnp.where(right > 0, t_maze.RIGHT, t_maze.LEFT)
        return jnp.where(obs[3] > 0, turn, t_maze.AHEAD), right

    @jax.jit
    def run(tables):
        best = jax.vmap(lambda right: played(env, remembers, begin(right), 20))
        every = jax.vmap(
            lambda table: jax.vmap(
                lambda right: played(env, memoryless, begin(right), 20, table)[2].sum()
            )(jnp.arange(2) == 1)
        )
        return best(jnp.arange(2) == 1), every(tables)

    tables = jnp.asarray(list(itertools.product(range(3), repeat=4)))
    (_, _, rewards, alive), returns = run(tables)
    np.testing.assert_array_equal(rewards.sum(1), 1.0)
    np.testing.assert_array_equal(alive.sum(1), length + 1)
    np.testing.assert_allclose(returns.mean(1).max(), (1.0 - t_maze.LOST) / 2, rtol=1e-6)
    assert returns.min() == pytest.approx(-20 * t_maze.LOST)


UP, DOWN, LEFT, RIGHT = range(4)
SWEEP = [
    [RIGHT] * 4 + [DOWN] * 4,
    [DOWN] * 4 + [RIGHT] * 4,
    [DOWN, RIGHT, RIGHT, RIGHT, DOWN, DOWN, LEFT, LEFT],
    [DOWN, DOWN, RIGHT, RIGHT, UP, UP, UP, UP],
]


def searched(env, size, policy, *table):
    """Rewards [goals, T] and whether episodes go on, for every goal."""

    def one(cell):
        state = hidden_goal.begin(jnp.stack([cell // size, cell % size]))
        obs = jnp.zeros(2 * size + 1).at[jnp.array([0, size])].set(1.0)
        return played(env, policy, (state, obs), env.time_limit(env.params), *table)[2:]

    return jax.vmap(one)(jnp.arange(1, size**2))


def test_a_hidden_goal_is_worth_a_memory():
    """All goals: a sweep that then repeats what found the goal, and the same path for ever."""
    env = memory.make("HiddenGoal-5x6")
    paths = jnp.asarray(SWEEP + [SWEEP[0]] * 2)

    def sweeps(kept, obs):
        trial, time, known = kept or (jnp.int32(0), jnp.int32(0), jnp.zeros((), bool))
        found = obs[10] > 0
        late, known = (time == 8) & ~found, known | found
        trial, time = jnp.where(late & ~known, trial + 1, trial), jnp.where(late, 0, time)
        action = paths[trial, jnp.minimum(time, 7)]
        return action, (trial, jnp.where(found, 0, time + 1), known)

    def repeats(kept, obs):
        row, column = obs[:5].argmax(), obs[5:10].argmax()
        return jnp.where((column < 4) & (row == 0), RIGHT, DOWN), ()

    run = jax.jit(lambda: [searched(env, 5, policy) for policy in (sweeps, repeats)])
    (rewards, alive), (without, _) = run()
    by_trial = (8 * 6 + 7 * 5 + 7 * 4 + 2 * 3) / (24 * 6)  # cells first reached in trials 1 to 4
    np.testing.assert_allclose(rewards.sum(1).mean(), by_trial, rtol=1e-6)
    np.testing.assert_allclose(without.sum(1).mean(), 2 / (5 + 1), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(rewards).sum(1)[:4], 1.0)  # in every trial
    assert np.asarray(alive).sum(1)[0] == 6 * 2 - 1, "one step there and one back"


def test_no_way_to_search_without_a_memory_beats_the_bound():
    """Every deterministic memoryless policy on four cells, for every goal and three trials."""
    env = memory.make("HiddenGoal-2x3")

    def memoryless(kept, obs, table):
        return table[2 * obs[:2].argmax() + obs[2:4].argmax()], ()

    tables = jnp.asarray(list(itertools.product(range(4), repeat=4)))
    run = jax.jit(jax.vmap(lambda table: searched(env, 2, memoryless, table)[0].sum(1).mean()))
    np.testing.assert_allclose(run(tables).max(), 2 / (2 + 1), rtol=1e-6)


def test_concentration_with_a_perfect_memory_by_hand():
    """Two pairs: the first two cards match in one case of three; else one more pair is missed."""
    env = memory.make("ConcentrationPairs-2")
    step = jax.jit(lambda state, action: env.step(jax.random.key(0), state, action, env.params))
    assert env.time_limit(env.params) == 8
    returns = []
    for kinds in sorted(set(itertools.permutations((0, 0, 1, 1)))):
        none = jnp.int32(-1)
        state = concentration.Table(jnp.asarray(kinds), jnp.zeros(4, bool), none, none)
        known, total, ended = {}, 0.0, False
        while not ended:
            down, first = [i for i in range(4) if not state.up[i]], None
            for _ in range(2):
                mates = [
                    i
                    for i, j in itertools.permutations(down, 2)
                    if i in known and known[i] == known.get(j) and first in (None, j)
                ]
                card = mates[0] if mates else next(i for i in down if i not in known)
                state, s = step(state, card)
                shown, first = np.asarray(s.obs).argmax(-1), card
                known |= {i: int(k) for i, k in enumerate(shown) if k < 2}
                assert known[card] == kinds[card]
                total, ended = total + float(s.reward), bool(s.terminated)
        returns.append(total)
    np.testing.assert_allclose(np.mean(returns), 1.0 - (2 / 3) * 2 / 8, rtol=1e-5)
    assert max(returns) == pytest.approx(1.0)


def test_cards_that_are_up_make_no_pair_again():
    env = memory.make("ConcentrationPairs-2")
    none = jnp.int32(-1)
    state = concentration.Table(jnp.array([0, 0, 1, 1]), jnp.array([1, 1, 0, 0], bool), none, none)
    for action, reward in ((0, 0.0), (1, -2 / 8), (2, 0.0), (2, -2 / 8), (2, 0.0), (3, 0.5)):
        state, s = env.step(jax.random.key(0), state, action, env.params)
        assert float(s.reward) == pytest.approx(reward)
    assert s.terminated and (np.asarray(s.obs).argmax(-1) == [0, 0, 1, 1]).all()


def test_a_pole_without_velocities_is_worth_a_memory():
    env = memory.make("StatelessCartPoleEasy")

    def differences(kept, obs):
        change = jnp.zeros(2) if kept is None else obs - kept
        return (obs @ jnp.array([0.1, 1.0]) + change @ jnp.array([15.0, 15.0]) > 0).astype(int), obs

    def leans(weight, kept, obs):
        return (obs @ jnp.array([weight, 1.0]) > 0).astype(int), ()

    with_memory = of_keys(env, differences, 200, 32)[2].sum(1)
    np.testing.assert_allclose(with_memory, 1.0, rtol=1e-5)
    for weight in (-0.1, 0.0, 0.1):
        assert of_keys(env, functools.partial(leans, weight), 200, 32)[2].sum(1).mean() < 0.5


def test_the_time_limit_of_a_pole_sets_its_rewards():
    env = memory.make("StatelessCartPoleHard")
    state, obs = env.reset(jax.random.key(0), env.params)
    assert obs.shape == (2,)
    for limit in (600, 50):
        params = env.params.replace(max_steps_in_episode=limit)
        _, s = env.step(jax.random.key(0), state, 1, params)
        assert float(s.reward) == pytest.approx(1 / limit)


def test_the_last_action_and_reward_stand_beside_the_observation():
    env = wrap(memory.make("TMaze-2"), LastStep())
    space = env.observation_space
    assert space.shape == (8,) and np.isinf(space.bounds[1][-1]) and space.bounds[1][4] == 1.0
    state, obs = env.reset(jax.random.key(0), env.params)
    np.testing.assert_array_equal(obs[4:], 0.0)
    _, s = env.step(jax.random.key(0), state, t_maze.LEFT, env.params)
    np.testing.assert_allclose(s.obs[4:], [1.0, 0.0, 0.0, -t_maze.LOST], rtol=1e-6)
    np.testing.assert_array_equal(s.obs[:4], obs[:4])
    assert check_env(env).findings == ()


def test_last_actions_of_a_box_stand_beside_the_observation_as_they_are():
    env = wrap(classic.make(classic.NAME), LastStep())
    state, _ = env.reset(jax.random.key(0), env.params)
    _, s = env.step(jax.random.key(0), state, jnp.array([0.5]), env.params)
    np.testing.assert_allclose(s.obs[2:], [0.5, -0.1 * 0.25], rtol=1e-6)
    np.testing.assert_array_equal(env.observation_space.bounds[0][2:], [-1.0, -np.inf])
    with pytest.raises(EnvError, match="put FlattenObservation before it"):
        wrap(memory.make("ConcentrationPairs-2"), LastStep())


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("TMaze-4", {BLUE: 1, GREEN: 1}),
        ("HiddenGoal-5x6", {BLUE: 1, GREEN: 1}),
        ("ConcentrationPairs-2", {EMPTY: 4}),
    ],
)
def test_pictures_show_what_there_is_cell_by_cell(name, shares):
    env = memory.make(name)
    state, _ = env.reset(jax.random.key(0), env.params)
    assert env.render is not None
    picture = env.render(state, env.params)
    assert picture.dtype == np.uint8 and picture.ndim == 3
    cell = {"TMaze-4": 64, "HiddenGoal-5x6": 64, "ConcentrationPairs-2": 160}[name]
    middles = picture[cell // 2 :: cell, cell // 2 :: cell].reshape(-1, 3)
    for colour, count in shares.items():
        assert (middles == rgb(colour).astype(np.uint8)).all(-1).sum() == count


def test_rewards_are_multiplied_by_the_scale_in_the_params():
    env = memory.make("TMaze-2")
    state, _ = env.reset(jax.random.key(0), env.params)
    _, s = env.step(jax.random.key(0), state, 0, replace(env.params, reward_scale=4.0))
    assert float(s.reward) == pytest.approx(-0.1)


def test_tasks_are_made_by_name():
    assert memory.make("HiddenGoal-4x3").observation_space.shape == (9,)
    assert memory.make("AutoencodeHard").time_limit(memory.make("AutoencodeHard").params) == 311
    with pytest.raises(RegistryError, match=r"no environment 'TMaze'.*did you mean TMaze-10"):
        memory.make("TMaze")
    with pytest.raises(RegistryError, match="sizes are 2 to 100"):
        memory.make("TMaze-500")
