"""Networks whose features and weights lie on unit hyperspheres.

Source: Lee et al. 2025, arXiv:2502.15280 (SimbaV2), section 4. Weights named `unit` have columns of
norm 1 when they are drawn; `Spherical` keeps them so.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxac.core import Scalar, Static, field, frozen
from jaxac.nets.initialise import orthogonal
from jaxac.nets.trunk import flat
from jaxac.ops.optimiser import Adam, Optimiser

EPS = 1e-8
EXPANSION = 4  # width within a block over that of the trunk
UNIT = "unit"


def on_sphere(x, axis: int = -1):
    """Vectors along `axis` scaled to norm 1; zero stays zero."""
    return x / jnp.maximum(jnp.linalg.norm(x, axis=axis, keepdims=True), EPS)


class _Linear(nn.Module):
    size: int

    @nn.compact
    def __call__(self, x):
        def draw(key, shape):
            return on_sphere(orthogonal()(key, shape), 0)

        return x @ self.param(UNIT, draw, (x.shape[-1], self.size))


class _Scale(nn.Module):
    start: float  # the factor at first
    stored: float  # the parameter's value at first: the smaller, the slower it moves

    @nn.compact
    def __call__(self, x):
        scale = self.param("scale", nn.initializers.constant(self.stored), x.shape[-1:])
        return x * scale * (self.start / self.stored)


@frozen
class Hypersphere:
    """A trunk of features of norm 1, moved in blocks towards what small networks say.

    Source: arXiv:2502.15280, eq. 7 to 12. The observation, beside a constant so that its size is
    kept, is put on the sphere, then mapped and scaled; a block goes a learned share of the way to
    its own output, and back onto the sphere.
    """

    width: Static[int] = field(512, "of the features", within="[1, inf)")
    num_blocks: Static[int] = field(2, "residual blocks", within="[0, inf)", search=(1, 2, 4))
    shift: Scalar = field(3.0, "the constant beside the observation", within="(0, inf)")

    def module(self, space):
        return _Sphere(len(space.shape), self)


class _Sphere(nn.Module):
    ndim: int
    plan: Hypersphere

    @nn.compact
    def __call__(self, obs):
        plan, x = self.plan, flat(jnp.asarray(obs, jnp.float32), self.ndim)
        wide, gain = EXPANSION * plan.width, math.sqrt(2.0 / plan.width)
        narrow = gain / math.sqrt(EXPANSION)
        share = 1.0 / (plan.num_blocks + 1)
        x = jnp.concatenate([x, jnp.broadcast_to(plan.shift, (*x.shape[:-1], 1))], axis=-1)
        x = on_sphere(_Scale(gain, gain)(_Linear(plan.width)(on_sphere(x))))
        for _ in range(plan.num_blocks):
            y = jax.nn.relu(_Scale(narrow, narrow)(_Linear(wide)(x))) + EPS
            y = on_sphere(_Linear(plan.width)(y))
            x = on_sphere(x + _Scale(share, plan.width**-0.5)(y - x))
        return x


@frozen
class SphereLayer:
    """A last layer: unit weights, a learned scale that begins at 1, unit weights and a shift.

    Source: arXiv:2502.15280, eq. 13 and 14.
    """

    def __call__(self, size):
        return _Last(size)


class _Last(nn.Module):
    size: int

    @nn.compact
    def __call__(self, x):
        x = _Scale(1.0, 1.0)(_Linear(x.shape[-1])(x))
        return _Linear(self.size)(x) + self.param("shift", nn.initializers.zeros, (self.size,))


@frozen
class Spherical:
    """Another optimiser's step, and then every `unit` weight back to columns of norm 1.

    Source: arXiv:2502.15280, section 4.4: the projection follows each gradient step.
    """

    inner: Optimiser = field(Adam(eps=1e-8), "the optimiser of the step")

    def __call__(self, learning_rate):
        return optax.chain(self.inner(learning_rate), _projection())


def _projection() -> optax.GradientTransformation:
    def update(updates, state, params=None):
        def leaf(path, step, param):
            if getattr(path[-1], "key", None) != UNIT:
                return step
            return on_sphere(param + step, -2) - param

        return jax.tree_util.tree_map_with_path(leaf, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
