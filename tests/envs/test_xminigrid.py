import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import replace
from jaxac.envs import Box, Discrete
from jaxac.envs.adapters import xminigrid
from jaxac.errors import RegistryError
from tests.envs import side_by_side

original = pytest.importorskip("xminigrid")
wrappers = pytest.importorskip("xminigrid.wrappers")
FORWARD, RIGHT = range(2)
TO_THE_GOAL = (FORWARD, FORWARD, RIGHT, FORWARD, FORWARD)  # in Empty-5x5
ONE_OF_EACH = (
    *("BlockedUnlockPickUp", "DoorKey-6x6", "Empty-6x6", "EmptyRandom-6x6", "FourRooms"),
    *("LockedRoom", "MemoryS16", "Unlock", "UnlockPickUp"),
)


def theirs_of(env, env_params):
    def seen(timestep):
        direction = jnp.argmax(timestep.observation["direction"]).astype(jnp.uint8)
        image = timestep.observation["img"]
        layer = jnp.broadcast_to(direction, (*image.shape[:2], 1))
        return {
            "obs": jnp.concatenate([image, layer], -1),
            "reward": timestep.reward,
            "ended": timestep.last(),
            "terminated": timestep.last() & (timestep.discount == 0),
        }

    wrapped = wrappers.DirectionObservationWrapper(env)
    return (
        lambda key: wrapped.reset(env_params, key),
        lambda key, timestep, action: wrapped.step(env_params, timestep, action),
        seen,
    )


def find_a_ball(colour):
    """An XLand ruleset with a red and a blue ball: stand beside one of them."""
    constants, goals, rules = original.core.constants, original.core.goals, original.core.rules
    tiles, colours = constants.Tiles, constants.Colors
    balls = {
        "red": constants.TILES_REGISTRY[tiles.BALL, colours.RED],
        "blue": constants.TILES_REGISTRY[tiles.BALL, colours.BLUE],
    }
    return original.types.RuleSet(
        goal=goals.AgentNearGoal(tile=balls[colour]).encode(),
        rules=rules.EmptyRule().encode()[None],
        init_tiles=jnp.stack([*balls.values()]),
    )


def test_ids_are_what_xminigrid_registers_but_for_those_without_a_goal():
    known = sorted(original.registered_environments())
    assert known == sorted(xminigrid.ids() + xminigrid.LEFT_OUT)
    for name in xminigrid.LEFT_OUT:
        env, env_params = original.make(name)
        goal = jax.eval_shape(env.reset, env_params, jax.random.key(0)).state.goal_encoding
        no_goal = original.core.goals.EmptyGoal().encode()
        assert goal.shape == no_goal.shape and (
            name == "MiniGrid-Playground" or (env_params.ruleset.goal == no_goal).all()
        )


@pytest.mark.parametrize("name", ["MiniGrid-EmptyRandom-5x5", "MiniGrid-MemoryS8"])
def test_every_step_is_that_of_xminigrid(name):
    env, (theirs, env_params) = xminigrid.make(name), original.make(name)
    params = replace(env.params, max_steps=100)
    env_params = env_params.replace(max_steps=100)
    out = side_by_side.same_as_theirs(env, params, *theirs_of(theirs, env_params), num_lanes=8)
    assert out.terminated.any() and out.timed_out.any()


def test_reaching_the_goal_terminates_and_its_reward_follows_the_traced_limit():
    env = xminigrid.make("MiniGrid-Empty-5x5")

    def walk(limit):
        params = replace(env.params, max_steps=limit)

        def one(state, action):
            state, s = env.step(jax.random.key(0), state, action, params)
            return state, (s.reward, s.terminated, s.truncated)

        first, _ = env.reset(jax.random.key(0), params)
        return jax.lax.scan(one, first, jnp.array(TO_THE_GOAL))[1]

    reward, terminated, truncated = jax.jit(jax.vmap(walk))(jnp.array([100, 10]))
    np.testing.assert_array_equal(terminated, [[False] * 4 + [True]] * 2)
    np.testing.assert_allclose(reward[:, 4], [1 - 0.9 * 5 / 100, 1 - 0.9 * 5 / 10], rtol=1e-6)
    assert not reward[:, :4].any() and not truncated.any()


def test_the_time_limit_only_truncates():
    env = xminigrid.make("MiniGrid-Empty-16x16")
    assert env.time_limit(env.params) == 4 * 16 * 16
    outcome = side_by_side.truncates_at_the_limit(env, replace(env.params, max_steps=6), 6)
    assert not outcome.terminated.any()


def test_the_goal_of_an_xland_task_is_a_lane():
    theirs, env_params = original.make("XLand-MiniGrid-R1-9x9")
    rulesets = [find_a_ball(colour) for colour in ("red", "blue")]
    env = xminigrid.adapt(theirs, env_params.replace(ruleset=rulesets[0]), "balls")

    def walk(goal):
        params = replace(env.params, goal=goal)

        def one(state, key):
            action = jax.random.randint(key, (), 0, 3)
            state, s = env.step(key, state, action, params)
            return state, (s.terminated, action == FORWARD, state.grid, state.agent.position)

        first, _ = env.reset(jax.random.key(0), params)
        return jax.lax.scan(one, first, jax.random.split(jax.random.key(1), 200))[1]

    goals = jnp.stack([x.goal for x in rulesets])
    found, forward, grid, position = jax.device_get(jax.jit(jax.vmap(walk))(goals))
    np.testing.assert_array_equal(position[0], position[1])
    for i, ball in enumerate(rulesets[0].init_tiles):
        here = np.argwhere((grid[0, 0] == np.asarray(ball)).all(-1))[0]
        beside = np.abs(position[0] - here).sum(-1) == 1
        np.testing.assert_array_equal(found[i], beside & forward[i])
        assert found[i].any()


def test_lanes_are_alone_what_they_are_together():
    env = xminigrid.make("MiniGrid-EmptyRandom-5x5")
    alone, together = side_by_side.alone_or_together(env, env.params)
    jax.tree.map(np.testing.assert_array_equal, alone, together)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_kind_of_task_keeps_its_shapes(name):
    side_by_side.kept_shapes(xminigrid.make(f"MiniGrid-{name}"))


def test_spaces_and_the_picture_are_those_of_xminigrid():
    name = "MiniGrid-Empty-5x5"
    env, (theirs, env_params) = xminigrid.make(name), original.make(name)
    assert env.observation_space == Box((7, 7, 3), 0, 12, "uint8")
    assert env.action_space == Discrete(6)
    assert xminigrid.make("MiniGrid-MemoryS8").observation_space.shape == (3, 3, 3)
    state, _ = jax.jit(env.reset)(jax.random.key(0), env.params)
    picture = env.render(state, env.params)
    assert picture.dtype == np.uint8
    want = theirs.render(env_params, theirs.reset(env_params, jax.random.key(0)))
    np.testing.assert_array_equal(picture, want)


@pytest.mark.parametrize("name", ["MiniGrid-Empty-7x7", "empty-5x5", "XLand-MiniGrid-R1-9x9"])
def test_an_unknown_name_is_an_error_with_the_closest_ones(name):
    with pytest.raises(RegistryError, match=f"xminigrid has no environment '{name}'; did you"):
        xminigrid.make(name)
