import contextlib
import functools
import io
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import registry
from jaxac.core import replace, strong
from jaxac.envs import Box, Discrete, loop
from jaxac.envs.adapters import jaxmarl
from jaxac.envs.sampling import random_action
from jaxac.errors import EnvError, RegistryError

T, N = 30, 4
KEY = jax.random.key(0)
ENDLESS = (
    *("MPE_simple_tag_v3", "MPE_simple_speaker_listener_v4", "MPE_simple_world_comm_v3"),
    *("overcooked", "coin_game"),
)
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(sys.stderr):
    original = pytest.importorskip("jaxmarl")


@functools.cache
def made(name):
    """An environment and JaxMARL's own object, whose clock is as JaxMARL has it."""
    return jaxmarl.make(name), original.make(name)


@functools.cache
def first(name):
    """State and observation after the reset by `KEY`."""
    env, _ = made(name)
    return jax.jit(env.reset)(KEY, env.params)


def policy(obs):
    return obs["policy"] if isinstance(obs, dict) else obs


def as_dict(env, theirs, action):
    """Actions [A, ...] as JaxMARL takes them."""
    if not isinstance(theirs.agents[0], str):
        return action
    spaces = [theirs.action_space(a) for a in theirs.agents]
    if isinstance(env.action_space, Discrete):
        return {a: action[i] for i, a in enumerate(theirs.agents)}
    return {a: action[i][: spaces[i].shape[0]] for i, a in enumerate(theirs.agents)}


@functools.cache
def side_by_side(name):
    """[T, N] of an adapter's steps by its own reset, and of JaxMARL's from the same states."""
    env, theirs = made(name)

    def one(carried, key):
        state, obs, over = carried
        key_act, key_step = jax.random.split(key)
        action = random_action(key_act, env, obs)
        after, s = env.step(key_step, state, action, env.params)
        raw = theirs.step_env(key_step, state, as_dict(env, theirs, action))
        over = over | s.terminated
        return (after, s.obs, over), (s, raw[0], raw[2], raw[3]["__all__"], after, raw[1], over)

    def run(key):
        key_reset, key_run = jax.random.split(key)
        state, obs = env.reset(key_reset, env.params)
        carried = (state, obs, jnp.zeros((), bool))
        _, rows = jax.lax.scan(one, carried, jax.random.split(key_run, T))
        return (obs, theirs.reset(key_reset)[0]), rows

    return jax.device_get(jax.jit(jax.vmap(run))(jax.random.split(KEY, N)))


def same(ours, theirs, rows):
    np.testing.assert_allclose(ours[rows], theirs[rows], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [*ENDLESS, "switch_riddle", "HeuristicEnemySMAX", "hanabi"])
def test_every_step_is_that_of_jaxmarl_with_agents_in_its_order(name):
    env, theirs = made(name)
    resets, (s, raw_obs, raw_reward, raw_done, after, raw_after, over) = side_by_side(name)
    earlier = np.concatenate([np.zeros_like(over[:, :1]), over[:, :-1]], axis=1)
    rows = ~earlier  # up to an end
    assert rows.sum() >= 12 and env.num_agents == len(theirs.agents)
    for i, a in enumerate(theirs.agents):
        sides = (*resets, np.ones(N, bool)), (s.obs, raw_obs, rows)
        for obs, raw, visited in sides:
            mine, inside = policy(obs)[visited][:, i], raw[a][visited]
            front = tuple(map(slice, inside.shape))
            np.testing.assert_allclose(mine[front], inside, atol=1e-5)
            mine[front] = 0
            assert not mine.any(), "padding is zero"
        same(s.reward[..., i], raw_reward[a], rows)
    assert not s.truncated.any() and not (s.terminated & ~raw_done).any()
    if name in ENDLESS:
        assert not s.terminated.any()
    elif name != "switch_riddle":  # which has a clock to end by, too
        assert s.terminated.any() and (s.terminated == raw_done)[rows].all()
    ours, raw = jax.tree_util.tree_leaves_with_path(after), jax.tree.leaves(raw_after)
    for (path, x), y in zip(ours, raw, strict=True):
        if not jax.tree_util.keystr(path).endswith("done"):
            same(x, y, rows)


def test_the_clock_of_jaxmarl_is_the_default_time_limit_and_never_terminates():
    """MPE lets 26 steps pass though its `max_steps` is 25."""
    env, theirs = made("MPE_simple_tag_v3")
    _, (s, _, _, raw_done, *_) = side_by_side("MPE_simple_tag_v3")
    first_end = 1 + np.argmax(raw_done, axis=1)
    assert (first_end == env.time_limit(env.params)).all() and theirs.max_steps == 25
    assert not s.terminated.any() and not s.truncated.any()


def test_a_guess_ends_the_riddle_and_its_last_day_only_truncates():
    env, theirs = made("switch_riddle")
    (state, _), step = first("switch_riddle"), jax.jit(env.step)
    for _ in range(2 * theirs.max_steps):
        state, s = step(jax.random.key(1), state, jnp.zeros(3, jnp.int32), env.params)
        assert not s.terminated and not s.truncated
    assert env.time_limit(env.params) == theirs.max_steps
    _, s = step(jax.random.key(1), state, jnp.full(3, 2), env.params)
    assert s.terminated and abs(s.reward[0]) == 1.0


def test_a_battle_ends_when_a_side_is_dead_and_not_with_the_clock():
    env, theirs = made("HeuristicEnemySMAX")
    _, (s, *_, after, _, over) = side_by_side("HeuristicEnemySMAX")
    alive = after.state.unit_alive  # [N, T, units], ours first
    dead = ~alive[..., : env.num_agents].any(-1) | ~alive[..., env.num_agents :].any(-1)
    earlier = np.concatenate([np.zeros_like(over[:, :1]), over[:, :-1]], axis=1)
    np.testing.assert_array_equal(s.terminated[~earlier], dead[~earlier])
    assert env.params.max_steps == theirs.max_steps + 1


def test_legal_actions_are_those_of_jaxmarl():
    for name in ("HeuristicEnemySMAX", "hanabi"):
        theirs = made(name)[1]
        state, obs = first(name)
        legal = getattr(theirs, "get_legal_moves", theirs.get_avail_actions)(state)
        want = np.stack([legal[a] for a in theirs.agents]) > 0
        np.testing.assert_array_equal(obs["action_mask"], want)
        assert obs["action_mask"].dtype == bool and not want.all() and want.any(-1).all()


def test_an_agent_with_fewer_actions_has_the_others_masked_and_takes_its_last_for_them():
    env, _ = made("MPE_simple_speaker_listener_v4")
    assert env.action_space == Discrete(5)
    state, obs = first("MPE_simple_speaker_listener_v4")
    assert obs["action_mask"].tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    step = jax.jit(env.step)
    last, beyond = (
        step(jax.random.key(1), state, jnp.array([a, 1]), env.params)[1].obs["policy"]
        for a in (2, 4)
    )
    np.testing.assert_array_equal(last, beyond)


def test_the_critic_sees_the_world_each_agent_beside_the_others():
    env, theirs = made("HeuristicEnemySMAX")
    state, obs = first("HeuristicEnemySMAX")
    world = theirs.get_world_state(state)
    assert obs["critic"].shape == (env.num_agents, *world.shape)
    assert (obs["critic"] == world).all()
    assert env.observation_space["critic"].shape == world.shape


def test_storms_two_parts_are_one_vector_of_each_agent():
    parts, _ = made("storm_2p")[1].reset(KEY)
    for mine, part in zip(first("storm_2p")[1], parts, strict=True):
        want = np.concatenate([np.ravel(part["inventory"]), np.ravel(part["observation"])])
        np.testing.assert_array_equal(mine, want)
    parts, _ = made("storm")[1].reset(KEY)
    obs = first("storm")[1]
    np.testing.assert_array_equal(obs[1, :5], parts["inventory"][:, 1])
    np.testing.assert_array_equal(obs[1, 5:], np.ravel(parts["observations"][1]))


def test_teams_of_different_sizes_have_different_actions():
    """A unit may shoot each of the other team: 5 + 3 actions of each ally, 5 + 2 of each enemy."""
    env = jaxmarl.adapt(original.make("SMAX", num_allies=2, num_enemies=3))
    assert env.num_agents == 5 and env.action_space == Discrete(8)
    state, _ = jax.jit(env.reset)(KEY, env.params)
    near = state.replace(unit_positions=jnp.full((5, 2), 5.0))
    _, s = jax.jit(env.step)(KEY, near, jnp.full(5, 4), env.params)
    assert s.obs["action_mask"][:2].all() and s.obs["action_mask"][2:, :7].all()
    assert not s.obs["action_mask"][2:, 7].any()


def test_an_object_without_a_limit_needs_one():
    class Endless(type(made("MPE_simple_v3")[1]).__mro__[1]):
        """A bare environment of JaxMARL's base class."""

    with pytest.raises(EnvError, match="Endless has no time limit of its own; pass max_steps"):
        jaxmarl.adapt(Endless(num_agents=2))


def played(env, params, num_steps=12):
    def one(envs, key):
        key_act, key_env = jax.random.split(key)
        each = jax.random.split(key_act, N)
        action = jax.vmap(lambda key, obs: random_action(key, env, obs))(each, envs.obs)
        after, outcome = loop.step(key_env, env, params, envs, action)
        return after, (envs, action, outcome, key_env)

    begin = loop.start(KEY, env, params, N)
    return jax.lax.scan(one, begin, jax.random.split(jax.random.key(1), num_steps))[1]


def test_the_loop_truncates_all_agents_at_once_and_keeps_a_return_for_each():
    env, _ = made("MPE_simple_tag_v3")
    params = replace(env.params, max_steps=5)
    before, action, outcome, keys = jax.jit(lambda: played(env, params))()
    assert outcome.reward.shape == outcome.episode_return.shape == (12, N, env.num_agents)
    assert outcome.truncated.shape == (12, N) and not outcome.terminated.any()
    np.testing.assert_array_equal(outcome.truncated.all(1), np.arange(1, 13) % 5 == 0)
    np.testing.assert_allclose(
        outcome.episode_return[4], outcome.reward[:5].sum(0), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(outcome.episode_return[5], outcome.reward[5], rtol=1e-6)
    assert (before.episode_return[5] == 0).all()

    step = jax.jit(env.step)
    for t in (3, 4):
        each = jax.random.split(jax.random.split(keys[t])[0], N)
        for i in range(N):
            state = jax.tree.map(lambda x, t=t, i=i: x[t, i], before.env_state)
            _, s = step(each[i], state, action[t, i], params)
            np.testing.assert_allclose(outcome.final_obs[t, i], s.obs, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(outcome.reward[t, i], s.reward, rtol=1e-5, atol=1e-5)


def test_numbers_of_jaxmarls_objects_are_lanes():
    env, theirs = made("MPE_simple_tag_v3")
    assert env.params.damping == theirs.damping == 0.25
    state, _ = first("MPE_simple_tag_v3")
    state = state.replace(p_vel=jnp.ones_like(state.p_vel))

    def speed(damping):
        params = replace(env.params, damping=damping, contact_force=0.0)
        after, _ = env.step(jax.random.key(1), state, jnp.zeros(4, jnp.int32), params)
        return after.p_vel[3, 0]

    np.testing.assert_allclose(
        jax.jit(jax.vmap(speed))(jnp.array([0.0, 0.5])), [1.0, 0.5], rtol=0.1
    )

    env, _ = made("switch_riddle")
    state, _ = first("switch_riddle")

    def guess(pay):
        params = replace(env.params, reward_all_die=pay)
        return env.step(jax.random.key(1), state, jnp.full(3, 2), params)[1].reward

    np.testing.assert_array_equal(
        jax.vmap(guess)(jnp.array([-1.0, -3.0])), [[-1.0] * 3, [-3.0] * 3]
    )


def test_overcooked_shows_that_time_runs_out_when_it_does_and_pays_for_useful_steps_if_asked():
    env, theirs = made("overcooked")
    state, _ = first("overcooked")
    step, key = jax.jit(env.step), jax.random.key(1)

    def urgent(max_steps):
        params = replace(env.params, max_steps=max_steps)
        return bool(step(key, state, jnp.array([4, 4]), params)[1].obs[..., 25].all())

    assert [urgent(400), urgent(41), urgent(40)] == [False, False, True]

    def one(state, key):
        action = jax.random.randint(key, (2,), 0, 6)
        _, _, plain, _, info = theirs.step_env(key, state, as_dict(env, theirs, action))
        after, s = env.step(key, state, action, replace(env.params, shaped_reward=2.0))
        raw = [[x[a] for a in theirs.agents] for x in (plain, info["shaped_reward"])]
        return after, (s.reward, *map(jnp.stack, raw))

    keys = jax.random.split(key, 1000)
    _, (reward, plain, shaped) = jax.jit(lambda x, keys: jax.lax.scan(one, x, keys))(state, keys)
    assert (shaped > 0).any()
    np.testing.assert_allclose(reward, plain + 2.0 * shaped)


@pytest.mark.parametrize("name", jaxmarl.ids())
def test_every_environment_can_be_reset_and_stepped(name):
    """Abstractly: shapes and dtypes are kept and fit the spaces, with the agents first."""
    env = jaxmarl.make(name)
    size = () if isinstance(env.action_space, Discrete) else env.action_space.shape
    dtype = jnp.float32 if size else jnp.int32
    action = jax.ShapeDtypeStruct((env.num_agents, *size), dtype)

    def both(key, action):
        state, obs = env.reset(key, env.params)
        return (state, obs), env.step(key, state, action, jax.tree.map(strong, env.params))

    before, (state, s) = jax.eval_shape(both, KEY, action)
    assert jax.tree.structure(before) == jax.tree.structure((state, s.obs))
    assert jax.tree.leaves(before) == jax.tree.leaves((state, s.obs))
    seen, spaces = s.obs, env.observation_space
    for key, space in (spaces if isinstance(spaces, dict) else {"": spaces}).items():
        x = seen[key] if key else seen
        assert isinstance(space, Box) and x.dtype == space.dtype
        assert x.shape == (env.num_agents, *space.shape)
    assert (s.reward.shape, s.reward.dtype) == ((env.num_agents,), jnp.float32)
    assert (s.terminated.shape, s.truncated.dtype) == ((), bool)
    assert env.name == name and env.time_limit(env.params) >= 6


def test_overcooked_and_storm_draw_themselves():
    for name in ("overcooked", "storm_2p"):
        env, _ = made(name)
        picture = env.render(first(name)[0], env.params)
        assert picture.ndim == 3 and picture.shape[-1] == 3 and picture.dtype == np.uint8
        assert len(np.unique(picture)) > 3


def test_ids_are_what_jaxmarl_registers_but_for_those_that_need_more():
    assert set(jaxmarl.ids()) | set(jaxmarl.LEFT_OUT) == set(original.registered_envs)
    assert not set(jaxmarl.ids()) & set(jaxmarl.LEFT_OUT)


def test_an_unknown_name_is_an_error_with_the_closest_ones():
    with pytest.raises(RegistryError, match=r"no environment 'smax'; did you mean .*SMAX"):
        jaxmarl.make("smax")
    with pytest.raises(RegistryError):
        jaxmarl.make("JaxRobotarium_rware")


def test_what_jaxmarl_prints_when_imported_is_kept_off_the_streams(capfd):
    real, streams = sys.__stdout__, (sys.stdout, sys.stderr)
    with jaxmarl._silence():
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # as its MABrax does
        print("Importing submoduled environments...")
    assert (sys.stdout, sys.stderr) == streams and sys.__stdout__ is real
    assert capfd.readouterr().out == ""


def test_an_algorithm_of_one_agent_refuses_an_environment_of_several():
    env, _ = made("MPE_simple_spread_v3")
    with pytest.raises(
        EnvError, match="ppo trains one agent, but MPE_simple_spread_v3 has 3 agents"
    ):
        registry.make_algorithm("ppo", env)
