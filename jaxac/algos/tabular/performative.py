"""Performative reinforcement learning: the policy that is deployed changes the process itself.

Source: Mandal, Triantafyllou & Radanovic 2023, "Performative Reinforcement Learning",
arXiv:2207.00046: repeated optimisation, and repeated gradient ascent, of a regularised problem.

    d_(t+1) = argmax_d <d, r_t> - regulariser / 2 |d|^2                        (retraining)
    d_(t+1) = project(d_t + step (r_t - regulariser d_t))                      (a gradient step)
    over d >= 0 with sum_a d(s, a) = start(s) + gamma sum_(s', a') d(s', a') P_t(s | s', a')

where r_t and P_t are what the process makes of the policy d_t(s, a) / sum_a d_t(s, a). A fixed
point is performatively stable: best for the process that it brings about. With a regulariser that
is large beside how strongly the process reacts, retraining contracts to it; with a small one it
may turn in circles. `pytest tests/algos/tabular/test_performative.py` shows both.

Departs from it: occupancies are solved for exactly by Newton's method on the dual; of a state that
is never entered the policy is uniform; the variant that learns from finite samples is left out.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.tabular.exact import EXACT, occupancy, occupancy_policy
from jaxac.algos.tabular.mdp import MDP, require_within
from jaxac.core import Scalar, replace

Response = Callable[[Float[Array, "S A"]], MDP]  # a deployed policy to the process it meets
NUM_NEWTON = 1000  # steps at most; the dual is piecewise quadratic, so few of them end it mostly
ENOUGH = 1e-6  # imbalance of a state's flow at which it has ended
RIDGE = 1e-5  # on the dual's curvature, which vanishes where no action pays


def flow(mdp: MDP, gamma: Scalar) -> Float[Array, "S A S"]:
    """What a unit of occupancy takes out of each state's balance: [s = s'] - gamma P(s' | s, a)."""
    return jnp.eye(mdp.num_states)[:, None] - gamma * mdp.transition


def solve(mdp: MDP, gamma: Scalar, regulariser: Scalar) -> Float[Array, "S A"]:
    """Occupancies that maximise <d, reward> - regulariser / 2 |d|^2 subject to the flow.

    For a process without terminal states whose `start` reaches every state; gamma in [0, 1),
    regulariser above 0, in reward units a visit; below about 1e-3 of the rewards' scale the flow is
    kept to within 1e-2. Source: the paper's regularised dual problem: for
    prices v of the states, d = max(0, (reward - flow v) / regulariser), and v minimises
    <start, v> + regulariser / 2 |d|^2.
    """
    require_within("gamma", gamma, "[0, 1)")
    require_within("regulariser", regulariser, "(0, inf)")
    out = flow(mdp, gamma)

    def visits(v):
        surplus = mdp.reward - jnp.matmul(out, v, precision=EXACT)
        return jnp.maximum(surplus, 0.0) / regulariser

    def dual(v):
        return mdp.start @ v + 0.5 * regulariser * jnp.square(visits(v)).sum()

    def imbalance(v):
        return mdp.start - jnp.einsum("sa,sax->x", visits(v), out, precision=EXACT)

    def unfinished(carried):
        count, v = carried
        return (count < NUM_NEWTON) & (jnp.abs(imbalance(v)).max() > ENOUGH)

    def newton(carried):
        count, v = carried
        d, slope = visits(v), imbalance(v)
        active = jnp.where((d > 0)[..., None], out, 0.0)
        curvature = jnp.einsum("sax,say->xy", active, out, precision=EXACT) / regulariser
        ridge = RIDGE * jnp.eye(mdp.num_states) / regulariser
        move = jnp.linalg.solve(curvature + ridge, -slope)
        shares = 0.5 ** jnp.arange(12.0)
        tried = jax.vmap(lambda share: dual(v + share * move))(shares)
        return count + 1, v + shares[jnp.argmin(tried)] * move

    worth = jnp.full_like(mdp.start, mdp.reward.max() / (1.0 - gamma))
    return visits(jax.lax.while_loop(unfinished, newton, (0, worth))[1])


def retrain(
    respond: Response, gamma: Scalar, regulariser: Scalar, visits: Float[Array, "S A"]
) -> Float[Array, "S A"]:
    """The best response to the process that the policy of `visits` brings about."""
    return solve(respond(occupancy_policy(visits)), gamma, regulariser)


def ascend(
    respond: Response,
    gamma: Scalar,
    regulariser: Scalar,
    step: Scalar,  # visits a reward unit
    visits: Float[Array, "S A"],
) -> Float[Array, "S A"]:
    """One gradient step and the projection onto the present flow constraints.

    The projection is itself a regularised problem: of regulariser 1 / step, and the point to
    project over step as reward.
    """
    mdp = respond(occupancy_policy(visits))
    aim = visits + step * (mdp.reward - regulariser * visits)
    return solve(replace(mdp, reward=aim / step), gamma, 1.0 / step)


def iterate(
    deploy: Callable[[Float[Array, "S A"]], Float[Array, "S A"]],
    visits: Float[Array, "S A"],
    num_rounds: int,
) -> Float[Array, "T S A"]:
    """Occupancies after each of `num_rounds` deployments; `deploy` is `retrain` or `ascend`."""

    def once(visits, _):
        following = deploy(visits)
        return following, following

    return jax.lax.scan(once, visits, length=num_rounds)[1]


def uniform_visits(mdp: MDP, gamma: Scalar) -> Float[Array, "S A"]:
    """Occupancies of the uniform policy, from which to begin."""
    return occupancy(mdp, jnp.full_like(mdp.reward, 1.0 / mdp.num_actions), gamma)


def crowding(mdp: MDP, price: Scalar, drift: Scalar) -> Response:
    """A process in which what many do pays less, and leads elsewhere.

    The reward of an action falls by `price` (reward units) times its probability in that state; the
    share `drift`, in [0, 1], of the transitions is of actions that the policy itself draws.
    """
    require_within("drift", drift, "[0, 1]")

    def respond(policy):
        drawn = jnp.einsum("sa,sax->sx", policy, mdp.transition, precision=EXACT)[:, None]
        transition = (1.0 - drift) * mdp.transition + drift * drawn
        return replace(mdp, transition=transition, reward=mdp.reward - price * policy)

    return respond
