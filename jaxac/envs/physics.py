"""Physical constants as traced params, one class for every suite on a physics engine."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxac.core import Int, Scalar, field, frozen

MUSCLE = 2  # MuJoCo's mjGAIN_MUSCLE and mjBIAS_MUSCLE
MUSCLE_FORCE = (2, 3)  # of a muscle's params, its peak force and what scales an automatic one


@frozen
class Physics:
    """Traced params of a simulated robot; each is an axis of a sweep, or drawn for each run."""

    gravity: Scalar = field(-9.81, "vertical acceleration, m/s^2", within="(-inf, inf)")
    mass: Scalar = field(1.0, "factor of every body's mass and inertia", within="(0, inf)")
    friction: Scalar = field(1.0, "factor of every friction coefficient", within="[0, inf)")
    gain: Scalar = field(1.0, "factor of every actuator's force", within="[0, inf)")
    max_steps: Int | int = field(
        1000, "steps after which an episode is truncated", within="[1, inf)"
    )


def physics_of(model: Any, max_steps: int) -> Physics:
    """The constants that a MuJoCo, MJX or Brax model stands for."""
    return Physics(gravity=float(model.opt.gravity[2]), max_steps=max_steps)


def with_physics(model: Any, physics: Physics) -> Any:
    """An `mjx.Model` under other constants.

    `gain` scales an actuator's force and the range it is clipped to. What MuJoCo derives from
    masses when it compiles a model (`invweight0`, which softens constraints) stays as it was, and
    so does the inertia that joints add (`armature`).
    """
    gravity = jnp.asarray(model.opt.gravity).at[2].set(physics.gravity)
    gains, biases = model.actuator_gaintype, model.actuator_biastype
    return model.tree_replace(
        {
            "opt.gravity": gravity,
            "body_mass": model.body_mass * physics.mass,
            "body_subtreemass": model.body_subtreemass * physics.mass,
            "body_inertia": model.body_inertia * physics.mass,
            "geom_friction": model.geom_friction * physics.friction,
            "pair_friction": model.pair_friction * physics.friction,
            "actuator_gainprm": _stronger(gains, model.actuator_gainprm, physics.gain),
            "actuator_biasprm": _stronger(biases, model.actuator_biasprm, physics.gain),
            "actuator_forcerange": model.actuator_forcerange * physics.gain,
        }
    )


def _stronger(
    kinds: np.ndarray, prm: Float[Array, "actuators numbers"], gain: Scalar
) -> Float[Array, "actuators numbers"]:
    """Gain or bias params whose force is `gain` times theirs."""
    shape = np.isin(np.arange(prm.shape[1]), MUSCLE_FORCE, invert=True)
    kept = (np.asarray(kinds) == MUSCLE)[:, None] & shape
    return prm * jnp.where(kept, 1.0, gain)


def time_limit(physics: Physics) -> Int | int:
    """Steps after which an episode is truncated."""
    return physics.max_steps
