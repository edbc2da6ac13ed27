import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import replace
from jaxac.envs import Box, Discrete
from jaxac.envs.adapters import navix
from jaxac.errors import RegistryError
from tests.envs import side_by_side

original = pytest.importorskip("navix")
LEFT, RIGHT, FORWARD = range(3)
TO_THE_GOAL = (FORWARD, FORWARD, RIGHT, FORWARD, FORWARD)  # in Empty-5x5
ONE_OF_EACH = (
    *("Navix-Empty-8x8-v0", "Navix-Empty-Random-6x6-v0", "Navix-DoorKey-Random-5x5-v0"),
    *("Navix-FourRooms-v0", "Navix-LavaGapS6-v0", "Navix-SimpleCrossingS9N2-v0"),
    *("Navix-DistShift2-v0", "Navix-Dynamic-Obstacles-6x6-v0", "Navix-GoToDoor-5x5-v0"),
)


def test_ids_are_what_navix_registers_but_for_those_that_cannot_be_solved():
    assert sorted(original.registry()) == sorted(navix.ids() + navix.LEFT_OUT)


def test_nothing_ends_or_rewards_a_key_corridor():
    """Beside the ball that is its goal, on every side and by every action."""
    env = original.make(navix.LEFT_OUT[0])

    def outcome(direction, action):
        timestep = env.reset(jax.random.key(0))
        entities = timestep.state.entities
        ahead = jnp.array([[0, 1], [1, 0], [0, -1], [-1, 0]])[direction]
        player = entities["player"].replace(
            position=entities["goal"].position - ahead, direction=direction[None]
        )
        state = timestep.state.replace(entities={**entities, "player": player})
        after = env._step(timestep.replace(state=state), action)
        return after.is_termination(), after.reward

    sides, actions = jnp.meshgrid(jnp.arange(4), jnp.arange(len(env.action_set)))
    ended, reward = jax.jit(jax.vmap(outcome))(sides.ravel(), actions.ravel())
    assert not ended.any() and not reward.any()


@pytest.mark.parametrize("name", ["Navix-Dynamic-Obstacles-5x5-v0", "Navix-DoorKey-5x5-v0"])
def test_every_step_is_that_of_navix(name):
    env, theirs = navix.make(name), original.make(name)
    out = side_by_side.same_as_theirs(
        env,
        env.params,
        theirs.reset,
        lambda key, timestep, action: theirs.step(timestep, action),
        lambda timestep: {
            "obs": timestep.observation,
            "reward": timestep.reward,
            "ended": timestep.is_done(),
            "terminated": timestep.is_termination(),
        },
        num_lanes=24,
    )
    assert out.terminated.any() if "Dynamic" in name else out.timed_out.any()


def test_reaching_the_goal_terminates_and_the_penalty_is_traced():
    env = navix.make("Navix-Empty-5x5-v0")

    def walk(penalty):
        params = replace(env.params, penalty=penalty)

        def one(state, action):
            state, s = env.step(jax.random.key(0), state, action, params)
            return state, (s.reward, s.terminated, s.truncated)

        first, _ = env.reset(jax.random.key(0), params)
        return jax.lax.scan(one, first, jnp.array(TO_THE_GOAL))[1]

    reward, terminated, truncated = jax.jit(jax.vmap(walk))(jnp.array([0.0, 0.9]))
    np.testing.assert_array_equal(terminated, [[False] * 4 + [True]] * 2)
    np.testing.assert_allclose(reward[:, :4], 0.0)
    np.testing.assert_allclose(reward[:, 4], [1.0, 1.0 - 0.9 * 5 / 100])
    assert not truncated.any()


def test_the_time_limit_is_traced_and_only_truncates():
    env = navix.make("Navix-DoorKey-Random-5x5-v0")
    assert env.time_limit(env.params) == original.make(env.name).max_steps == 100
    outcome = side_by_side.truncates_at_the_limit(env, replace(env.params, max_steps=6), 6)
    assert not outcome.terminated.any()


def test_lanes_are_alone_what_they_are_together():
    env = navix.make("Navix-Dynamic-Obstacles-5x5-Random-v0")
    alone, together = side_by_side.alone_or_together(env, env.params)
    jax.tree.map(np.testing.assert_array_equal, alone, together)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_kind_of_task_keeps_its_shapes(name):
    side_by_side.kept_shapes(navix.make(name))


def test_states_hold_no_sprites_and_the_picture_is_navix_own():
    env, theirs = navix.make("Navix-Empty-5x5-v0"), original.make("Navix-Empty-5x5-v0")
    state, obs = env.reset(jax.random.key(0), env.params)
    assert sum(x.nbytes for x in jax.tree.leaves(state) if hasattr(x, "nbytes")) < 2000
    assert (env.observation_space, env.action_space) == (
        Box((5, 5, 3), 0, 10, "uint8"),
        Discrete(7),
    )
    assert obs.max() == 10, "the player's tag"
    want = original.observations.rgb(theirs.reset(jax.random.key(0)).state)
    np.testing.assert_array_equal(env.render(state, env.params), want)
    moved, _ = env.step(jax.random.key(0), state, FORWARD, env.params)
    assert (env.render(moved, env.params) != want).any()


@pytest.mark.parametrize("name", ["Navix-Empty-5x5-v1", "empty-5x5", navix.LEFT_OUT[0]])
def test_an_unknown_name_is_an_error_with_the_closest_ones(name):
    with pytest.raises(RegistryError, match=f"navix has no environment '{name}'; did you mean"):
        navix.make(name)
