"""Exact values, occupancies, optima and gradients of a finite MDP: the oracle of all exact tests.

Do not use this module under `vmap` inside the compiled program of a lane: but for
`state_transition`, `lookahead` and the Bellman backups it solves linear systems by LAPACK, and
from jaxlib 0.10.0 batched LAPACK calls of one program can hang for ever on a machine of few cores.
Call it for one process at a time, from the host.

V is [S] and Q [S, A], in reward units; `policy` is [S, A] with rows that sum to 1. Terminal states
are worth 0 and nothing follows them. A gamma of 1 needs a policy that surely ends from everywhere
(else the system is singular), the optima need a gamma below 1; a number out of range raises
`ConfigError`, a traced one cannot be checked.

Source: Puterman 1994, "Markov Decision Processes", chapter 6; Sutton & Barto 2018, "Reinforcement
Learning: An Introduction", chapters 3, 4 and 13 (S&B below).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.tabular.mdp import MDP, require_within
from jaxac.core import Scalar

EXACT = jax.lax.Precision.HIGHEST  # a GPU's default may round the factors of a product to TF32
MAX_IMPROVEMENTS = 100  # of policy iteration, which in practice needs a handful


def state_transition(mdp: MDP, policy: Float[Array, "S A"]) -> Float[Array, "S S"]:
    """P(next, and the episode goes on | state) under `policy`.

    Rows of and columns into terminal states are zero, so a row sums to 1 less the chance to end.
    Source: Puterman 1994, section 5.6, P_d.
    """
    return jnp.einsum("sa,sax->sx", policy, _continuing(mdp), precision=EXACT)


def lookahead(mdp: MDP, value: Float[Array, " S"], gamma: Scalar) -> Float[Array, "S A"]:
    """Q of taking an action and collecting `value` after it. Source: S&B, eq. 4.6."""
    return _reward(mdp) + gamma * jnp.matmul(_continuing(mdp), value, precision=EXACT)


def bellman_expectation(
    mdp: MDP, policy: Float[Array, "S A"], value: Float[Array, " S"], gamma: Scalar
) -> Float[Array, " S"]:
    """One sweep of policy evaluation from `value`. Source: S&B, eq. 4.5."""
    return (policy * lookahead(mdp, value, gamma)).sum(-1)


def bellman_optimality(mdp: MDP, value: Float[Array, " S"], gamma: Scalar) -> Float[Array, " S"]:
    """One sweep of value iteration from `value`. Source: S&B, eq. 4.10."""
    return lookahead(mdp, value, gamma).max(-1)


def bellman_soft(
    mdp: MDP, value: Float[Array, " S"], gamma: Scalar, temperature: Scalar
) -> Float[Array, " S"]:
    """One sweep of soft value iteration from `value`; its fixed point is `soft_optimal_value`.

    temperature above 0. Source: Haarnoja et al. 2017, arXiv:1702.08165, theorem 3.
    """
    require_within("temperature", temperature, "(0, inf)")
    q = lookahead(mdp, value, gamma)
    return temperature * jax.nn.logsumexp(q / temperature, axis=-1) * ~mdp.terminal


def policy_value(mdp: MDP, policy: Float[Array, "S A"], gamma: Scalar) -> Float[Array, " S"]:
    """V of `policy`, the solution of V = r + gamma P V. Source: Puterman 1994, theorem 6.1.1."""
    return _solve_value(mdp, policy, gamma, (policy * _reward(mdp)).sum(-1))


def policy_q(mdp: MDP, policy: Float[Array, "S A"], gamma: Scalar) -> Float[Array, "S A"]:
    """Q of `policy`. Source: S&B, eq. 4.6."""
    return lookahead(mdp, policy_value(mdp, policy, gamma), gamma)


def advantage(mdp: MDP, policy: Float[Array, "S A"], gamma: Scalar) -> Float[Array, "S A"]:
    """Q - V of `policy`, of mean 0 under it. Source: Baird 1993, "Advantage updating"."""
    value = policy_value(mdp, policy, gamma)
    return lookahead(mdp, value, gamma) - value[:, None]


def occupancy(mdp: MDP, policy: Float[Array, "S A"], gamma: Scalar) -> Float[Array, "S A"]:
    """Discounted number of times each action is taken in each state, from `mdp.start`.

    Not normalised: without terminal states it sums to 1 / (1 - gamma), with them to less, and at
    gamma 1 to the expected length of an episode. Its inner product with the reward is the expected
    return; its sum over actions is the occupancy of states. Source: Puterman 1994, section 6.9.
    """
    system = _system(mdp, policy, gamma)
    return jnp.linalg.solve(system.T, mdp.start)[:, None] * policy


def occupancy_policy(visits: Float[Array, "*H S A"]) -> Float[Array, "*H S A"]:
    """The policy with these occupancies, uniform in states that have none. Inverts `occupancy`."""
    total = visits.sum(-1, keepdims=True)
    return jnp.where(total > 0, visits / jnp.where(total > 0, total, 1.0), 1.0 / visits.shape[-1])


def expected_return(mdp: MDP, policy: Float[Array, "S A"], gamma: Scalar) -> Float[Array, ""]:
    """Mean discounted return of an episode from `mdp.start`. Source: S&B, eq. 13.4."""
    return jnp.vdot(mdp.start, policy_value(mdp, policy, gamma), precision=EXACT)


def policy_gradient(mdp: MDP, logits: Float[Array, "S A"], gamma: Scalar) -> Float[Array, "S A"]:
    """Gradient of the expected return with respect to the logits of a softmax policy.

    By automatic differentiation through the linear solve, so it does not rest on the policy
    gradient theorem (S&B, eq. 13.5), by which it is occupancy times advantage.
    """
    return jax.grad(lambda z: expected_return(mdp, jax.nn.softmax(z), gamma))(logits)


def natural_gradient(mdp: MDP, logits: Float[Array, "S A"], gamma: Scalar) -> Float[Array, "S A"]:
    """Policy gradient over Fisher's matrix, of the states weighed by occupancy: the advantage.

    The system is singular along constants in a state, and where a state is never entered; this
    solution is one of many, and each gives the same policy. A step of size t multiplies the policy
    by exp(t A). Source: Kakade 2001, "A natural policy gradient"; Agarwal et al. 2021,
    arXiv:1908.00261, lemma 15, whose weights sum to 1, so theirs is this over 1 - gamma.
    """
    return advantage(mdp, jax.nn.softmax(logits), gamma)


def optimal_value(mdp: MDP, gamma: Scalar) -> Float[Array, " S"]:
    """V of an optimal policy, by policy iteration; gamma in [0, 1). No reverse-mode gradient.

    Source: Howard 1960; S&B, section 4.3; Puterman 1994, section 6.4.
    """

    def no_bonus(policy):
        return jnp.zeros_like(mdp.start)

    return _policy_iteration(mdp, gamma, _greedy, no_bonus)


def optimal_policy(mdp: MDP, gamma: Scalar) -> Float[Array, "S A"]:
    """A deterministic optimal policy, one-hot; any of the best where several tie, up to rounding.

    gamma in [0, 1). Source: S&B, eq. 4.9.
    """
    return _greedy(lookahead(mdp, optimal_value(mdp, gamma), gamma))


def soft_optimal_value(mdp: MDP, gamma: Scalar, temperature: Scalar) -> Float[Array, " S"]:
    """Greatest value when every action also pays `temperature` times the policy's entropy (nats).

    The entropy of the first action counts, that of a terminal state does not, so
    V = temperature * logsumexp(Q / temperature). gamma in [0, 1), temperature above 0, in reward
    units a nat. By soft policy iteration: Haarnoja et al. 2018, arXiv:1801.01290, theorem 1; the
    fixed point is Haarnoja et al. 2017, arXiv:1702.08165, eq. 4 and 6. No reverse-mode gradient.
    """
    require_within("temperature", temperature, "(0, inf)")

    def improve(q):
        return jax.nn.softmax(q / temperature)

    def bonus(policy):
        return temperature * jax.scipy.special.entr(policy).sum(-1) * ~mdp.terminal

    return _policy_iteration(mdp, gamma, improve, bonus)


def soft_optimal_policy(mdp: MDP, gamma: Scalar, temperature: Scalar) -> Float[Array, "S A"]:
    """softmax(Q / temperature) of `soft_optimal_value`, uniform in terminal states.

    Source: Haarnoja et al. 2017, arXiv:1702.08165, eq. 5.
    """
    value = soft_optimal_value(mdp, gamma, temperature)
    return jax.nn.softmax(lookahead(mdp, value, gamma) / temperature)


def _policy_iteration(
    mdp: MDP,
    gamma: Scalar,
    improve: Callable[[Float[Array, "S A"]], Float[Array, "S A"]],  # Q to a better policy
    bonus: Callable[[Float[Array, "S A"]], Float[Array, " S"]],  # paid for a policy's shape
) -> Float[Array, " S"]:
    """The value, from the uniform policy on, that one more improvement raises in no state.

    Rounding alone may go on raising one; the cap ends that.
    """
    require_within("gamma", gamma, "[0, 1)")

    def evaluate(policy):
        reward = (policy * _reward(mdp)).sum(-1) + bonus(policy)
        return _solve_value(mdp, policy, gamma, reward)

    def rises(carry):
        count, value, previous = carry
        return (count < MAX_IMPROVEMENTS) & (value > previous).any()

    def step(carry):
        count, value, _ = carry
        return count + 1, evaluate(improve(lookahead(mdp, value, gamma))), value

    uniform = jnp.full_like(mdp.reward, 1.0 / mdp.num_actions)
    worst = jnp.full_like(mdp.start, -jnp.inf)
    return jax.lax.while_loop(rises, step, (0, evaluate(uniform), worst))[1]


def _greedy(q: Float[Array, "S A"]) -> Float[Array, "S A"]:
    return jax.nn.one_hot(q.argmax(-1), q.shape[-1])


def _solve_value(
    mdp: MDP, policy: Float[Array, "S A"], gamma: Scalar, reward: Float[Array, " S"]
) -> Float[Array, " S"]:
    return jnp.linalg.solve(_system(mdp, policy, gamma), reward)


def _system(mdp: MDP, policy: Float[Array, "S A"], gamma: Scalar) -> Float[Array, "S S"]:
    require_within("gamma", gamma, "[0, 1]")
    return jnp.eye(mdp.num_states) - gamma * state_transition(mdp, policy)


def _continuing(mdp: MDP) -> Float[Array, "S A S"]:
    return mdp.transition * ~mdp.terminal[:, None, None] * ~mdp.terminal


def _reward(mdp: MDP) -> Float[Array, "S A"]:
    return mdp.reward * ~mdp.terminal[:, None]
