"""Physical constants as traced params, one class for every suite on a physics engine."""

from typing import Any

import jax.numpy as jnp

from jaxac.core import Int, Scalar, field, frozen


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

    What MuJoCo derives from masses when it compiles a model (`invweight0`, which softens
    constraints) stays as it was.
    """
    gravity = jnp.asarray(model.opt.gravity).at[2].set(physics.gravity)
    return model.tree_replace(
        {
            "opt.gravity": gravity,
            "body_mass": model.body_mass * physics.mass,
            "body_inertia": model.body_inertia * physics.mass,
            "geom_friction": model.geom_friction * physics.friction,
            "actuator_gainprm": model.actuator_gainprm * physics.gain,
            "actuator_biasprm": model.actuator_biasprm * physics.gain,
        }
    )


def time_limit(physics: Physics) -> Int | int:
    """Steps after which an episode is truncated."""
    return physics.max_steps
