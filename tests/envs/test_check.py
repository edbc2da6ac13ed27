"""Every kind of broken environment is found, and no other kind with it."""

import dataclasses
import functools
import random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import Static, frozen, replace
from jaxac.envs import Box, Discrete
from jaxac.envs.check import KINDS, check_env
from jaxac.errors import ConfigError, EnvError
from tests.envs.points import (
    Params,
    boxed,
    drawing,
    ending_at,
    holding,
    kinds,
    masked,
    observing,
    of_two,
    reset,
    resetting,
    step,
    stepped,
    task,
)

STEPS = 96


@frozen
class Loose:
    """A state with a static field."""

    x: Any
    tag: Static[Any]


class Plain:
    """Not a pytree."""


def tagged(first, after):
    """The task whose state holds a static `tag`."""
    return holding(lambda key, params: Loose(jnp.zeros(()), first), lambda x, _: Loose(x.x, after))


def raising(fn, error):
    """`fn`, which raises."""

    @functools.wraps(fn)
    def broken(*args):
        raise error

    return broken


def leaky():
    """A step that appends what it computes to a list."""
    kept = []

    def step_(key, state, action, params):
        after, s = step(key, state, action, params)
        kept.append(after.x)
        return after, s

    return task(step=step_)


def counting(use):
    """A step that counts its calls in Python; `use(count)` is added to the reward."""
    count = {"calls": 0}

    def step_(key, state, action, params):
        count["calls"] += 1
        after, s = step(key, state, action, params)
        return after, replace(s, reward=s.reward + use(count["calls"]))

    return task(step=step_)


def swelling_info():
    """A step whose info gains a key with every call."""
    keys = []

    def step_(key, state, action, params):
        keys.append(f"call{len(keys)}")
        after, s = step(key, state, action, params)
        return after, replace(s, info=dict.fromkeys(keys, s.reward))

    return task(step=step_)


def legacy(key, params):
    """Takes the two numbers of an old key apart."""
    return reset(jax.random.fold_in(jax.random.PRNGKey(0), key[0]), params)


def unbatched(x):
    """The identity, which cannot be vmapped."""

    @jax.custom_batching.custom_vmap
    def same(x):
        return x

    @same.def_vmap
    def _(axis_size, in_batched, x):
        raise NotImplementedError("one at a time")

    return same(x)


def asked(x):
    return jax.pure_callback(
        lambda x: np.float32(random.random()), jax.ShapeDtypeStruct((), jnp.float32), x,
        vmap_method="sequential",
    )  # fmt: skip


def failing(x):
    def fail(x):
        raise RuntimeError("the simulator is gone")

    shape = jax.ShapeDtypeStruct((), jnp.float32)
    return jax.pure_callback(fail, shape, x, vmap_method="sequential")


def while_positive(key, state, action, params):
    return step(key, state, action, params) if state.x > 0 else step(key, state, 1, params)


def when_slow(key, state, action, params):
    return step(key, state, action, params) if params.gain < 1 else step(key, state, 0, params)


def gym_step(key, state, action, params):
    state, s = step(key, state, action, params)
    return s.obs, state, s.reward, s.terminated, {}


def narrow_step(key, state, action, params):
    state, s = step(key, state, action, params)
    return state, replace(s, obs=s.obs[:1])


def solving(state, action, s):
    a = jnp.eye(2) * (2 + state.x)
    return s.reward + jnp.linalg.solve(a, jnp.ones(2))[0]


def solved_reset(key, params):
    state, obs = reset(key, params)
    return state, jnp.linalg.solve(jnp.eye(2) * (2 + state.x), obs)


def printing(state, action, s):
    print("reward", s.reward)
    return s.reward


def debugging(state, action, s):
    jax.debug.print("x = {}", state.x)
    return s.reward


def weakly(extra, state):
    del extra
    return state.x


STATIC = {
    "not-an-env": lambda: Plain(),
    "factory-arguments": lambda: lambda size, *rest: task(),
    "factory-fails": lambda: raising(task, KeyError("size")),
    "field-type": lambda: task(time_limit=100),
    "box-shape": lambda: task(observation_space=Box(2)),
    "box-dtype": lambda: task(observation_space=Box((2,), dtype="float33")),
    "box-bounds": lambda: task(observation_space=Box((2,), 1.0, -1.0)),
    "discrete-n": lambda: task(action_space=Discrete(0)),
    "policy-missing": lambda: task(observation_space={"obs": Box((2,))}),
    "mask-space": lambda: masked(lambda obs: jnp.ones(3, bool), size=3),
    "params-leaf": lambda: task(params={"gain": 0.2, "map": "4x4"}),
    "static-unhashable": lambda: tagged([1], [1]),
    "time-limit": lambda: task(time_limit=lambda params: 0),
    "signature": lambda: task(reset=lambda key: reset(key, None)),
    "reset-fails": lambda: task(reset=raising(reset, ValueError("no such level"))),
    "step-fails": lambda: stepped(reward=lambda state, action, s: state.velocity),
    "legacy-key": lambda: task(reset=legacy),
    "python-value": lambda: task(step=while_positive),
    "params-traced": lambda: task(step=when_slow),
    "reset-return": lambda: task(reset=lambda key, params: reset(key, params)[0]),
    "reset-order": lambda: task(reset=lambda key, params: reset(key, params)[::-1]),
    "step-return": lambda: task(step=gym_step),
    "state-leaf": lambda: holding(lambda key, params: "start"),
    "state-structure": lambda: holding(lambda key, params: (), lambda extra, s: (s.x,)),
    "state-shape": lambda: holding(
        lambda key, params: jnp.zeros(1), lambda extra, s: jnp.append(extra, s.x)
    ),
    "state-dtype": lambda: holding(
        lambda key, params: jnp.int32(0), lambda extra, s: extra + 0.5 * s.x
    ),
    "obs-structure": lambda: observing(lambda obs: {"policy": obs}),
    "obs-shape": lambda: task(observation_space=Box((3,))),
    "obs-dtype": lambda: task(observation_space=Box((2,), dtype="uint8")),
    "obs-changes": lambda: task(step=narrow_step),
    "reward-shape": lambda: stepped(reward=lambda state, action, s: s.reward[None]),
    "reward-dtype": lambda: stepped(reward=lambda state, action, s: state.time),
    "flags": lambda: stepped(terminated=lambda state, action, s: s.reward * 0),
    "info-leaf": lambda: stepped(info=lambda state, action, s: {"why": "fell"}),
    "info-changes": swelling_info,
    "weak-type": lambda: holding(lambda key, params: 0.0, weakly),
    "wide-dtype": lambda: stepped(info=lambda state, action, s: s.reward.astype("float64")),
    "impure": lambda: counting(lambda count: 0.1 * count),
    "leaked-tracer": leaky,
    "mutates": lambda: counting(lambda count: 0.0),
    "prints": lambda: stepped(reward=printing),
    "lapack": lambda: stepped(reward=solving),
    "lapack-together": lambda: task(step=stepped(reward=solving).step, reset=solved_reset),
    "key-reuse": lambda: drawing(
        lambda key, held, state: jax.random.normal(key) + jax.random.uniform(key)
    ),
    "key-constant": lambda: drawing(
        lambda key, held, state: jax.random.normal(jax.random.key(7))
    ),
}  # fmt: skip
RUN = {
    "host-callback": lambda: stepped(reward=debugging),
    "key-repeats": lambda: drawing(lambda key, held, state: jax.random.normal(held)),
    "vmap": lambda: stepped(reward=lambda state, action, s: unbatched(s.reward)),
    "run-fails": lambda: stepped(reward=lambda state, action, s: failing(s.reward)),
    "obs-bounds": lambda: task(observation_space=Box((2,), -0.5, 0.5)),
    "obs-nan": lambda: observing(lambda obs: jnp.sqrt(obs)),
    "reward-nan": lambda: stepped(reward=lambda state, action, s: jnp.log(state.x)),
    "action-bounds": lambda: boxed(jnp.arctanh),
    "mask-empty": lambda: masked(lambda obs: jnp.full(2, obs[0] < 0.5)),
    "both-flags": lambda: stepped(truncated=lambda state, action, s: s.terminated),
    "nondeterministic": lambda: stepped(reward=lambda state, action, s: asked(s.reward)),
    "auto-reset": lambda: resetting(deterministic=False, clock=True),
    "auto-reset-likely": lambda: resetting(deterministic=True, clock=False),
    "time-limit-terminates": lambda: ending_at(lambda params: params.max_steps),
    "render-fails": lambda: task(render=lambda state, params: state.canvas),
    "render-image": lambda: task(render=lambda state, params: np.zeros((4, 4))),
}  # fmt: skip
ALSO = {  # what comes with a kind, being the same fault seen from another side
    "lapack-together": {"lapack"},
    "info-changes": {"mutates", "impure"},
    "impure": {"mutates"},
    "nondeterministic": {"host-callback"},
    "run-fails": {"host-callback"},
}


@pytest.mark.parametrize("kind", STATIC)
def test_a_broken_environment_is_found_before_it_runs(kind):
    report = check_env(STATIC[kind](), num_steps=0)
    assert kind in kinds(report), str(report)
    assert kinds(report) <= {kind} | ALSO.get(kind, set()), str(report)


@pytest.mark.parametrize("kind", RUN)
def test_a_broken_environment_is_found_when_it_runs(kind):
    report = check_env(RUN[kind](), num_steps=STEPS)
    assert kind in kinds(report), str(report)
    assert kinds(report) <= {kind} | ALSO.get(kind, set()), str(report)


def test_every_kind_has_a_broken_environment():
    assert {*STATIC, *RUN} == set(KINDS) and not {*STATIC} & {*RUN}
    assert len(KINDS) >= 28


class Numpy:
    """An environment as an object that keeps a generator, a memory and a counter."""

    def __init__(self):
        self.random = np.random.default_rng(0)
        self.last = None

    def drawn(self, key, state, action, params):
        after, s = step(key, state, action, params)
        return after, replace(s, reward=s.reward + np.float32(self.random.normal()))

    def drawn_globally(self, key, state, action, params):
        after, s = step(key, state, action, params)
        return after, replace(s, reward=s.reward + np.float32(np.random.normal()))

    def remembers(self, key, state, action, params):
        after, s = step(key, state, action, params)
        more = 0.0 if self.last is None else self.last
        self.last = after.x
        return after, replace(s, reward=s.reward + more)


FORMS = {  # other forms of a kind, and a word of what is said of them
    "an instance": ("not-an-env", lambda: 7, "it is an int"),
    "what a factory returns": ("not-an-env", lambda: lambda: None, "returns a NoneType"),
    "no name": ("field-type", lambda: task(name=None), "name"),
    "no function": ("field-type", lambda: task(reset=None), "reset"),
    "a class as params": ("field-type", lambda: task(params=Params), "pass one of it, Params()"),
    "another's space": ("field-type", lambda: task(action_space=(0, 1)), "action_space"),
    "half an agent": ("field-type", lambda: task(num_agents=0.5), "num_agents"),
    "a bound that is NaN": (
        "box-bounds", lambda: task(observation_space=Box((2,), float("nan"))), "NaN"
    ),
    "bounds of another length": (
        "box-bounds", lambda: task(observation_space=Box((2,), (0.0, 0.0, 0.0))), "low has 3"
    ),
    "a mask without a count": (
        "mask-space",
        lambda: dataclasses.replace(masked(lambda obs: obs > 0), action_space=Box((), 0.0, 1.0)),
        "have no mask",
    ),
    "a list as a static param": (
        "static-unhashable", lambda: task(params=Loose(0.2, [1]), time_limit=lambda p: 9), "Loose"
    ),
    "a time limit that reads its param": (
        "time-limit", lambda: task(time_limit=lambda params: int(params.max_steps)), "under jit"
    ),
    "a time limit without a param": (
        "time-limit", lambda: task(time_limit=lambda params: params.horizon), "AttributeError"
    ),
    "reset that returns nothing": ("reset-return", lambda: task(reset=lambda k, p: None), "return"),
    "a state of an own class": ("state-leaf", lambda: holding(lambda k, p: Plain()), "Plain"),
    "a static field that changes": ("state-structure", lambda: tagged(1, 2), "static"),
    "an observation too few": (
        "obs-structure",
        lambda: observing(lambda obs: {"policy": obs}, observation_space={
            "policy": Box((2,)), "critic": Box((3,))
        }),
        "critic",
    ),
    "a flag for each agent": (
        "flags", lambda: stepped(truncated=lambda state, action, s: jnp.zeros(2, bool)), "bool [2]"
    ),
    "one reward for two agents": (
        "reward-shape", lambda: of_two(reward=lambda x: x), "[], not [2]"
    ),
    "a space of two agents": (
        "obs-shape", lambda: of_two(observation_space=Box((2, 2))), "2 agents first"
    ),
    "a generator of numpy": ("impure", lambda: task(step=Numpy().drawn), "number"),
    "numpy's global generator": ("impure", lambda: task(step=Numpy().drawn_globally), "global"),
    "a reset with a key of its own": (
        "key-constant", lambda: task(reset=lambda key, p: reset(jax.random.key(3), p)), "reset"
    ),
    "a memory from trace to trace": ("leaked-tracer", lambda: task(step=Numpy().remembers), "step"),
}  # fmt: skip
FORMS_THAT_RUN = {
    "a random reset without a clock": (
        "auto-reset", lambda: resetting(deterministic=False, clock=False), "nowhere else"
    ),
    "a solve that runs": ("lapack", lambda: stepped(reward=solving), "triangular_solve"),
    "a fixed limit": (
        "time-limit-terminates",
        lambda: ending_at(lambda params: 20, time_limit=lambda params: 20),
        "step 20",
    ),
    "an infinite observation": (
        "obs-nan", lambda: observing(lambda obs: 1 / jnp.floor(jnp.abs(obs))), "infinite"
    ),
    "a NaN from reset on": ("obs-nan", lambda: observing(lambda obs: obs * jnp.nan), "reset"),
    "an element out of bounds": (
        "obs-bounds", lambda: task(observation_space=Box((2,), (-9.0, -9.0), (9.0, 0.1))), "obs[1]"
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", [*FORMS, *FORMS_THAT_RUN])
def test_a_kind_is_found_in_other_forms(form):
    kind, build, word = {**FORMS, **FORMS_THAT_RUN}[form]
    report = check_env(build(), num_steps=STEPS if form in FORMS_THAT_RUN else 0)
    assert kind in kinds(report), str(report)
    assert kinds(report) <= {kind, "mutates"}, str(report)
    assert any(word in f"{f.where} {f.problem}" for f in report.findings if f.kind == kind)


def test_the_argument_whose_value_is_read_is_named():
    (found,) = check_env(STATIC["python-value"](), num_steps=0).errors
    assert "state.x" in found.problem and "params" not in found.problem
    (found,) = check_env(STATIC["params-traced"](), num_steps=0).errors
    assert "params.gain" in found.problem and "params.max_steps" not in found.problem


def test_an_exception_is_told_by_type_first_line_and_place():
    def step_(key, state, action, params):
        raise LookupError("no such tile\nand more")

    (found,) = check_env(task(step=step_), num_steps=0).errors
    assert found.kind == "step-fails" and found.where == "step"
    line = step_.__code__.co_firstlineno + 1
    assert found.problem == f"LookupError: no such tile (test_check.py, line {line})"


def test_all_faults_are_found_at_once():
    """Params that are not traced do not hide what else is wrong."""
    env = task(
        step=when_slow, observation_space=Box((2,), -0.5, 0.5), render=lambda state, params: None
    )
    report = check_env(env, num_steps=STEPS)
    assert kinds(report) == {"params-traced", "obs-bounds", "render-image"}, str(report)
    assert not report.skipped and not report.ok
    with pytest.raises(EnvError, match=r"(?s)params-traced.*obs-bounds"):
        report.raise_errors()


def test_what_could_not_be_checked_is_said():
    report = check_env(STATIC["step-fails"](), num_steps=STEPS)
    assert len(report.checked) == 2 and len(report.skipped) == 2
    assert "not checked: keys" in str(report)


def test_sixty_four_bits_are_found_where_jax_has_them():
    with jax.enable_x64(True):
        report = check_env(stepped(info=lambda state, action, s: jnp.zeros(2)), num_steps=0)
    assert "wide-dtype" in kinds(report)


def test_the_environment_does_not_print_and_python_is_left_as_it_was(capsys):
    state = np.random.get_state()[1].tolist()
    check_env(STATIC["prints"](), num_steps=0)
    check_env(RUN["host-callback"](), num_steps=STEPS)
    assert capsys.readouterr().out == "" and np.random.get_state()[1].tolist() == state


def test_other_params_are_checked_instead():
    env = task(observation_space=Box((2,), -1.5, 1.5))
    assert check_env(env, num_steps=STEPS).ok
    report = check_env(env, Params(gain=5.0), num_steps=STEPS)
    assert kinds(report) == {"obs-bounds"}


def test_a_negative_number_of_steps_is_an_error():
    with pytest.raises(ConfigError, match="num_steps: -1"):
        check_env(task(), num_steps=-1)


def test_a_report_is_plain_data():
    report = check_env(RUN["obs-bounds"](), num_steps=STEPS)
    data = report.as_dict()
    assert data["env"] == "Point" and not data["ok"]
    (row,) = data["findings"]
    assert row["kind"] == "obs-bounds" and row["severity"] == "error"
    assert row["mend"] == KINDS["obs-bounds"].mend and row["where"].startswith("obs[")
