"""Every kind of finding: how grave it is, how to mend it, and what it keeps from running.

The keys are stable names: they stand in `--json` and in docs.
"""

from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]
STAGES = ("record", "trace", "program", "run")
"""In this order; what an earlier one finds may make a later one impossible."""


class Kind(NamedTuple):
    """One way in which an environment can be wrong."""

    severity: Severity
    mend: str
    stops: str = ""  # the first stage that is not run if this was found

    def keeps_from(self, stage: str) -> bool:
        """Whether `stage` cannot be run once this was found."""
        return bool(self.stops) and STAGES.index(stage) >= STAGES.index(self.stops)


def _error(mend: str, stops: str = "") -> Kind:
    return Kind("error", mend, stops)


def _warning(mend: str) -> Kind:
    return Kind("warning", mend)


KINDS: dict[str, Kind] = {
    # the record
    "not-an-env": _error(
        "return jaxac.envs.Env(name, reset, step, params, observation_space, action_space, "
        "time_limit)",
        stops="record",
    ),
    "factory-arguments": _error(
        "give every argument a default, or name a function that takes none", stops="record"
    ),
    "factory-fails": _error("make the function return an Env without an error", stops="record"),
    "field-type": _error("give the field what `jaxac.envs.Env` says it holds", stops="trace"),
    "box-shape": _error("make it a tuple of whole numbers, (3,) and not 3", stops="trace"),
    "box-dtype": _error("name a numpy dtype, such as 'float32' or 'uint8'", stops="trace"),
    "box-bounds": _error(
        "give one number, or one for each element, with low <= high; a bound may be infinite",
        stops="run",
    ),
    "discrete-n": _error("give the number of actions, a whole number of 1 or more", stops="trace"),
    "policy-missing": _error("add what the policy sees under the key 'policy'", stops="trace"),
    "mask-space": _error(
        "declare 'action_mask' as Box((n,), 0, 1, 'bool') beside a Discrete(n) action space",
        stops="run",
    ),
    "params-leaf": _error(
        "keep numbers and arrays only; declare anything else `Static[...]` in a @frozen class, or "
        "close over it in the factory",
        stops="trace",
    ),
    "static-unhashable": _error(
        "a static field must be hashable: a tuple for a list, numbers for an array; or make it a "
        "plain field, which is traced",
        stops="trace",
    ),
    "time-limit": _error(
        "give a function of params that returns one finite number of steps >= 1, without reading "
        "its value: lambda params: params.max_steps",
        stops="run",
    ),
    # calls
    "signature": _error("take reset(key, params) and step(key, state, action, params)", "trace"),
    "reset-fails": _error("run env.reset(jax.random.key(0), env.params) to see all of it", "trace"),
    "step-fails": _error(
        "run env.step(key, state, action, env.params) after a reset to see all of it", "program"
    ),
    "legacy-key": _error(
        "take the typed keys of jax.random.key; jax.random.key_data(key) gives the raw numbers",
        "program",
    ),
    "python-value": _error(
        "it is not known when the function is compiled: use jnp.where or jax.lax.cond for `if`, "
        "jax.lax loops for `for`, jnp for numpy and float()",
        "program",
    ),
    "params-traced": _error(
        "params are traced so that a sweep can vary them: use jnp.where or jax.lax.cond for `if`, "
        "and make what sets a shape `Static[int]`"
    ),
    "reset-return": _error("end reset with `return state, obs`", "trace"),
    "reset-order": _error("end reset with `return state, obs`, the state first", "trace"),
    "step-return": _error(
        "end step with `return state, TimeStep(obs, reward, terminated, truncated)`", "program"
    ),
    # outputs
    "state-leaf": _error(
        "keep arrays in the state, in tuples, dicts or a @frozen class (None is fine); what never "
        "changes belongs in the factory",
        "program",
    ),
    "state-structure": _error("return the same tree from step as from reset", "run"),
    "state-shape": _error("keep shapes constant: write into a preallocated array", "run"),
    "state-dtype": _error("cast to one dtype in reset and step, such as jnp.float32(x)"),
    "obs-structure": _error(
        "return one array for a Box, or a dict with the keys of a dict of boxes", "run"
    ),
    "obs-shape": _error("change the space or reshape the observation", "run"),
    "obs-dtype": _error("cast the observation, or name its dtype: Box(shape, low, high, dtype)"),
    "obs-changes": _error(
        "build the observation in one function that reset and step both call", "run"
    ),
    "reward-shape": _error(
        "return one number, jnp.float32(reward) of shape (); with agents one each, [A]", "run"
    ),
    "reward-dtype": _error("return jnp.asarray(reward, jnp.float32)"),
    "flags": _error("return terminated and truncated as bool scalars, jnp.zeros((), bool)", "run"),
    "info-leaf": _error("keep arrays in info; text cannot pass through jit", "run"),
    "info-changes": _error("return the same keys in info at every step"),
    "weak-type": _warning(
        "give it a dtype, jnp.int32(0) for 0, or jnp.asarray(x, jnp.float32); jaxac's own loop "
        "casts and is not affected"
    ),
    "wide-dtype": _warning("use float32 and int32; 64 bits are slow on accelerators"),
    # the program
    "impure": _error(
        "draw randomness from `key` and keep what changes in `state`: Python runs once, when the "
        "function is compiled"
    ),
    "leaked-tracer": _error("return the value; never store it in a list, attribute or global"),
    "mutates": _warning("keep what changes in `state`: Python runs once, when it is compiled"),
    "prints": _warning("remove the print: it runs when the function is compiled, not each step"),
    "host-callback": _error(
        "remove jax.debug.print and callbacks: each stops every environment to run Python"
    ),
    "lapack": _warning(
        "two or more batched calls can hang on a CPU with few cores; write small solves out in "
        "jnp, see docs/install.md"
    ),
    "lapack-together": _error(
        "it can hang for ever on a CPU with few cores: let one solve need the other's result, "
        "reset only where an episode ends (resets=WhenNeeded()), or write solves out in jnp"
    ),
    "key-reuse": _warning(
        "split it first, key_a, key_b = jax.random.split(key), and use each once"
    ),
    "key-constant": _warning(
        "draw from the `key` that is passed in; with a key of its own every episode and every "
        "environment draws the same numbers"
    ),
    "key-repeats": _warning(
        "split the key in the state at each step, or draw from the `key` that step is given"
    ),
    "vmap": _error(
        "use operations that jax.vmap knows; jaxac steps many environments as one", "run"
    ),
    # behaviour
    "run-fails": _error("run jax.jit(env.step) on a few states to see all of it"),
    "obs-bounds": _error("widen the bounds of the space, or clip the observation"),
    "obs-nan": _error("look for 0 / 0, log of 0, sqrt of a negative number, and overflow"),
    "reward-nan": _error("look for 0 / 0, log of 0, sqrt of a negative number, and overflow"),
    "action-bounds": _error(
        "keep step defined at the very bounds of the action space: clip before arctanh, log or a "
        "division"
    ),
    "mask-empty": _error("leave at least one action legal until the episode ends"),
    "both-flags": _warning(
        "truncated & ~terminated: jaxac takes such a step for a termination, so nothing is "
        "bootstrapped"
    ),
    "nondeterministic": _error("make everything random a function of `key`"),
    "auto-reset": _error("return the state and the observation that the step led to; jaxac resets"),
    "auto-reset-likely": _warning(
        "return the state and the observation that the step led to, as jaxac resets; if the task "
        "truly ends where it starts, all is well"
    ),
    "time-limit-terminates": _warning(
        "leave the time limit to jaxac (Env.time_limit) or report it as truncated, so that values "
        "are bootstrapped; if the end is part of the task, all is well"
    ),
    "render-fails": _warning("run env.render(state, env.params) on a state of env.reset"),
    "render-image": _warning("return a numpy array [H, W, 3] of dtype uint8"),
}
