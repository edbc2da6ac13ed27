import jax
import jax.numpy as jnp
import pytest

from jaxac import registry
from jaxac.envs import Discrete, minatar
from jaxac.errors import RegistryError


def test_v0_has_all_actions_and_v1_the_minimal_set_and_both_stick():
    all_actions, minimal = (minatar.make(f"Breakout-{v}") for v in ("v0", "v1"))
    assert all_actions.action_space == Discrete(6) and minimal.action_space == Discrete(3)
    for env in (all_actions, minimal):
        assert [type(w).__name__ for w in env.wrappers] == ["StickyActions"]
        assert env.wrappers[0].prob == 0.1


def test_episodes_are_not_cut_at_1000_steps_but_freeways_at_2500():
    assert minatar.make("Breakout-v0").time_limit(minatar.make("Breakout-v0").params) == 10_000
    freeway = minatar.make("Freeway-v1")
    assert freeway.time_limit(freeway.params) == 2500


def test_a_missing_action_is_replaced_by_the_last_one_a_tenth_of_the_time():
    env = minatar.make("Breakout-v1")  # actions: nothing, left, right
    state, _ = env.reset(jax.random.key(0), env.params)
    left, right = jnp.int32(1), jnp.int32(2)

    def paddle_after(key):
        one, _ = env.step(jax.random.key(9), state, left, env.params)
        two, _ = env.step(key, one, right, env.params)
        return two.env.pos - one.env.pos

    moves = jax.jit(jax.vmap(paddle_after))(jax.random.split(jax.random.key(1), 2000))
    stuck = float((moves < 0).mean())
    assert 0.07 < stuck < 0.13 and float((moves > 0).mean()) == pytest.approx(1 - stuck)


def test_games_are_named_without_their_suite_and_unknown_ones_refused():
    assert registry.make_env("minatar/Asterix-v0").name == "Asterix-v0"
    with pytest.raises(RegistryError, match="Breakout-v0"):
        minatar.make("Breakout")
