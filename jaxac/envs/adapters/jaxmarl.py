"""JaxMARL (0.2): MPE, SMAX, Overcooked, Hanabi, STORM, Coin Game, Switch Riddle, JaxNav, MABrax.

Agents are an axis instead of a dict, in the order of the environment's `agents`. Where they differ,
the smaller observation is padded with zeros, the smaller action vector is the front of the larger,
and the mask says which discrete actions each has. The un-reset `step_env` is wrapped. Its clock is
disarmed, and is the traced `max_steps` instead, so that a termination is a true end: a battle won
or lost, all robots at rest, a fallen body, Hanabi's last round, or a guess in the riddle. MPE,
Overcooked, STORM and the Coin Game have none. MPE and SMAX let one more step pass than their
`max_steps` says, 26 and 101; the defaults here are what they do. One agent's end alone is not
reported: observations show it, and SMAX's mask.
"""

import contextlib
import dataclasses
import functools
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxac.core import Int, Scalar, field, frozen, strong
from jaxac.envs.adapters import extras
from jaxac.envs.contract import Box, Discrete, Env, Space, TimeStep
from jaxac.envs.resets import WhenNeeded
from jaxac.errors import EnvError, RegistryError, closest

MABRAX = ("ant_4x2", "halfcheetah_6x1", "hopper_3x1", "humanoid_9|8", "walker2d_2x3")
STORM = ("storm", "storm_2p", "storm_np")
IDS = (
    *("MPE_simple_v3", "MPE_simple_tag_v3", "MPE_simple_world_comm_v3", "MPE_simple_spread_v3"),
    *("MPE_simple_crypto_v3", "MPE_simple_speaker_listener_v4", "MPE_simple_push_v3"),
    *("MPE_simple_adversary_v3", "MPE_simple_reference_v3", "MPE_simple_facmac_v1"),
    *("MPE_simple_facmac_3a_v1", "MPE_simple_facmac_6a_v1", "MPE_simple_facmac_9a_v1"),
    *("switch_riddle", "SMAX", "HeuristicEnemySMAX", *MABRAX, *STORM, "hanabi"),
    *("overcooked", "overcooked_v2", "coin_game", "jaxnav"),
)
ROBOTARIUM = ("navigation", "discovery", "material_transport", "warehouse")
ROBOTARIUM += ("arctic_transport", "foraging", "rware", "predator_prey")
LEFT_OUT = (
    "LearnedPolicyEnemySMAX",  # needs a policy: `adapt` an object that has one
    *(f"JaxRobotarium_{x}" for x in ROBOTARIUM),  # need a package that JaxMARL does not bring
)
NEVER = 2**30  # steps
JITTED: Any = type(jax.jit(lambda: None))
MAX_STEPS = field(100, "steps after which an episode is truncated", within="[1, inf)")


@frozen
class ClockParams:
    """Traced params of environments whose other numbers are fixed."""

    max_steps: Int | int = MAX_STEPS


@frozen
class ParticleParams:
    """Traced params of MPE."""

    dt: Scalar = field(0.1, "time from step to step, s", within="(0, inf)")
    damping: Scalar = field(0.25, "share of its velocity lost in a step", within="[0, 1]")
    contact_force: Scalar = field(100.0, "force of a collision", within="[0, inf)")
    contact_margin: Scalar = field(1e-3, "depth over which it sets in", within="(0, inf)")
    max_steps: Int | int = MAX_STEPS


@frozen
class BattleParams:
    """Traced params of SMAX."""

    won_battle_bonus: Scalar = field(1.0, "reward of a won battle")
    time_per_step: Scalar = field(1 / 16, "time of each of a step's ticks, s", within="(0, inf)")
    max_steps: Int | int = MAX_STEPS


@frozen
class RiddleParams:
    """Traced params of the switch riddle."""

    reward_all_live: Scalar = field(1.0, "reward of a right guess")
    reward_all_die: Scalar = field(-1.0, "reward of a wrong guess")
    max_steps: Int | int = MAX_STEPS


@frozen
class KitchenParams:
    """Traced params of Overcooked."""

    shaped_reward: Scalar = field(0.0, "weight of JaxMARL's reward for useful steps")
    max_steps: Int | int = MAX_STEPS


@frozen
class NavigationParams:
    """Traced params of JaxNav."""

    goal_rew: Scalar = field(4.0, "reward at the goal")
    coll_rew: Scalar = field(-4.0, "reward of a collision")
    lidar_rew: Scalar = field(-0.1, "reward of a step that comes close to one")
    dt_rew: Scalar = field(-0.01, "reward of every step")
    weight_g: Scalar = field(0.25, "reward for each metre nearer to the goal")
    rew_lambda: Scalar = field(0.5, "share of one's own reward, the rest is the team's", "[0, 1]")
    max_steps: Int | int = MAX_STEPS


@dataclasses.dataclass(frozen=True)
class Family:
    """What the environments of one base class have in common."""

    params: type = ClockParams
    steps: int = 0  # the time limit, where the object has no `max_steps`
    late: int = 0  # steps that pass after `max_steps`
    only_clock: bool = False  # "done" can mean nothing else, and cannot be disarmed
    shows_clock: bool = False  # the observation depends on `max_steps`
    legal: str = ""  # the method that knows legal actions
    bounds: tuple[float, float] = (-np.inf, np.inf)  # of observations


FAMILIES = {
    "SimpleMPE": Family(ParticleParams, late=1),
    "SMAX": Family(BattleParams, late=1, legal="get_avail_actions"),
    "EnemySMAX": Family(BattleParams, late=1, legal="get_avail_actions"),
    "SwitchRiddle": Family(RiddleParams, bounds=(0.0, 1.0)),
    "Overcooked": Family(KitchenParams, shows_clock=True, bounds=(0.0, 255.0)),
    "OvercookedV2": Family(KitchenParams, bounds=(0.0, 255.0)),
    # Hanabi has no clock, and a game of legal moves is over before
    "HanabiEnv": Family(steps=100, legal="get_legal_moves", bounds=(0.0, 1.0)),
    "CoinGame": Family(steps=100, only_clock=True, bounds=(0.0, 1.0)),
    "InTheGrid": Family(steps=152, bounds=(0.0, 6.0)),
    "InTheGrid_2p": Family(steps=152, bounds=(0.0, 6.0)),
    "InTheMatrix": Family(steps=152, bounds=(0.0, 6.0)),
    "JaxNav": Family(NavigationParams),
    "MABraxEnv": Family(steps=1000),
}


def ids() -> tuple[str, ...]:
    """Names of the JaxMARL environments that need nothing but JaxMARL and Brax."""
    return IDS


def make(name: str) -> Env:
    """The JaxMARL environment `name` with its default settings.

    Raises `RegistryError` for an unknown name, `EnvError` if JaxMARL, or Brax for MABrax, is
    missing.
    """
    if name not in ids():
        raise RegistryError(f"jaxmarl has no environment {name!r}{closest(name, ids())}")
    settings = {}
    if name in MABRAX:
        extras.load("brax", "brax")
        settings = {"episode_length": None, "auto_reset": False}
    elif name in STORM:
        settings = {"num_inner_steps": NEVER}  # else its last step resets it
    with _silence():
        jaxmarl = extras.load("jaxmarl", "jaxmarl")
    return dataclasses.replace(adapt(jaxmarl.make(name, **settings)), name=name)


def adapt(env: Any, max_steps: int | None = None) -> Env:
    """Any `jaxmarl` environment object under jaxac's contract: another scenario, layout or size.

    `num_agents` is A; observations, actions and rewards are [A, ...], spaces those of one agent.
    Beside `policy` there is a `critic` where JaxMARL offers a world state, for each agent or the
    same for all, and an `action_mask` where it knows legal actions. What comes in several parts is
    flattened into one vector. Objects of MABrax must be made with `auto_reset=False` and
    `episode_length=None`, those of STORM with `num_inner_steps=2**30`. `max_steps` overrides the
    time limit. Raises `EnvError` if agents have different kinds of actions, or there is no limit.
    """
    kinds = [c.__name__ for c in type(env).__mro__]
    family = next((FAMILIES[k] for k in kinds if k in FAMILIES), Family())
    numbers = [f.name for f in dataclasses.fields(family.params)]
    numbers = [x for x in numbers if x not in ("max_steps", "shaped_reward")]
    limit = max_steps or family.steps or getattr(env, "max_steps", 0) + family.late
    if limit < 1:
        raise EnvError(f"{env.name} has no time limit of its own; pass max_steps")
    params = family.params(**{x: getattr(env, x) for x in numbers}, max_steps=limit)
    num_agents, spaces = len(env.agents), [env.action_space(a) for a in env.agents]
    action_space, give = _actions(env, spaces)
    counts = [int(s.n) for s in spaces] if isinstance(action_space, Discrete) else []
    fixed = np.arange(max(counts, default=0)) < np.array(counts)[:, None]

    def under(params, clock):
        values = {x: getattr(params, x) for x in numbers}
        return _with(env, {**values, "max_steps": clock} if hasattr(env, "max_steps") else values)

    def see(rules, state, obs):
        seen = {"policy": _stacked(_of_agents(env, obs))}
        if isinstance(obs, dict) and "world_state" in obs:
            world = obs["world_state"]
            seen["critic"] = jnp.broadcast_to(world, (num_agents, *world.shape))
        elif hasattr(rules, "get_world_state"):
            seen["critic"] = _stacked(_of_agents(env, rules.get_world_state(state)))
        if counts and family.legal:
            legal = getattr(rules, family.legal)(state)
            seen["action_mask"] = _stacked(_of_agents(env, legal)) > 0
        elif not fixed.all():
            seen["action_mask"] = jnp.asarray(fixed)
        return seen if len(seen) > 1 else seen["policy"]

    def reset(key, params):
        rules = under(params, params.max_steps)
        obs, state = rules.reset(key)
        return jax.tree.map(strong, state), see(rules, state, obs)

    def step(key, state, action, params):
        state = jax.tree.map(lambda x: x, state)  # Brax writes into the dicts of the old state
        shown, rules = under(params, params.max_steps), under(params, NEVER)
        obs, state, reward, done, info = rules.step_env(key, state, give(action))
        if family.shows_clock:
            obs = shown.get_obs(state)
        reward = _stacked(_of_agents(env, reward))
        if "shaped_reward" in info:
            reward += params.shaped_reward * _stacked(_of_agents(env, info["shaped_reward"]))
        never = jnp.zeros((), bool)
        terminated = never if family.only_clock else jnp.asarray(done["__all__"], bool)
        state = jax.tree.map(strong, state)
        return state, TimeStep(see(shown, state, obs), reward, terminated, never)

    _, obs = jax.eval_shape(reset, jax.random.key(0), params)
    seen = obs if isinstance(obs, dict) else {"policy": obs}
    boxes = {k: Box(x.shape[1:], dtype=x.dtype.name) for k, x in seen.items()}
    boxes["policy"] = Box(seen["policy"].shape[1:], *family.bounds)
    if "action_mask" in boxes:
        boxes["action_mask"] = Box(seen["action_mask"].shape[1:], 0.0, 1.0, "bool")
    return Env(
        env.name,
        reset,
        step,
        params,
        boxes if isinstance(obs, dict) else boxes["policy"],
        action_space,
        lambda params: params.max_steps,
        WhenNeeded(),
        num_agents,
        _picture(env, kinds),
    )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what JaxMARL prints when it is imported, past any redirection, off the streams."""
    streams: Any = sys
    real, streams.__stdout__ = sys.__stdout__, io.StringIO()
    try:
        with contextlib.redirect_stdout(sys.__stdout__), contextlib.redirect_stderr(sys.stderr):
            yield
    finally:
        streams.__stdout__ = real


def _actions(env: Any, spaces: list[Any]) -> tuple[Space, Callable[[Array], Any]]:
    """One action space for all agents, and what JaxMARL's `step_env` takes for an array in it."""
    named = isinstance(env.agents[0], str)

    def per_agent(rows):
        return dict(zip(env.agents, rows, strict=True)) if named else jnp.stack(rows)

    if all(hasattr(s, "n") for s in spaces):
        counts = [int(s.n) for s in spaces]
        return Discrete(max(counts)), lambda action: per_agent(
            [jnp.minimum(action[i], n - 1) for i, n in enumerate(counts)]
        )
    if not all(hasattr(s, "low") and len(s.shape) == 1 for s in spaces):
        raise EnvError(f"{env.name} has agents with different kinds of actions; jaxac takes one")
    sizes = [s.shape[0] for s in spaces]
    lows, highs = (
        [np.broadcast_to(x, n) for x, n in zip(b, sizes, strict=True)]
        for b in zip(*((s.low, s.high) for s in spaces), strict=True)
    )
    low, high = (b[sizes.index(max(sizes))] for b in (lows, highs))
    if any(
        (low[:n] != a).any() or (high[:n] != b).any()
        for a, b, n in zip(lows, highs, sizes, strict=True)
    ):
        raise EnvError(f"{env.name} has agents with different bounds of actions; jaxac takes one")
    space = Box((max(sizes),), _bound(low), _bound(high))
    return space, lambda action: per_agent([action[i, :n] for i, n in enumerate(sizes)])


def _bound(x: np.ndarray) -> float | tuple[float, ...]:
    numbers = tuple(float(v) for v in x)
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _of_agents(env: Any, x: Any) -> list[Any]:
    """What belongs to each agent, in order, of what JaxMARL returns for all."""
    if isinstance(x, dict) and set(env.agents) <= set(x):
        return [x[a] for a in env.agents]
    if isinstance(x, dict):  # of storm, whose inventory has the agents last
        rows = zip(x["observations"], x["inventory"].T, strict=True)
        return [{"observation": a, "inventory": b} for a, b in rows]
    return list(x)


def _stacked(rows: list[Any]) -> Array:
    """float32 [A, ...]: parts flattened into one, smaller ones padded with zeros."""
    leaves = [jax.tree.leaves(row) for row in rows]
    flat = [x[0] if len(x) == 1 else jnp.concatenate([jnp.ravel(v) for v in x]) for x in leaves]
    full = tuple(map(max, zip(*(x.shape for x in flat), strict=True)))
    padded = [x if x.shape == full else _padded(x, full) for x in flat]
    return jnp.stack(padded).astype(jnp.float32)


def _padded(x: Array, shape: tuple[int, ...]) -> Array:
    return jnp.pad(x, [(0, m - n) for m, n in zip(shape, x.shape, strict=True)])


def _with(env: Any, numbers: dict[str, Any]) -> Any:
    """A copy of `env` with some attributes replaced, by traced numbers too.

    Its methods lose their `jit`, which would keep a program, and the traced numbers, for each copy.
    """
    kind = type(env)
    changed = object.__new__(kind)  # `copy` is led astray by the `__getattr__` of an EnemySMAX
    own = dict(vars(env))
    if "_env" in own:
        own["_env"] = _with(own["_env"], numbers)
    else:
        own |= numbers
    methods: dict[str, Any] = {x: getattr(kind, x) for x in dir(kind) if x not in own}
    jitted = {x: m.__wrapped__ for x, m in methods.items() if isinstance(m, JITTED)}
    vars(changed).update(own, **{x: functools.partial(m, changed) for x, m in jitted.items()})
    return changed


def _picture(env: Any, kinds: list[str]) -> Callable[[Any, Any], np.ndarray] | None:
    """JaxMARL's own picture, where it is an array."""

    def kitchen(state, params):
        from jaxmarl.viz.overcooked_visualizer import OvercookedVisualizer

        pad, look = env.agent_view_size - 2, (state.agent_dir_idx, state.agent_inv)
        grid = np.asarray(state.maze_map)[pad:-pad, pad:-pad]
        return OvercookedVisualizer._render_grid(grid, 32, None, *look)

    def kitchen_v2(state, params):
        from jaxmarl.viz.overcooked_v2_visualizer import OvercookedV2Visualizer

        return np.asarray(OvercookedV2Visualizer()._render_state(state), np.uint8)

    def storm(state, params):
        return np.asarray(env.render(state), np.uint8)

    drawn = {"Overcooked": kitchen, "OvercookedV2": kitchen_v2}
    drawn |= dict.fromkeys(("InTheGrid", "InTheGrid_2p", "InTheMatrix"), storm)
    return next((drawn[k] for k in kinds if k in drawn), None)
