"""The programs that the conformance suite shares: each algorithm's, on all probes at once.

Which probe a lane has is a traced param of its environment, so an algorithm is compiled once for
all tests of it: those that train until the probes are solved, and those that hold it to the
contract.
"""

import dataclasses
import fnmatch
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac import config, registry
from jaxac.algos.evolution import es
from jaxac.core import Algorithm, Schedule, frozen
from jaxac.envs import Box, probes
from jaxac.envs.contract import Env
from jaxac.runners import off_policy

GAMMA = 0.9
QUICK: dict[str, Any] = {"xla_backend_optimization_level": 1, "xla_cpu_use_fusion_emitters": False}
"""How XLA makes code: soon, but quick enough for those that train long."""
LINE = Box((1,), -1.0, 1.0)
KINDS = {
    "Discrete": {k: make() for k, make in probes.PROBES.items() if k != "ContinuousAction"},
    "Box": {
        "ContinuousAction": probes.continuous_action(),
        "ConstantReward": probes.constant_reward(LINE),
        "ObservedValue": probes.observed_value(LINE),
        "TwoStepDiscount": probes.two_step_discount(LINE),
        "Truncation": probes.truncation(action_space=LINE),
        "FinalObservation": probes.final_observation(LINE),
    },
}
ANY = {"eval_episodes": 16, "gamma": GAMMA}
ON_POLICY = {
    **ANY,
    "num_envs": 16,
    "num_steps": 8,
    "net.hidden": (16,),
    "entropy_coef": 0.0,
    "optimiser": "Adam",
    "learning_rate": {"op": "Linear", "start": 1e-2, "end": 0.0},
    "num_updates": 10,
}
OFF_POLICY = {
    **ANY,
    "num_envs": 8,
    "num_steps": 2,
    "warm_up": 320,
    "batch_size": 64,
    "replay.capacity": 4096,
    "norm.obs": {"op": "Affine", "shift": -0.5},  # at 0 a ReLU without bias is dead
    "num_updates": 25,
}
PATTERNS = {
    "*hidden": (32,),
    "*width": 32,
    "*learning_rate": {"op": "Linear", "start": 5e-3, "end": 0.0},
    "*slow.tau": 0.2,
    "slow.every": 10,
    "*returns.low": -15.0,
    "*returns.high": 15.0,
    "temperature.start": 1e-4,
    "temperature.learning_rate": 0.0,
    "temperature.value": 0.0,
}
"""Fields of off-policy methods: entropy is worth next to nothing, or values would hold it."""
EVOLUTION: dict[str, Any] = {
    "population": 32,
    "num_steps": 8,
    "trunk.hidden": (16,),
    "strategy": {
        "op": "OpenES",
        "std": 0.1,
        "learning_rate": {"op": "Linear", "start": 0.1, "end": 0.0},
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "ace": {"after.every": 800},
    "aro_ddpg": {"backup.learning_rate": 0.0},  # held at 0: the discounted values
    "bro": {
        "after.at": (200,),
        "batch_size": 64,
        "critic.returns.num": 11,
        "num_rounds": 2,
        "optimist.weight_rate": 0.0,
    },
    "decision_s4": {"net.core.width": 16, "net.core.num_states": 8},
    "d4pg": {"actor.slow.every": 10, "critic.slow.every": 10},
    "domo_ac": {"entropy_coef": 0.0, "length": 4, "batch_size": 32, "num_rounds": 1},
    "dsac_v1": {"actor.learning_rate": {"op": "Linear", "start": 1e-3, "end": 0.0}},
    "dr_sac": {"backup.radius": 0.01, "backup.num_samples": 5},
    "droq": {"critic_steps": 4},
    "es": EVOLUTION,
    "epo": {"entropy.weight": 0.0},  # or it would hold the entropy
    "essa": {**EVOLUTION, "subspace": "Everything"},  # at observations of 0 only biases matter
    "fast_sac": {"critic.returns.num": 31},
    "fast_td3": {
        "actor.optimiser.decay": 0.0,
        "critic.optimiser.decay": 0.0,
        "critic.returns.num": 31,
    },
    "idac": {
        "critic.net.noise": 1,  # least of two noisy samples, noise that shrinks late: a bias
        "actor.net.noise": 1,
        "critic.returns.num": 8,
        "actor.net.num": 2,
        "batch_size": 32,
    },
    "hyper_critic": {"critic.learning_rate": {"op": "Linear", "start": 1e-3, "end": 0.0}},
    "iqn": {"returns.num": 16, "returns.num_target": 32, "returns.num_cosines": 16},
    "idql": {
        "behaviour.net.num_blocks": 1,
        "critic.slow.tau": 0.5,
        "num_actions": 32,
        "replay.capacity": 32_768,  # it clones all that it holds, early actions too
        "value.value_loss.asymmetry": 0.8,
    },
    "iterated_qn": {"chain.every": 2, "num": 3},
    "ppg": {"num_rollouts": 2},
    "pqn": {
        "lam": 0.9,
        "net.trunk.hidden": (32,),
        "norm.obs": OFF_POLICY["norm.obs"],
        "num_minibatches": 4,
    },
    "qr_dqn": {"returns.num": 25},
    "recurrent_a2c": {"net.core.width": 16},
    "recurrent_ppo": {"net.core.width": 16},
    "rnd": {"bonus.weight": 0.0},  # or values would hold it
    "reppo": {  # without the pull of entropy it ends at the edge of its range
        "learning_rate": {"op": "Linear", "start": 3e-3, "end": 0.0},
        "num_minibatches": 4,
        "num_epochs": 4,
        "norm.obs": OFF_POLICY["norm.obs"],
        "*hidden": (32,),
        "returns.low": -15.0,
        "returns.high": 15.0,
        "returns.num": 31,
        "temperature.target": -1.0,
        "temperature.learning_rate": 1e-2,
    },
    "redq": {"critic_steps": 4, "critic.num": 4},
    "relic": {
        "learning_rate": {"op": "Linear", "start": 3e-3, "end": 0.0},
        "net.net.core.core.width": 16,
        "net.net.core.core.window": 8,
        "net.window": 8,
    },
    "rtrl_ac": {"net.core.core.width": 16},
    "simba_v2": {
        "norm.reward": "Raw",  # its own scale changes what a value means
        "critic.returns.num": 31,
    },
    "symphony": {  # what restrains actions, and the noise of the policy, have a price in value
        "swaddle": 0.0,
        "actor.actions.std": 0.05,
        "actor.optimiser.decay": 0.0,
        "critic.optimiser.decay": 0.0,
        "critic.returns.num": 8,
    },
    "saq": {"codec.net.num_codes": 32, "penalty.weight": 0.01},
    "tqc": {"critic.num": 2},
}
"""What a method needs beside that."""
UPDATES = {
    **dict.fromkeys(("ppo", "rnd", "recurrent_ppo"), 150),
    **dict.fromkeys(("ppo_kl", "fixpo", "mdpo", "trpo", "npg", "vmpo"), 300),
    **dict.fromkeys(
        ("spo", "rec", "rpg", "rebel", "copg", "p3o", "bapo", "lagrangian", "reload"), 300
    ),
    "droq": 600,
    "fast_sac": 600,
    "idql": 1_200,
    **dict.fromkeys(("a3c", "pqn", "recurrent_a2c", "rtrl_ac"), 600),
    "relic": 300,
    "decision_s4": 300,
    "reppo": 300,
    "ppg": 100,
    "es": 300,
    "essa": 300,
    **dict.fromkeys(("capo", "epo"), 300),
    "idac": 1_000,
    "redq": 600,
}
"""Updates until the probes are solved, where they are not 1,500."""


def settings(key: str) -> Any:
    """Hyper-parameters with which a method solves the probes, and soon compiles."""
    hp = registry.defaults(key)
    paths = [f.path for f in config.fields(hp)]
    if isinstance(hp, off_policy.Settings):
        named = {x: v for k, v in PATTERNS.items() for x in fnmatch.filter(paths, k)}
        hp = config.configure(hp, {**OFF_POLICY, **named, **SETTINGS.get(key, {})})
    else:
        shared = {k: v for k, v in ON_POLICY.items() if k in paths}
        own = SETTINGS.get(key, {})
        named = {x: v for k, v in own.items() for x in fnmatch.filter(paths, k)}
        hp = config.configure(
            hp, {**shared, **named, **{k: v for k, v in own.items() if "*" not in k}}
        )
    num_envs = hp.population if isinstance(hp, es.ES) else hp.num_envs
    steps = UPDATES.get(key, 1_500) * hp.num_steps * num_envs
    return config.configure(hp, {"total_steps": steps})


@dataclasses.dataclass
class Case:
    """An algorithm with its one compiled program, a lane for each probe."""

    key: str
    probes: dict[str, probes.Probe]
    env: Env
    algorithm: Algorithm
    hp: Any
    start: Any
    advance: Any
    traces: list[int]

    @property
    def num_lanes(self) -> int:
        """Lanes of the program."""
        return len(self.probes)

    @functools.cached_property
    def first(self) -> tuple[Any, Any, Any]:
        """States of the lanes below, and states and metrics after their first chunk."""
        states = self.states()
        return states, *self.advance(states)

    def states(self, rates=(1e-4, 1e-3, 1e-2), seeds=(0, 1, 2)) -> Any:
        """Lanes that differ in learning rates and seed, on one probe; the last fills up."""
        found = {f.path: f.value for f in config.fields(self.hp)}
        every = [
            f"{k}.start" if isinstance(v, Schedule) else k
            for k, v in found.items()
            if k.endswith("learning_rate")
        ]
        rows = [config.configure(self.hp, dict.fromkeys(every, r)) for r in rates]
        fill = self.num_lanes - len(rows)
        hp = jax.tree.map(lambda *x: np.asarray(x, np.float32), *rows, *rows[-1:] * fill)
        keys = np.asarray([*seeds, *seeds[-1:] * fill], np.uint32)
        return self.start(keys, hp, np.zeros(self.num_lanes, np.int32))

    def trained(self) -> tuple[Any, Any, Any]:
        """A lane for each probe after all its training: states, first and last metrics."""
        hp = jax.tree.map(lambda x: np.full(self.num_lanes, x, np.float32), self.hp)
        which = np.arange(self.num_lanes, dtype=np.int32)
        states = self.start(np.ones(self.num_lanes, np.uint32), hp, which)
        states, first = self.advance(states)
        last = first
        for _ in range(UPDATES.get(self.key, 1_500) // self.hp.num_updates - 1):
            states, last = self.advance(states)
        return states, first, last


def discrete() -> Env:
    """All probes of Discrete actions."""
    return costless(one_of("discrete", [probe.env for probe in KINDS["Discrete"].values()]))


def box() -> Env:
    """All probes of Box actions."""
    return costless(one_of("box", [probe.env for probe in KINDS["Box"].values()]))


def costless(env: Env) -> Env:
    """The environment with costs, for methods that ask for them; they are 0."""
    return dataclasses.replace(env, constrained=True)


ENVS = {"Discrete": discrete, "Box": box}


def case(key: str, kind: str = "") -> Case:
    """The case of an algorithm and a kind of actions, its first if none is said."""
    return _case(key, kind or registry.record(key).actions[0])


@functools.lru_cache(2)  # a program takes hundreds of megabytes
def _case(key: str, kind: str) -> Case:
    found, env = KINDS[kind], ENVS[kind]()
    algorithm, hp = registry.make_algorithm(key, env), settings(key)
    traces: list[int] = []

    def advance(state):
        traces.append(1)
        state, metrics = algorithm.chunk(state)
        return state, {**metrics, **algorithm.evaluate(state)}

    @jax.vmap
    def start(seed, hp, which):
        params = dataclasses.replace(env.params, which=which)
        return algorithm.init(jax.random.key(seed), hp, params)

    lanes = np.zeros(len(found), np.uint32)
    stacked = jax.tree.map(lambda x: np.full(len(found), x, np.float32), hp)
    start = jax.jit(start, compiler_options=QUICK)
    start = start.lower(lanes, stacked, lanes.astype(np.int32)).compile()
    states = start(lanes, stacked, lanes.astype(np.int32))
    compiled = jax.jit(jax.vmap(advance), compiler_options=QUICK).lower(states).compile()
    return Case(key, found, env, algorithm, hp, start, compiled, traces)


def on_host(tree: Any) -> Any:
    """Arrays in numpy, of which lanes are taken without compiling; random keys stay keys."""
    return jax.tree.map(
        lambda x: x if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else np.asarray(x), tree
    )


def lane(tree: Any, i: int) -> Any:
    """A lane of a tree [lanes, ...]."""
    return jax.tree.map(lambda x: x[i], tree)


def params_of(state: Any, change: Any = lambda x: x) -> tuple[list[Any], Any]:
    """What is under the name `params` in a state, and the state with `change` made to it."""
    found = []

    def leaf(path, x):
        if not any(getattr(k, "name", None) == "params" for k in path):
            return x
        found.append(x)
        return change(x)

    changed = jax.tree_util.tree_map_with_path(leaf, state)
    return found, changed


def assert_equal(a: Any, b: Any) -> None:
    """Two pytrees are equal bit for bit, random keys included."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@frozen
class Which:
    """Traced params: which of several environments it is."""

    which: Any = 0


def one_of(name: str, envs: list[Env]) -> Env:
    """Environments of equal spaces as one, chosen by the traced param `which`.

    So one compiled program runs them all, as lanes.
    """

    def choose(which, trees):
        return jax.tree.map(lambda *x: jnp.stack([jnp.asarray(v) for v in x])[which], *trees)

    def reset(key, params):
        pairs = [env.reset(key, env.params) for env in envs]
        return tuple(s for s, _ in pairs), choose(params.which, [o for _, o in pairs])

    def step(key, state, action, params):
        pairs = [e.step(key, s, action, e.params) for e, s in zip(envs, state, strict=True)]
        return tuple(s for s, _ in pairs), choose(params.which, [t for _, t in pairs])

    def time_limit(params):
        return jnp.asarray([env.time_limit(env.params) for env in envs])[params.which]

    named, first = f"{__name__}:{name}", envs[0]
    spaces = first.observation_space, first.action_space
    return Env(named, reset, step, Which(), *spaces, time_limit)
