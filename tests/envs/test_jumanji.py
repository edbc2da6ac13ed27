import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import replace
from jaxac.envs import Box, Discrete
from jaxac.envs.adapters import jumanji
from jaxac.errors import RegistryError
from tests.envs import side_by_side

original = pytest.importorskip("jumanji")
KEY = jax.random.key(0)
UP, ASIDE, DOWN, LEFT = range(4)


def joined(*arrays):
    return jnp.concatenate([jnp.ravel(x).astype(jnp.float32) for x in arrays])


def everyone(mask):
    """Legal joint actions of three, by the mask of each."""
    a, b, c = mask
    return (a[:, None, None] & b[None, :, None] & c[None, None]).ravel()


SEEN = {
    "Snake-v1": lambda o: {"policy": o.grid, "action_mask": o.action_mask},
    "Tetris-v0": lambda o: {
        "policy": joined(o.grid, o.tetromino),
        "action_mask": o.action_mask.ravel(),
    },
    "Cleaner-v0": lambda o: {
        "policy": joined(o.grid, o.agents_locations),
        "action_mask": everyone(o.action_mask),
    },
    "Maze-v0": lambda o: {
        "policy": joined(
            o.agent_position.row,
            o.agent_position.col,
            o.target_position.row,
            o.target_position.col,
            o.walls,
        ),
        "action_mask": o.action_mask,
    },
    "RubiksCube-partly-scrambled-v0": lambda o: o.cube,
    "LevelBasedForaging-v0": lambda o: {"policy": o.agents_view, "action_mask": o.action_mask},
}
PARTS = {"Tetris-v0": (4, 10), "Cleaner-v0": (4, 4, 4), "RubiksCube-partly-scrambled-v0": (6, 1, 3)}
TERMINATES = ("Snake-v1", "Tetris-v0", "Cleaner-v0", "Maze-v0")
TIMES_OUT = ("Maze-v0", "RubiksCube-partly-scrambled-v0", "LevelBasedForaging-v0")


@functools.cache
def made(name):
    return jumanji.make(name)


def test_ids_are_what_jumanji_registers_but_for_those_left_out():
    known = original.registered_environments()
    assert known == set(jumanji.ids()) | set(jumanji.LEFT_OUT)
    assert len(known) == len(jumanji.ids()) + len(jumanji.LEFT_OUT)


@pytest.mark.parametrize("name", SEEN)
def test_every_step_is_that_of_jumanji_but_for_the_label_of_its_time_limit(name):
    """jumanji calls it a termination, with discount 0, everywhere but in LevelBasedForaging."""
    env, theirs = made(name), original.make(name)

    def step(key, last, action):
        parts = PARTS.get(name)
        if parts is not None:
            action = jnp.stack([x.astype(jnp.int32) for x in jnp.unravel_index(action, parts)])
        return theirs.step(last[0], action)

    def seen(last):
        timestep = last[1]
        return {
            "obs": SEEN[name](timestep.observation),
            "reward": timestep.reward,
            "ended": timestep.last(),
        }

    out = side_by_side.same_as_theirs(
        env, env.params, lambda key: theirs.reset(key), step, seen, num_lanes=24
    )
    assert out.terminated.any() or name not in TERMINATES
    assert out.timed_out.any() or name not in TIMES_OUT


def test_a_snake_that_leaves_the_board_terminates():
    env = made("Snake-v1")
    state, obs = jax.jit(env.reset)(KEY, env.params)
    rows = obs["policy"].shape[0]

    def up(state, _):
        state, s = env.step(KEY, state, UP, env.params)
        return state, (s.terminated, s.truncated)

    terminated, truncated = jax.lax.scan(up, state, length=rows)[1]
    head = int(state.head_position.row)
    assert terminated.argmax() == head and terminated.any() and not truncated.any()


@pytest.mark.parametrize(("name", "limit"), [("RubiksCube-v0", 200), ("RobotWarehouse-v0", 500)])
def test_the_time_limit_is_traced_and_only_truncates(name, limit):
    env = made(name)
    assert env.time_limit(env.params) == limit
    side_by_side.truncates_at_the_limit(env, replace(env.params, max_steps=5), 5)


def test_tasks_without_a_limit_end_by_themselves_no_later_than_ours():
    """Those that place one of a fixed number of things each step."""
    for name, count in (("TSP-v1", "num_cities"), ("GraphColoring-v1", "num_nodes")):
        assert jumanji.LIMITS[name] == getattr(original.make(name), count)
    knapsack = original.make("Knapsack-v1")
    assert jumanji.LIMITS["Knapsack-v1"] == knapsack.generator.num_items
    assert not hasattr(knapsack, "time_limit")


def test_agents_have_each_their_view_action_and_reward():
    forage, warehouse = made("LevelBasedForaging-v0"), made("RobotWarehouse-v0")
    assert (forage.num_agents, forage.action_space) == (2, Discrete(6))
    assert (warehouse.num_agents, warehouse.action_space) == (4, Discrete(5))
    assert forage.observation_space["policy"] == Box((12,), -1.0, 8.0, "int32")
    state, obs = jax.jit(warehouse.reset)(KEY, warehouse.params)
    assert obs["policy"].shape == (4, 66) and obs["action_mask"].shape == (4, 5)
    _, s = jax.jit(warehouse.step)(KEY, state, jnp.zeros(4, jnp.int32), warehouse.params)
    assert s.reward.shape == (4,) and s.terminated.shape == ()


def test_spaces_are_those_of_jumanji():
    snake, tetris, cube = map(made, ("Snake-v1", "Tetris-v0", "RubiksCube-v0"))
    assert snake.observation_space["policy"] == Box((12, 12, 5), 0.0, 1.0)
    assert snake.observation_space["action_mask"] == Box((4,), 0.0, 1.0, "bool")
    assert tetris.action_space == Discrete(40) and cube.action_space == Discrete(18)
    assert cube.observation_space == Box((6, 3, 3), 0.0, 5.0, "int8")
    low, high = made("Maze-v0").observation_space["policy"].bounds
    np.testing.assert_array_equal(low, np.zeros(104))
    np.testing.assert_array_equal(high, [9] * 4 + [1] * 100)


def test_the_space_holds_the_first_observation_of_a_tour_which_jumanji_forgets():
    env = made("TSP-v1")
    _, obs = jax.jit(env.reset)(KEY, env.params)
    low, high = env.observation_space["policy"].bounds
    assert (low <= obs["policy"]).all() and (obs["policy"] <= high).all()
    assert obs["policy"][40] == -1 == original.make("TSP-v1").reset(KEY)[1].observation.position


def test_lanes_are_alone_what_they_are_together():
    env = made("Snake-v1")
    alone, together = side_by_side.alone_or_together(env, env.params)
    jax.tree.map(np.testing.assert_array_equal, alone, together)


@pytest.mark.parametrize("name", jumanji.ids())
def test_every_task_keeps_its_shapes(name):
    side_by_side.kept_shapes(made(name))


@pytest.mark.parametrize("name", ["Snake-v1", "Maze-v0", "LevelBasedForaging-v0"])
def test_the_picture_is_a_frame_that_follows_the_state(name):
    from matplotlib import pyplot as plt

    env = made(name)
    a, b = (jax.jit(env.reset)(jax.random.key(i), env.params)[0] for i in range(2))
    open_before = plt.get_fignums()
    first, again, other = (env.render(x, env.params) for x in (a, a, b))
    assert first.shape == (500, 500, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and plt.get_fignums() == open_before


@pytest.mark.parametrize("name", ["Snake-v0", "game2048", "Sokoban-v0"])
def test_an_unknown_name_is_an_error_with_the_closest_ones(name):
    with pytest.raises(RegistryError, match=f"jumanji has no environment '{name}'; did you mean"):
        jumanji.make(name)
