"""A policy leaves its run directory as one file, and acts from there as the run does."""

import dataclasses
import json
import shutil
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import numpy as tensors

import jaxac
from jaxac.core import algorithm, frozen, replace
from jaxac.envs import Box, Discrete, Env, TimeStep
from jaxac.errors import EnvError, StoreError
from jaxac.report import acting, exported
from jaxac.report import policy as policies
from jaxac.report.policy import Policy, load_policy
from jaxac.store import checkpoints
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import held, lanes, progress
from jaxac.sweep.batches import Batch

from . import test_video

TINY = dataclasses.replace(
    test_video.TINY,
    space={"learning_rate": [0.0, 0.01]},
    env_params={"gravity": 9.1, "StickyActions.prob": 0.125},
    wrappers=["StickyActions"],
)
NORMALISER = ("stats.obs.", "hp.norm.obs.")
ACTOR = [
    "learner.params.params.actor.Dense_0.bias",
    "learner.params.params.actor.Dense_0.kernel",
    "learner.params.params.head.bias",
    "learner.params.params.head.kernel",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("policy") / "run"
    sweep = dataclasses.replace(TINY, fixed={**TINY.fixed, "norm.obs": "Standard"})
    jaxac.run(sweep, path, progress.Quiet())
    return path


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "policy.safetensors"
    load_policy(trained, run=3).save(path)
    return path


@pytest.fixture(scope="module")
def policy(file):
    return load_policy(file)


@pytest.fixture(scope="module")
def whole(trained):
    """The algorithm of run 3, and its whole state as the batch's checkpoint has it."""
    directory = RunDirectory.open(trained)
    plan = held.plan(directory)
    batch = Batch.from_json(directory.ledger.batches()[0])
    (path,) = trained.glob("checkpoints/*")
    states = checkpoints.decode(path.read_bytes(), lanes.shapes(plan, batch), "test")
    directory.close()
    return plan.tasks[0].algorithm, checkpoints.lane(states, batch.runs.index(3))


def observations(count=256):
    return np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)


def forged(policy, path, **changes):
    """A whole file, checksum and all, that says something else."""
    state = changes.pop("state", policy.state)
    exported.write(path, dataclasses.replace(policy.about, **changes), state)
    return path


def refused(path, words=None, **options):
    with pytest.raises(StoreError, match=words) as caught:
        load_policy(path, **options)
    assert str(path) in str(caught.value)


def test_an_exported_policy_acts_bit_for_bit_as_the_whole_state(policy, whole):
    algorithm, state = whole
    act, obs = jax.jit(algorithm.act), observations()
    for key in (None, jax.random.key(7)):
        action, carry = policy(obs, key=key)
        expected, expected_carry = act(state, obs, None, key)
        np.testing.assert_array_equal(action, expected)
        np.testing.assert_array_equal(
            policy(obs, carry, key)[0], act(state, obs, expected_carry, key)[0]
        )
    assert 0 < policy(obs)[0].mean() < 1, "both actions are among them"
    assert (policy(obs, key=jax.random.key(7))[0] != policy(obs)[0]).any()


def test_the_file_holds_the_leaves_that_acting_reads_and_no_more(file, whole):
    _, arrays = exported.read(file)
    _, state = whole
    known = exported.named(state)
    assert set(ACTOR) <= arrays.keys()
    assert all(name.startswith(NORMALISER) for name in arrays.keys() - set(ACTOR)), arrays.keys()
    assert {"stats.obs.mean", "stats.obs.var"} <= arrays.keys()
    assert any("critic" in name for name in known) and any("opt_state" in name for name in known)
    for name, x in arrays.items():
        np.testing.assert_array_equal(x, known[name])


def test_the_file_is_small_and_says_what_it_is(trained, file):
    (checkpoint,) = trained.glob("checkpoints/*")
    numbers = sum(x.nbytes for x in tensors.load_file(file).values())
    assert numbers < 600 and file.stat().st_size < min(8000, checkpoint.stat().st_size / 4)
    about, _ = exported.read(file)
    assert (about.algorithm, about.env, about.run, about.config, about.seed) == (
        "ppo",
        "CartPole-v1",
        3,
        1,
        1,
    )
    results = jaxac.load(trained)
    last = results.wide.query("config == 1 and seed == 1").iloc[-1]
    assert about.eval_return == last["eval_return"] and about.env_steps == last["step"] == 128
    assert about.hp == results.hp(1) and about.hp["learning_rate"] == 0.01
    assert about.wrappers == [{"op": "StickyActions", "prob": 0.25}]
    assert about.env_params["env.gravity"] == float(np.float32(9.1))
    assert about.sweep == results.manifest["hash"]
    assert (about.jaxac, about.jax) == (jaxac.__version__, jax.__version__)


def test_the_environment_comes_back_with_the_params_of_the_run(policy, whole):
    state = whole[1]
    assert jax.tree.structure(policy.params) == jax.tree.structure(state.env_params)
    for x, y in zip(jax.tree.leaves(policy.params), jax.tree.leaves(state.env_params), strict=True):
        assert (x.dtype, x.weak_type) == (y.dtype, y.weak_type)
        np.testing.assert_array_equal(x, y)
    assert float(policy.params.wrappers[0].prob) == 0.125
    env_state, obs = policy.env.reset(jax.random.key(0), policy.params)
    action, _ = policy(obs[None])
    policy.env.step(jax.random.key(1), env_state, action[0], policy.params)


def test_the_best_run_is_exported_and_one_run_gives_one_file(trained, tmp_path):
    assert load_policy(trained).about.eval_return == jaxac.load(trained).wide["eval_return"].max()
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in paths:
        assert load_policy(trained, run=1).save(path) == path.stat().st_size
    assert paths[0].read_bytes() == paths[1].read_bytes()
    load_policy(paths[0]).save(paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_one_lane_is_read_and_not_the_batch(trained, monkeypatch):
    monkeypatch.setattr(checkpoints, "decode", None)
    assert load_policy(trained, run=1).about.run == 1


def test_act_takes_the_words_of_a_video_and_samples_if_it_shall(file, policy):
    obs, key = observations(), jax.random.key(3)
    np.testing.assert_array_equal(policy.act(key, None, obs)[0], policy(obs)[0])
    sampling = load_policy(file, sample=True)
    np.testing.assert_array_equal(sampling.act(key, None, obs)[0], policy(obs, key=key)[0])


def test_a_video_of_a_file_is_that_of_the_run(trained, file):
    ours, theirs = (
        jaxac.video(path, file.with_suffix(".gif"), run=3, max_frames=3) for path in (file, trained)
    )
    assert len(ours) == len(theirs) > 1
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(x, y)


def test_observations_of_another_shape_are_told(policy):
    for obs, words in (
        (np.zeros(4), r"obs is \[4\], CartPole-v1 takes \[N, 4\]; .* obs\[None\]"),
        (np.zeros((2, 3)), r"obs is \[2, 3\]"),
        (np.zeros(()), r"obs is \[\]"),
    ):
        with pytest.raises(EnvError, match=words):
            policy(obs)


def test_every_flipped_bit_is_found(file, tmp_path):
    data, path = file.read_bytes(), tmp_path / "flipped.safetensors"
    for bit in range(0, 8 * len(data), 97):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        refused(path)


def test_a_part_of_a_file_is_told(file, tmp_path):
    data, path = file.read_bytes(), tmp_path / "part.safetensors"
    for size in (0, 4, 8, 9, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        refused(path, "damaged|cannot be read")
    path.write_bytes(data + b"\0")
    refused(path, "damaged")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"[" * 100_000, "JSON that cannot be read"),
        (b'{"__metadata__":' + b'{"x":' * 50_000, "JSON that cannot be read"),
        (b"[]", "is no policy"),
        (b'{"__metadata__":[]}', "is no policy"),
        (b'{"__metadata__":{"jaxac.policy":7}}', "is no policy"),
        (b'{"__metadata__":{"jaxac.policy":"[1]"}}', "is no policy"),
        (b'{"__metadata__":{"jaxac.policy":"' + b"[" * 100_000 + b'"}}', "cannot be read"),
        (b'{"__metadata__":{"jaxac.policy":"{\\"format\\":1}"}}', "is damaged"),
        (
            b'{"__metadata__":{"jaxac.policy":"{\\"format\\":1,\\"sha256\\":\\"\\ud800\\"}"}}',
            "is damaged",
        ),
        (b"\xff\xfe", "JSON that cannot be read"),
        (b" " * (exported.MOST_HEADER + 1), "its header would be 1048577 bytes"),
    ],
)
def test_a_hostile_header_is_one_message(tmp_path, header, words):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    refused(path, words)


def test_what_is_no_policy_is_told(trained, tmp_path):
    (checkpoint,) = trained.glob("checkpoints/*")
    refused(checkpoint, "is no policy that `jaxac policy` exported")
    other = tmp_path / "other.safetensors"
    tensors.save_file({"x": np.zeros(3)}, other, {"format": "pt"})
    refused(other, "is no policy")
    refused(tmp_path / "gone.safetensors", "No such file")
    refused(tmp_path / "gone", "is not a run directory")


def deep(depth):
    return [deep(depth - 1)] if depth else []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run": "x"}, "its run is 'x'"),
        ({"wrappers": {}}, "its wrappers is '{}'"),
        ({"env": "CartPole-v2"}, "no environment 'CartPole-v2'"),
        ({"env": "MountainCar-v0"}, "does not fit jaxac"),
        ({"algorithm": "pqo"}, "no algorithm 'pqo'"),
        ({"wrappers": [deep(300)]}, "does not fit jaxac"),
        ({"wrappers": [7]}, "does not fit jaxac"),
        ({"hp": {}}, "expected a PPO"),
        ({"env_params": {"env.gravity": 1.0}}, "env_params: .* is missing"),
    ],
)
def test_a_forged_file_is_one_message(policy, tmp_path, changes, words):
    refused(forged(policy, tmp_path / "forged.safetensors", **changes), words)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("net.hidden", [10**30]),
        ("learning_rate", 10**400),
        ("learning_rate", {"op": "jaxac.cli.main:main"}),
        ("net", {"op": "jaxac.ops.credit:GAE"}),
        ("num_envs", -1),
    ],
)
def test_forged_hyper_parameters_are_one_message(policy, tmp_path, field, value):
    name, _, rest = field.partition(".")
    old = policy.about.hp[name]
    hp = {**policy.about.hp, name: {**old, rest: value} if rest else value}
    refused(forged(policy, tmp_path / "forged.safetensors", hp=hp), "does not fit jaxac")


@pytest.mark.parametrize("value", ["high", [1.0, 2.0], None, [[1.0], []], {"x": 1.0}])
def test_forged_env_params_are_one_message(policy, tmp_path, value):
    params = {**policy.about.env_params, "env.gravity": value}
    path = forged(policy, tmp_path / "forged.safetensors", env_params=params)
    refused(path, "does not fit jaxac")


def test_a_file_loads_no_code_on_its_own_word(policy, tmp_path, monkeypatch):
    """Modules that do not exist would be another message, had one been looked for."""
    path = tmp_path / "forged.safetensors"
    for changes in (
        {"algorithm": "evil_module:RECORD"},
        {"wrappers": ["evil_module:Wrapper"]},
        {"wrappers": [{"op": "evil_module:Wrapper"}]},
        {"hp": {**policy.about.hp, "surrogate": "evil_module:Clip"}},
        {"hp": {**policy.about.hp, "surrogate": {"op": "evil_module:Clip"}}},
    ):
        refused(forged(policy, path, **changes), "names code in 'evil_module'.*import it first")
    refused(forged(policy, path, env="os:abort"), "'os:abort', which is not called")
    refused(forged(policy, path, algorithm="os:abort"), "not a jaxac.record.Record")
    own = load_policy(forged(policy, path, env="evil_module:make"), env="CartPole-v1")
    assert own.env.unwrapped.name == "CartPole-v1"


def test_arrays_that_do_not_fit_are_named(policy, tmp_path):
    path, name = tmp_path / "forged.safetensors", "learner.params.params.head.bias"
    params = policy.state.learner.params["params"]

    def with_bias(bias):
        head = {**params["head"], "bias": bias}
        learner = replace(policy.state.learner, params={"params": {**params, "head": head}})
        return replace(policy.state, learner=learner)

    for bias, words in (
        (None, f"{name} is missing"),
        (jnp.zeros(3), rf"{name} is float32\[3\], not float32\[2\]"),
        (jnp.zeros(2, jnp.int32), rf"{name} is int32\[2\], not float32\[2\]"),
    ):
        refused(forged(policy, path, state=with_bias(bias)), words)


def test_another_version_is_told(policy, tmp_path):
    path = forged(policy, tmp_path / "old.safetensors", jaxac="0.0.9")
    with pytest.warns(UserWarning, match=r"written by jaxac 0\.0\.9; this is") as told:
        load_policy(path)
    assert Path(told[0].filename).name == "test_policy.py", "it points at the caller"
    hp = {k: v for k, v in policy.about.hp.items() if k != "op"}
    path = forged(policy, path, jaxac="0.0.9", hp={"op": "jaxac.algos:Old", **hp})
    refused(path, r"does not fit jaxac .*, and was written by jaxac 0\.0\.9: .*expected a PPO")


def test_another_format_is_told(policy, tmp_path, monkeypatch):
    path = tmp_path / "new.safetensors"
    monkeypatch.setattr(exported, "FORMAT", 2)
    exported.write(path, policy.about, policy.state)
    monkeypatch.undo()
    refused(path, "has format 2, this jaxac reads 1")


def test_the_same_version_warns_of_nothing(file):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_policy(file)


def test_a_run_that_is_not_there_is_told(trained, file):
    refused(trained, "has no run 9", run=9)
    refused(file, "has no run 2; it holds run 3", run=2)
    refused(file, "has no configuration 0; it holds configuration 1", config=0)
    assert load_policy(file, run=3, config=1).about.run == 3


def test_a_finished_run_whose_state_was_not_kept_is_told(trained, tmp_path):
    copied = shutil.copytree(trained, tmp_path / "copy")
    directory = RunDirectory.open(copied, writing=True)
    directory.drop_checkpoints(0)
    directory.close()
    refused(copied, "keeps no states of finished runs, so there is no policy of run 1", run=1)


def test_a_path_that_cannot_be_written_is_told(policy, tmp_path):
    with pytest.raises(StoreError, match="could not write"):
        policy.save(tmp_path / "nowhere" / "policy.safetensors")
    assert not any(tmp_path.iterdir())


def test_values_that_a_scheduler_changed_are_those_of_the_run():
    own = {"a": 0.1, "b": 0.2, "c": np.array([0.1, 0.2])}
    state_hp = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), own)
    assert policies._as_held(own, state_hp) == own
    changed = policies._as_held(own, {**state_hp, "b": jnp.float32(0.5)})
    assert (changed["a"], changed["b"]) == (0.1, 0.5)


# An algorithm of which acting reads a key and a bfloat16 weight, beside more than fits in memory.


@frozen
class Hp:
    bias: float = 1.0


@frozen
class State:
    hp: Hp
    env_params: dict
    key: object
    weight: object
    buffer: object


def hoarder():
    def reset(key, params):
        return jnp.int32(0), {"policy": jnp.zeros(2), "critic": jnp.zeros(5)}

    def step(key, t, action, params):
        flag = jnp.zeros((), bool)
        return t, TimeStep(reset(key, params)[1], 0.0, flag, flag)

    space = {"policy": Box((2,)), "critic": Box((5,))}
    env = Env("Hoard", reset, step, {"pay": 2.0}, space, Discrete(2), lambda params: 100)

    def init(key, hp, env_params):
        weight = jnp.full(3, 0.1, jnp.bfloat16)
        return State(hp, env_params, key, weight, jnp.zeros((2**20, 2**20)))

    def act(state, obs, carry=None, key=None):
        obs = obs["policy"]
        carry = jnp.zeros(obs.shape[0]) if carry is None else carry
        drawn = jax.random.uniform(state.key) + state.weight.sum().astype(jnp.float32)
        return obs.sum(1) + carry + drawn, carry + jnp.float32(1.0)

    def unused(state):
        return state, {}

    return env, algorithm(init, unused, lambda s: {}, act, lambda hp: 1, env.params)


def test_keys_and_every_dtype_come_back_and_nothing_large_is_allocated(policy, tmp_path):
    env, hoard = hoarder()
    like = jax.eval_shape(hoard.init, jax.random.key(0), Hp(), env.params)
    read, views = acting.only_read(hoard, env, like)
    assert exported.named(read).keys() == {"key", "weight"} and views["critic"] is None
    state = replace(read, key=jax.random.key(5), weight=jnp.full(3, 0.1, jnp.bfloat16))
    path = tmp_path / "hoard.safetensors"
    exported.write(path, policy.about, state)
    back = exported.restored(exported.read(path)[1], read)
    assert back.weight.dtype == jnp.bfloat16
    np.testing.assert_array_equal(jax.random.key_data(back.key), jax.random.key_data(state.key))
    own = Policy(policy.about, env, env.params, back, views, None, acting.decider(hoard, like))
    action, carry = own({"policy": np.ones((1, 2))})
    expected = jax.random.uniform(state.key) + state.weight.sum().astype(jnp.float32) + 2.0
    assert action[0] == expected and carry[0] == 1.0
    for obs in (np.ones((1, 2)), {"critic": np.ones((1, 5))}, {"policy": [[1, 1]], "x": [1]}):
        with pytest.raises(EnvError, match="obs of Hoard is a dict; a policy acts on policy"):
            own(obs)


def test_leaves_of_one_name_are_told():
    with pytest.raises(StoreError, match=r"two leaves of this pytree are called a\.b"):
        exported.named({"a": {"b": 1.0}, "a.b": 2.0})


def test_numbers_of_params_come_back_exactly():
    tree = {
        "a": jnp.float32(0.1),
        "b": jnp.array([jnp.inf, -0.0, jnp.nan]),
        "c": jnp.array([True, False]),
        "d": jnp.uint8(255),
    }
    held = json.loads(json.dumps(exported.values(tree), allow_nan=False))
    back = exported.with_values(acting.shapes(tree), held)
    for x, y in zip(jax.tree.leaves(tree), jax.tree.leaves(back), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
