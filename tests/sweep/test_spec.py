import dataclasses
import json

import jax
import pytest

import jaxac
from jaxac import config
from jaxac.envs import wrappers
from jaxac.errors import ConfigError, JaxacError, SweepError
from jaxac.fields import LogUniform, Uniform
from jaxac.sweep import configs, spec
from jaxac.sweep.schedulers import Halving

WORDS = {
    "algorithm": "ppo",
    "env": "CartPole-v1",
    "total_steps": 1000,
    "seeds": 2,
    "configs": 4,
    "fixed": {"num_envs": 8},
    "space": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
}
TOML = """
algorithm = "ppo"
env = "CartPole-v1"
total_steps = 1_000
seeds = 2
configs = 4
[space]
learning_rate = {low = 1e-4, high = 1e-2, log = true}
[fixed]
num_envs = 8
"""


def rows(**changes):
    sweep = spec.from_words({**WORDS, **changes}, "test")
    return configs.configs(sweep, [jaxac.make_env(env).params for _, env in sweep.tasks])


def test_the_same_sweep_from_toml_and_python_has_the_same_hash(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(TOML)
    python = jaxac.Sweep(
        algorithm="ppo",
        env="CartPole-v1",
        total_steps=1000,
        seeds=[0, 1],
        configs=4,
        fixed={"num_envs": 8},
        space={"learning_rate": LogUniform(1e-4, 1e-2)},
    )
    assert spec.from_toml(file).hash == python.hash
    assert spec.from_toml(file).name == "mine"


def test_the_hash_counts_what_changes_results_and_nothing_else():
    base = spec.from_words(WORDS, "test")
    for word, value in {"name": "x", "lanes": 3}.items():
        assert spec.from_words({**WORDS, word: value}, "test").hash == base.hash
    for word, value in {"seeds": 3, "total_steps": 2000, "sampler_seed": 1, "tuned": True}.items():
        assert spec.from_words({**WORDS, word: value}, "test").hash != base.hash


def test_configurations_carry_fixed_and_swept_values():
    found = rows()
    assert len(found) == 4
    for row in found:
        assert row.hp.num_envs == 8 and row.hp.total_steps == 1000
        assert row.hp.learning_rate == row.swept["learning_rate"]


def test_operators_and_schedules_are_swept_too():
    found = rows(
        configs=None,
        sampler="grid",
        space={
            "credit": ["GAE", {"op": "NStep", "n": 3}],
            "learning_rate": {"choices": [1e-3, {"op": "Linear", "start": 1e-3}]},
        },
    )
    assert [type(r.hp.credit).__name__ for r in found] == ["GAE", "GAE", "NStep", "NStep"]
    assert [type(r.hp.learning_rate).__name__ for r in found] == ["float", "Linear"] * 2


def test_tuned_starts_from_the_shipped_settings_and_fixed_wins():
    settings = jaxac.registry.tuned("ppo", "CartPole-v1")
    assert settings and settings["num_envs"] != 8
    (row,) = rows(tuned=True, configs=1, space={})
    assert row.hp.num_envs == 8 and row.hp.num_steps == settings["num_steps"]


def test_env_params_are_constants_or_axes():
    found = rows(env_params={"gravity": {"low": 5.0, "high": 15.0}, "length": 1})
    assert all(r.env_params.length == 1.0 for r in found)
    assert len({r.env_params.gravity for r in found}) == 4
    assert all(r.env_params.gravity == r.swept["env.gravity"] for r in found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"total_step": 5}, "did you mean total_steps"),
        ({"total_steps": 0}, "total_steps: 0 is not a whole number of at least 1"),
        ({"total_steps": "many"}, "total_steps"),
        ({"seeds": [1, 1]}, "names a seed twice"),
        ({"seeds": -1}, "seeds"),
        ({"seeds": [2**32]}, "2^32"),
        ({"sampler": "sobel"}, "did you mean sobol"),
        ({"fixed": 3}, "[fixed] is not a table"),
        ({"fixed": {"learning_rate": 1e-3}}, "both in [fixed] and in [space]"),
        ({"space": {}}, "they would be equal"),
        ({"sampler": "grid"}, "this grid has 5 points"),
        ({"configs": None}, "configs is missing"),
        ({"configs": 10**12}, "more than the 1,000,000"),
        ({"seeds": 10**12}, "seeds"),
        ({"seeds": range(10**12)}, "seeds"),
        ({"total_steps": 10**12}, "total_steps"),
        ({"env_params": {"gravity": True}}, "is not an axis"),
        (
            {"sampler": "grid", "space": {"gamma": {"low": 0.1, "high": 0.2, "num": 10**9}}},
            "more than the 1,000,000",
        ),
        ({"space": {"gamma": {"low": 0.1, "high": 0.2, "num": 3}}}, "num belongs to a grid"),
        ({"configs": 600_000, "seeds": 2}, "more than the 1,000,000"),
        ({"env_params": {"gravitas": 3.0}}, "did you mean gravity"),
        ({"fixed": {"surrogate.low": 1.5}}, "surrogate.low: 1.5 is outside the valid range [0, 1]"),
        ({"fixed": {"surogate.low": 0.1}}, "did you mean surrogate"),
        ({"fixed": {"num_envs": 2.5}}, "num_envs"),
        ({"space": {"credit.lam": {"low": 0.5, "high": 1.5}}}, "credit.lam"),
        ({"space": {"learnin_rate": {"low": 0.5, "high": 1.5}}}, "did you mean learning_rate"),
        ({"algorithm": "pppo"}, "did you mean ppo"),
        ({"algorithm": ["ppo", "ppo"]}, "names one twice"),
        ({"env": []}, "neither a name nor a list of names"),
        ({"env": ["CartPole-v1", 3]}, "env: 3 is not a string"),
        ({"configs": [{"gamma": 0.9}]}, "[space] has nothing to say"),
        ({"configs": [], "space": {}}, "configs: the list is empty"),
        ({"configs": [3], "space": {}}, "configs: 3 is not a table"),
        ({"configs": [{"num_envs": 4}], "space": {}}, "both in [fixed] and in configs"),
        ({"configs": [{"gama": 0.9}], "space": {}}, "did you mean gamma"),
        ({"scheduler": "Halvin"}, "did you mean Halving"),
        ({"scheduler": {"op": "Halving", "eta": 1.0}}, "scheduler.eta: 1 is outside"),
    ],
)
def test_a_wrong_sweep_is_refused_with_the_mend(change, words):
    with pytest.raises(JaxacError) as caught:
        rows(**change)
    assert words in str(caught.value)


def test_a_missing_word_and_an_unreadable_file_are_named(tmp_path):
    with pytest.raises(SweepError, match="'env' is missing"):
        spec.from_words({"algorithm": "ppo"}, "x.toml")
    with pytest.raises(SweepError, match=r"cannot read the sweep file nothing\.toml"):
        spec.from_toml("nothing.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("algorithm = ")
    with pytest.raises(SweepError, match="not valid TOML"):
        spec.from_toml(bad)
    bad.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SweepError, match="not UTF-8"):
        spec.from_toml(bad)


def test_points_may_be_given_one_by_one():
    found = rows(
        configs=[{"gamma": 0.9, "env.gravity": 5.0}, {"credit": {"op": "NStep", "n": 2}}], space={}
    )
    assert [r.hp.gamma for r in found] == [0.9, 0.99]
    assert found[0].env_params.gravity == 5.0 and found[1].hp.credit.n == 2
    assert found[0].swept == {"env.gravity": 5.0, "gamma": 0.9}


PRODUCT = """
algorithm = ["ppo", "a2c"]
env = ["CartPole-v1", "Acrobot-v1"]
total_steps = 1000
sampler = "grid"
scheduler = {op = "Halving", eta = 2}
[space]
gamma = [0.9, 0.99]
"surrogate.low" = {choices = [0.1, 0.2], when = {algorithm = "ppo"}}
[env_params]
gravity = {choices = [5.0], when = {env = "CartPole-v1"}}
"""


def test_algorithms_and_environments_multiply_and_conditions_tell_them_apart(tmp_path):
    file = tmp_path / "product.toml"
    file.write_text(PRODUCT)
    sweep = spec.from_toml(file)
    found = configs.configs(sweep, [jaxac.make_env(env).params for _, env in sweep.tasks])
    assert [r.task for r in found] == [0] * 4 + [1] * 4 + [2] * 2 + [3] * 2
    assert all("surrogate.low" in r.swept for r in found[:8])
    assert not any("surrogate.low" in r.swept for r in found[8:])
    on_cart = [r.env_params.gravity for r in found if r.swept["env"] == "CartPole-v1"]
    assert on_cart == [5.0] * 6
    python = jaxac.Sweep(
        algorithm=("ppo", "a2c"),
        env=["CartPole-v1", "Acrobot-v1"],
        total_steps=1000,
        sampler="grid",
        scheduler=Halving(eta=2.0),
        space={
            "gamma": [0.9, 0.99],
            "surrogate.low": {"choices": [0.1, 0.2], "when": {"algorithm": "ppo"}},
        },
        env_params={"gravity": {"choices": [5.0], "when": {"env": "CartPole-v1"}}},
    )
    assert python.hash == sweep.hash
    again = spec.from_words(config.numbers(json.loads(json.dumps(sweep.to_json()))), "manifest")
    assert again.hash == sweep.hash


def test_the_whole_space_is_checked_before_anything_runs():
    with pytest.raises(ConfigError, match="num_epochs"):
        rows(configs=None, sampler="grid", space={"num_epochs": [1, 2, 0]})


def test_the_shipped_quickstart_is_what_the_readme_says():
    sweep = spec.from_toml("quickstart")
    found = configs.configs(sweep, [jaxac.make_env("CartPole-v1").params])
    assert (len(found), len(sweep.seed_list), sweep.total_steps) == (16, 4, 100_000)
    assert set(sweep.space) == {"learning_rate", "entropy_coef", "credit.lam", "net.hidden"}


def test_the_order_of_names_does_not_matter():
    """Axes are sampled in alphabetical order, so a sweep read back from JSON is the same."""
    space = {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "credit.lam": {"low": 0.8, "high": 1.0, "log": False},
        "net.hidden": [[8], [16]],
    }
    backwards = dict(reversed(space.items()))
    one, two = (spec.from_words({**WORDS, "space": x}, "test") for x in (space, backwards))
    assert one.hash == two.hash
    assert [r.swept for r in rows(space=space)] == [r.swept for r in rows(space=backwards)]
    short = {**space, "credit.lam": {"low": 0.8, "high": 1.0}}
    assert spec.from_words({**WORDS, "space": short}, "test").hash == one.hash


def test_an_operator_of_another_package_is_named_by_its_module():
    (row,) = rows(configs=1, space={}, fixed={"surrogate": "tests.sweep.tiny:Push"})
    assert type(row.hp.surrogate).__name__ == "Push"
    with pytest.raises(ConfigError, match="cannot import no_such_module"):
        rows(fixed={"surrogate": "no_such_module:Push"})


@pytest.mark.parametrize("where", ["fixed", "space"])
@pytest.mark.parametrize("word", ["num_updates", "total_steps"])
def test_what_a_sweep_sets_itself_cannot_be_set(where, word):
    with pytest.raises(SweepError, match=f"{word}: a sweep sets it itself"):
        rows(**{where: {word: [1, 2] if where == "space" else 1}})


def test_a_count_among_env_params_stays_whole():
    (row,) = rows(configs=1, space={}, env_params={"max_steps_in_episode": 50.0})
    assert row.env_params.max_steps_in_episode == 50
    assert isinstance(row.env_params.max_steps_in_episode, int)
    with pytest.raises(ConfigError, match=r"3\.7 is not a whole number"):
        rows(configs=1, space={}, env_params={"max_steps_in_episode": 3.7})


WRAPPED = """
algorithm = "ppo"
env = "CartPole-v1"
total_steps = 1000
configs = 4
wrappers = ["TimeAware", {op = "StickyActions", prob = 0.5}, "ClipReward(low=0)"]
[env_params]
"StickyActions.prob" = {low = 0.0, high = 0.5}
"ClipReward.high" = 2
gravity = 12.0
"""


def test_wrappers_are_the_same_words_in_toml_and_python(tmp_path):
    file = tmp_path / "wrapped.toml"
    file.write_text(WRAPPED)
    some = [
        wrappers.TimeAware(),
        {"op": "jaxac.envs.wrappers:StickyActions", "prob": 0.5},
        wrappers.ClipReward(low=0),
    ]
    python = jaxac.Sweep(
        algorithm="ppo",
        env="CartPole-v1",
        total_steps=1000,
        configs=4,
        wrappers=some,
        env_params={
            "StickyActions.prob": Uniform(0.0, 0.5),
            "ClipReward.high": 2,
            "gravity": 12.0,
        },
    )
    toml = spec.from_toml(file)
    assert toml.hash == python.hash and toml.wrappers == python.wrappers
    assert toml.to_json()["wrappers"] == [
        {"op": "TimeAware"},
        {"op": "StickyActions", "prob": 0.5},
        {"op": "ClipReward", "low": 0.0, "high": 1.0},
    ]
    backwards = dataclasses.replace(toml, wrappers=toml.wrappers[::-1])
    assert backwards.hash != toml.hash, "the order of wrappers changes results"
    again = spec.from_words(config.numbers(json.loads(json.dumps(toml.to_json()))), "manifest")
    assert again == toml and again.hash == toml.hash


def test_params_of_the_environment_and_of_wrappers_are_set_side_by_side(tmp_path):
    file = tmp_path / "wrapped.toml"
    file.write_text(WRAPPED)
    sweep = spec.from_toml(file)
    env = jaxac.make_env(sweep.env, sweep.wrappers)
    found = configs.configs(sweep, [env.params])
    for row in found:
        assert row.env_params.env.gravity == 12.0
        _, sticky, clip = row.env_params.wrappers
        assert sticky.prob == row.swept["env.StickyActions.prob"] and clip.high == 2.0
    assert len({r.swept["env.StickyActions.prob"] for r in found}) == 4
    assert len({jax.tree.structure(r.env_params) for r in found}) == 1


def test_a_sweep_without_wrappers_keeps_the_hash_it_had_before_there_were_any():
    sweep = spec.from_words(WORDS, "test")
    words = sweep.to_json()
    assert words.pop("wrappers") == []
    assert words.pop("scheduler")["op"].endswith(":Everything")
    for word in ("name", "lanes"):
        words.pop(word)
    assert sweep.hash == config.stable_hash(words)
    assert spec.from_words({**WORDS, "wrappers": []}, "test").hash == sweep.hash
    assert spec.from_words({**WORDS, "wrappers": ["SignReward"]}, "test").hash != sweep.hash


def test_tuned_settings_are_those_of_the_environment_under_the_wrappers():
    sweep = spec.from_words(
        {**WORDS, "tuned": True, "configs": 1, "space": {}, "wrappers": ["SignReward"]}, "test"
    )
    (row,) = configs.configs(sweep, [jaxac.make_env(sweep.env, sweep.wrappers).params])
    assert row.hp.num_steps == jaxac.registry.tuned("ppo", "CartPole-v1")["num_steps"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"wrappers": "TimeAware"}, """is not a list such as ["TimeAware"]"""),
        ({"wrappers": ["TimeAwar"]}, "did you mean TimeAware"),
        ({"wrappers": [{"op": "FrameStack", "nun": 2}]}, "did you mean wrappers.FrameStack.num"),
        ({"wrappers": [{"op": "FrameStack", "num": 0}]}, "wrappers.FrameStack.num: 0 is outside"),
        ({"env_params": {"TimeAware.limit": 3}}, "env.TimeAware.limit: no such environment param"),
    ],
)
def test_wrong_wrappers_are_refused_with_the_mend(change, words):
    with pytest.raises(JaxacError) as caught:
        rows(**change)
    assert words in str(caught.value)
