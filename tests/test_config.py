import dataclasses
import json
import math
import subprocess
import sys
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy.ppo import PPO
from jaxac.config import canonical, configure, fields, from_json, operators, stable_hash, to_json
from jaxac.core import Scalar, Static, field, frozen, is_static
from jaxac.errors import ConfigError
from jaxac.nets import MLP, SharedTrunk, TwoTrunks
from jaxac.nets.activation import ReLU, Tanh
from jaxac.ops.credit import GAE, NStep
from jaxac.ops.normalise import Standard
from jaxac.ops.optimiser import RMSProp
from jaxac.ops.schedule import Cosine, Linear
from jaxac.ops.surrogate import Clip, Ratio
from jaxac.runners.advantage import Norm


@runtime_checkable
class Shape(Protocol):
    """A role of a package that is not jaxac."""

    def area(self) -> Scalar: ...


@frozen
class Square:
    side: Scalar = field(1.0, "length", within="(0, inf)")

    def area(self):
        return self.side**2


@frozen
class Circle:
    radius: Scalar = field(1.0, "length", within="(0, inf]")

    def area(self):
        return math.pi * self.radius**2


@frozen
class NoDefault:
    """Meets the protocol, but cannot be made from its name."""

    radius: Scalar

    def area(self):
        return self.radius


@frozen
class Plot:
    shape: Shape = field(Square(), "what is drawn")
    limits: Static[tuple[float, ...]] = field((0.0, 1.0), "axes")
    title: Static[str] = field("plain", "text above")
    grid: Static[bool] = field(False, "whether lines are drawn")
    scale: Scalar = field(1.0, "factor", within="(-inf, inf]")


def test_dotted_paths_change_fields_and_nothing_else():
    base = PPO()
    hp = configure(base, {"surrogate.low": 0.1, "net.hidden": [8, 4], "num_envs": 2, "gamma": 0.9})
    assert (hp.surrogate.low, hp.net.hidden, hp.num_envs, hp.gamma) == (0.1, (8, 4), 2, 0.9)
    changed = {x.path for x, y in zip(fields(hp), fields(base), strict=True) if x.value != y.value}
    assert changed == {"surrogate", "surrogate.low", "net", "net.hidden", "num_envs", "gamma"}
    assert base == PPO()


def test_changes_apply_in_order_so_that_an_operator_comes_before_its_fields():
    hp = configure(PPO(), {"credit": "NStep", "credit.n": 3})
    assert hp.credit == NStep(3)
    with pytest.raises(ConfigError, match=r"credit\.n: GAE has no such field"):
        configure(PPO(), {"credit.n": 3, "credit": "NStep"})


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("surrogate.lwo", "did you mean surrogate.low"),
        ("surogate.low", "did you mean surrogate.low"),
        ("learning_rat", "did you mean learning_rate?"),
        ("norm.ob", "did you mean norm.obs"),
    ],
)
def test_a_typo_names_the_closest_field(path, near):
    with pytest.raises(ConfigError) as error:
        configure(PPO(), {path: 1.0})
    assert "has no such field" in str(error.value) and near in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("learning_rate", True, "learning_rate: True is not a number; step size"),
        ("learning_rate", None, "None is not a number"),
        ("learning_rate", [1e-3], "is not a number"),
        ("learning_rate", GAE(), "GAE does not fit here; there are Cosine, Linear"),
        ("learning_rate", "fast", "there is no operator 'fast'; there are Cosine, Linear"),
        ("gamma.x", 1.0, "gamma is 0.99, which has no fields"),
        ("surrogate", 0.2, "0.2 is not an operator; it is now Clip"),
        (
            "surrogate",
            GAE(),
            "GAE does not fit here; there are AdvantageWeighted, Clip, Plain",
        ),
        (
            "surrogate",
            "GAE",
            "there is no operator 'GAE'; there are AdvantageWeighted, Clip",
        ),
        ("surrogate", "jaxac.ops.credit:GAE", "there is no operator"),
        ("surrogate", "ratio", "did you mean Ratio?"),
        ("surrogate", {"low": 0.1}, "an operator is a table such as"),
        ("surrogate", {"op": "Clip", "lo": 0.1}, "surrogate.lo: Clip has no such field"),
        ("net.hidden", 8, "net.hidden: 8 is not a list"),
        ("net.hidden", "88", "is not a list"),
        ("net.hidden", [8.5], "8.5 is not of type int"),
        ("net.hidden", [True], "True is not of type int"),
        ("num_envs", 2.5, "2.5 is not of type int"),
        ("num_envs", True, "True is not of type int"),
        ("num_envs", "4", "'4' is not of type int"),
    ],
)
def test_a_wrong_type_is_an_error_that_names_the_field(path, value, message):
    with pytest.raises(ConfigError) as error:
        configure(PPO(), {path: value})
    assert str(error.value).startswith(path) and message in str(error.value)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"surrogate.low": 1.5}, "surrogate.low"),
        ({"surrogate": {"op": "Clip", "low": 1.5}}, "surrogate.low"),
        ({"surrogate.low": {"op": "Linear", "start": 1.5}}, "surrogate.low"),
        ({"net.hidden": [8, 0]}, "net.hidden"),
        ({"num_envs": 0}, "num_envs"),
        ({"gamma": float("nan")}, "gamma"),
    ],
)
def test_a_number_out_of_range_names_the_dotted_path_and_the_range(changes, path):
    with pytest.raises(ConfigError, match="outside the valid range") as error:
        configure(PPO(), changes)
    assert error.value.path == path


def test_an_operator_is_given_as_itself_by_name_or_as_a_table():
    for given in (Clip(low=0.3), {"op": "Clip", "low": 0.3}, {"op": "jaxac.ops.surrogate:Clip"}):
        want = Clip() if given == {"op": "jaxac.ops.surrogate:Clip"} else Clip(low=0.3)
        assert configure(PPO(), {"surrogate": given}).surrogate == want
    assert configure(PPO(), {"surrogate": "Ratio"}).surrogate == Ratio()
    assert configure(
        PPO(), {"norm": {"op": "Norm", "obs": {"op": "Standard", "clip": 5}}}
    ).norm == (Norm(obs=Standard(clip=5.0)))
    table = {"op": "TwoTrunks", "actor.hidden": [3], "critic.activation": "ReLU"}
    assert configure(PPO(), {"net": table}).net == TwoTrunks(MLP((3,)), MLP(activation=ReLU()))


def test_a_schedule_may_stand_for_a_number_and_a_number_for_a_schedule():
    table = {"op": "Linear", "start": 3e-4, "end": 0}
    hp = configure(PPO(), {"learning_rate": table, "surrogate.low": "Cosine"})
    assert hp.learning_rate == Linear(3e-4, 0.0) and hp.surrogate.low == Cosine()
    assert configure(hp, {"learning_rate.start": 1}).learning_rate == Linear(1.0, 0.0)
    assert configure(hp, {"learning_rate": 0.5}).learning_rate == 0.5


def test_numbers_take_their_declared_type():
    hp = configure(
        PPO(), {"gamma": 1, "num_envs": 8.0, "num_steps": np.int64(3), "net.value_gain": 2}
    )
    got = hp.gamma, hp.num_envs, hp.num_steps, hp.net.value_gain
    assert got == (1.0, 8, 3, 2.0)
    assert [type(x) for x in got] == [float, int, int, float]
    assert isinstance(configure(PPO(), {"net.hidden": [8, 4]}).net.hidden, tuple)


def test_fields_lists_every_field_once_with_its_kind():
    rows = {x.path: x for x in fields(PPO())}
    assert len(rows) == len(list(fields(PPO())))
    assert rows["surrogate"].kind == "operator" and rows["surrogate.low"].kind == "traced"
    assert rows["num_envs"].kind == "static" and rows["net.activation"].value == Tanh()
    assert list(rows).index("surrogate") + 1 == list(rows).index("surrogate.low")
    assert str(rows["surrogate.low"].meta.within) == "[0, 1]"


def test_every_field_of_ppo_and_of_what_stands_in_its_slots_is_documented():
    assert [x.path for x in fields(PPO()) if not x.meta.doc] == []


def test_operators_of_a_slot_are_those_that_meet_its_protocol():
    slots = {f.name: f for f in dataclasses.fields(PPO()) if not is_static(f)}
    names = {k: set(operators(f)) for k, f in slots.items()}
    assert names["learning_rate"] == {"Linear", "Cosine"}
    assert names["credit"] >= {"GAE", "NStep", "VTrace"}
    assert names["surrogate"] >= {"Plain", "Ratio", "Clip"}
    assert names["net"] >= {"ActorCritic", "SharedTrunk", "TwoTrunks"} and "MLP" not in names["net"]
    assert not names["credit"] & names["surrogate"] and "Moments" not in names["norm"]


def test_a_slot_of_another_package_takes_the_operators_of_its_own_module():
    assert configure(Plot(), {"shape": "Circle", "shape.radius": 2}).shape == Circle(2.0)
    with pytest.raises(ConfigError, match="there are Circle, Square"):
        configure(Plot(), {"shape": "NoDefault"})


CONFIGURATIONS = {
    "ppo": PPO(),
    "infinite": PPO(target_kl=math.inf, max_grad_norm=math.inf),
    "other operators": PPO(
        credit=NStep(7),
        surrogate=Clip(Linear(0.2, 0.0), 0.3),
        norm=Norm(Standard(clip=math.inf)),
        optimiser=RMSProp(),
        net=TwoTrunks(MLP((3,), ReLU()), MLP(())),
    ),
    "numpy and jax numbers": PPO(
        learning_rate=np.float64(0.25), target_kl=np.float64(math.inf), gamma=jnp.float32(0.5)
    ),
    "not of jaxac": Plot(Circle(math.inf), (-math.inf, 2.0), "inf and beyond", True, -1.5),
}


@pytest.mark.parametrize("hp", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_json_round_trip_gives_equal_structure_and_leaves(hp):
    text = canonical(to_json(hp))
    back = from_json(json.loads(text), type(hp)())
    assert jax.tree.structure(back) == jax.tree.structure(hp)
    assert jax.tree.leaves(back) == jax.tree.leaves(hp)
    assert canonical(to_json(back)) == text


def test_json_of_whole_numbers_equals_that_of_floats():
    assert canonical(to_json(PPO(gamma=1, credit=GAE(1)))) == canonical(
        to_json(PPO(gamma=1.0, credit=GAE(1.0)))
    )
    infinite = jnp.float32(math.inf), np.float64(math.inf), math.inf
    assert {canonical(to_json(PPO(target_kl=x))) for x in infinite} == {canonical(to_json(PPO()))}


def test_hash_ignores_key_order_and_tells_values_and_classes_apart():
    data = to_json(PPO())
    assert stable_hash(data) == stable_hash(dict(reversed(data.items())))
    assert len(stable_hash(data)) == 16 and int(stable_hash(data), 16) >= 0
    variants = [
        PPO(),
        PPO(gamma=0.9),
        PPO(num_envs=8),
        PPO(surrogate=Clip(low=0.1)),
        PPO(surrogate=Ratio()),
        PPO(net=SharedTrunk()),  # the very fields of ActorCritic
    ]
    assert len({stable_hash(to_json(x)) for x in variants}) == len(variants)
    # printf '{"a":[1,2.5,"x"],"b":1}' | sha256sum
    assert stable_hash({"b": 1, "a": [1, 2.5, "x"]}) == "169e17f8f54ae360"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("surrogate", "antigravity:Clip"),  # a module that exists and is not imported
        ("surrogate", "os:system"),
        ("surrogate", "subprocess:Popen"),
        ("surrogate", "jaxac.ops.normalise:Moments"),
        ("learning_rate", "antigravity:Linear"),
    ],
)
def test_from_json_loads_no_code(path, name):
    for given in ({"op": name}, name):
        with pytest.raises(ConfigError, match="there is no operator"):
            from_json({**to_json(PPO()), path: given}, PPO())
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("data", [{}, {"op": "PPO"}, {"op": "os:PPO"}, [], "PPO", None, {"op": 3}])
def test_from_json_wants_the_class_of_its_example(data):
    with pytest.raises(ConfigError, match="expected a PPO"):
        from_json(data, PPO())


def test_from_json_refuses_unknown_fields_and_values_out_of_range():
    data = to_json(PPO())
    with pytest.raises(ConfigError, match="speed: PPO has no such field"):
        from_json({**data, "speed": 1.0}, PPO())
    with pytest.raises(ConfigError, match="outside the valid range"):
        from_json({**data, "surrogate": {"op": "Clip", "low": 3.0}}, PPO())


def test_json_is_read_in_a_process_that_imported_nothing_but_the_algorithm():
    """Schedules are imported by no algorithm; the slot itself knows where its operators live."""
    text = canonical(to_json(PPO(learning_rate=Linear(1.0, 0.5), net=SharedTrunk((8,)))))
    code = (
        "import json, sys\n"
        "from jaxac.algos.on_policy.ppo import PPO\n"
        "from jaxac.config import from_json, stable_hash, to_json\n"
        "print(stable_hash(to_json(from_json(json.loads(sys.argv[1]), PPO()))))"
    )
    ran = subprocess.run([sys.executable, "-c", code, text], capture_output=True, text=True)
    assert ran.stdout.strip() == stable_hash(json.loads(text)), ran.stderr
