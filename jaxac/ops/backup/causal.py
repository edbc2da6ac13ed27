"""The target of SAC; beside it, what each dimension of an action does to the reward."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Int, Scalar, Static, field, frozen
from jaxac.envs.contract import view
from jaxac.ops.backup.contract import OneStep

LEAST_STD = 1e-6  # what varies less is rounding, and has no effect


class Effects(NamedTuple):
    """What is known of observation, action and reward together, D numbers."""

    mean: Float[Array, " D"]
    cov: Float[Array, "D D"]
    weight: Float[Array, " A"]
    step: Int


@frozen
class Causal:
    """The target of SAC; beside it, what each dimension of an action is worth in entropy."""

    window: Scalar = field(10_000, "transitions that are looked back on", within="[1, inf)")
    ridge: Scalar = field(1e-3, "added to each variance, in units of itself", within="(0, inf)")
    sharpness: Scalar = field(
        1.0, "of the softmax, per unit of reward; 0 weighs dimensions alike", within="[0, inf)"
    )
    num_iterations: Static[int] = field(32, "of conjugate gradients", within="[1, inf)")

    def init(self, key, obs, action, num):
        rows = joined(obs, action, jnp.zeros(action.shape[0]))
        size = rows.shape[1]
        known = jnp.zeros(size), jnp.zeros((size, size))
        return Effects(*known, jnp.ones(action.shape[1]), jnp.int32(0))

    def __call__(self, key, memory, nets, batch):
        return OneStep()(key, (), nets, batch)

    def learn(self, key, memory, nets, batch):
        rows, num = joined(batch.obs, batch.action, batch.reward), batch.action.shape[1]
        share = jnp.clip(rows.shape[0] / self.window, 1.0 / (memory.step + 1), 1.0)
        mean = rows.mean(0)
        apart = mean - memory.mean
        cov = (rows - mean).T @ (rows - mean) / rows.shape[0]
        cov = (1.0 - share) * memory.cov + share * (cov + (1.0 - share) * jnp.outer(apart, apart))
        size = jnp.abs(self.effects(cov)[-num:])
        weight = num * jax.nn.softmax(self.sharpness * size)
        memory = Effects(memory.mean + share * apart, cov, weight, memory.step + 1)
        return memory, {"largest_weight": weight.max()}

    def effects(self, cov: Float[Array, "D D"]) -> Float[Array, " D-1"]:
        """What the last number changes by, per unit of each of the others, from a covariance."""
        std = jnp.sqrt(jnp.diag(cov))
        std = jnp.where(std > LEAST_STD, std, 1.0)
        share = cov / std / std[:, None]
        matrix = share[:-1, :-1] + self.ridge * jnp.eye(len(std) - 1)
        found, _ = jax.scipy.sparse.linalg.cg(
            lambda x: matrix @ x, share[:-1, -1], tol=1e-6, maxiter=self.num_iterations
        )
        return found * std[-1] / std[:-1]


def joined(obs: Any, action: Array, reward: Array) -> Float[Array, "B D"]:
    """Observation (of the policy), action and reward side by side."""
    obs = view(obs, "policy").reshape(action.shape[0], -1)
    return jnp.concatenate([obs, action, reward[:, None]], axis=1)
