"""Exact stationary law, gain, bias and gradient of a finite MDP that is paid by the step, for ever.

For processes without terminal states in which every policy asked about has one recurrent class;
another has no single gain, and its system is singular. On the host, one process at a time, as
`exact`. Source: Puterman 1994, "Markov Decision Processes", sections 8.2 and A.5.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.tabular.exact import EXACT, state_transition
from jaxac.algos.tabular.mdp import MDP


def stationary(mdp: MDP, policy: Float[Array, "S A"]) -> Float[Array, " S"]:
    """The share of time in each state under `policy`."""
    system = jnp.eye(mdp.num_states) - state_transition(mdp, policy) + 1.0
    return jnp.linalg.solve(system.T, jnp.ones(mdp.num_states))


def gain(mdp: MDP, policy: Float[Array, "S A"]) -> Float[Array, ""]:
    """Mean reward a step in the long run."""
    paid = (policy * mdp.reward).sum(-1)
    return jnp.vdot(stationary(mdp, policy), paid, precision=EXACT)


def bias(mdp: MDP, policy: Float[Array, "S A"]) -> Float[Array, " S"]:
    """What starting in a state adds to the sum of rewards, of stationary mean 0."""
    transition, law = state_transition(mdp, policy), stationary(mdp, policy)
    paid = (policy * mdp.reward).sum(-1)
    system = jnp.eye(mdp.num_states) - transition + law
    return jnp.linalg.solve(system, paid - jnp.vdot(law, paid, precision=EXACT))


def gain_gradient(mdp: MDP, logits: Float[Array, "S A"]) -> Float[Array, "S A"]:
    """Gradient of the gain of a softmax policy, by differentiation through the linear solve."""
    return jax.grad(lambda z: gain(mdp, jax.nn.softmax(z)))(logits)
