"""Decision S4: a policy on a state-space memory, fitted to episodes, then trained by acting.

Source: Bar-David, Zimerman, Nachmani & Wolf 2023, "Decision S4: Efficient Sequence-Based RL via
State Spaces Layers", ICLR 2023, arXiv:2306.05167. First, off policy, `fit`: the actions of whole
episodes are made likely, given what was seen and what was still to be earned (`ReturnToGo`); the
memory is one convolution. Then, on policy, `begin`, and this `Algorithm`: the memory is recurrent,
its state spaces stay as they were fitted, and the policy rests while the critic learns alone.
Against `recurrent_ppo`: policy and value have a memory each, `S4D`; the policy learns in one update
of `policy_every`, in all but what is `held`. With `policy_every` 1 and `Nothing` held it is
`recurrent_ppo` (`pytest tests/algos/on_policy/test_decision_s4.py`).
Departs from the paper: PPO in place of its actor-critic, which is deterministic and replays;
diagonal state spaces, S4D, in place of S4, one block of them unless `Stacked`; likelihood in place
of squared distance; the last action is seen where the environment shows it (`LastStep`); the return
that is asked for is the environment's param, which nothing raises; moments of the optimiser fade
while the policy rests.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.algos.on_policy import ppo
from jaxac.core import Algorithm, Flag, Key, Metrics, Params, Static, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.nets.actor_critic import Network
from jaxac.nets.memory import S4D
from jaxac.nets.recurrent import TwoMemories
from jaxac.ops.held import Held, StateSpaces
from jaxac.ops.minibatch import ShuffleEnvironments
from jaxac.ops.optimiser import only
from jaxac.runners import advantage, cloning, on_policy
from jaxac.runners.advantage import Learner, Parts, Rollout

CRITIC = ("critic", "value")  # parts of the parameters; all others are the policy's


@frozen
class DecisionS4(ppo.PPO):
    """Hyper-parameters of the on-policy stage."""

    held: Held = field(StateSpaces(), "what of the policy stays as it was fitted")
    policy_every: Static[int] = field(
        2, "updates of the critic to one of the policy, the last of them", within="[1, inf)"
    )


def decision_s4(**changes: Any) -> DecisionS4:
    """The settings as a `DecisionS4`; `changes` override fields by name."""
    base = DecisionS4(net=TwoMemories(core=S4D()), minibatches=ShuffleEnvironments())
    return replace(base, **changes)


fit = cloning.fit


def begin(state: on_policy.State, params: Params) -> on_policy.State:
    """A run that has not learned yet, with the parameters that `fit` found."""
    return replace(state, learner=replace(state.learner, params=params))


def learning(held: Held, params: Params, turn: Flag) -> dict[str, Any]:
    """Of each leaf, whether it learns in this update, which is the policy's `turn` or not."""

    def of(name: str, part: Params) -> Any:
        if name in CRITIC:
            return jax.tree.map(lambda x: np.True_, part)
        return jax.tree.map(lambda stays: turn & ~stays, held(part))

    return {name: of(name, part) for name, part in params.items()}


def learn(
    built: Parts, hp: DecisionS4, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """The update of `ppo`, of what learns in it."""
    before, update = learner.memory, learner.memory["update"]
    turn = (update + 1) % hp.policy_every == 0
    optimiser = only(built.optimiser, learning(hp.held, learner.params, turn))
    learner, units, metrics = ppo.learn(
        built._replace(optimiser=optimiser), hp, key, learner, rollout
    )
    # A rest goes nowhere, which is not news of how far updates go.
    memory = jax.tree.map(lambda new, old: jnp.where(turn, new, old), learner.memory, before)
    memory["update"] = update + 1
    return replace(learner, memory=memory), units, metrics


def remember(key: Key, hp: DecisionS4, params: Params, obs: Any) -> dict[str, Any]:
    """Before the first update."""
    return {**ppo.remember(key, hp, params, obs), "update": jnp.int32(0)}


def check(hp: DecisionS4, net: Network) -> None:
    """`ppo.check`, and raise `ConfigError` for a network that does not see whole episodes."""
    ppo.check(hp, net)
    cloning.check(hp, net)


def make(env: Env) -> Algorithm:
    """The on-policy stage on `env`. `init` raises what PPO's does, and what `check` does."""
    return advantage.make(env, learn, check, remember)
