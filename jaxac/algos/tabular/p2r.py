"""Preferences instead of rewards: an interface that turns comparisons into rewards, and a game.

Source: Wang, Liu & Jin 2023, "Is RLHF More Difficult than Standard RL? A Theoretical Perspective",
arXiv:2306.14111: the preference-to-reward interface (P2R) for utilities, and the von Neumann winner
of preferences over final states, as an adversarial process.

    P2R, asked for the reward of x, the features of a trajectory less those of the reference one:
      if radius |x|_(V^-1) <= accuracy:  answer x . V^-1 m
      else:                              answer y = logit(share of comparisons that x wins), and
                                         V <- V + x x',  m <- m + x y
    von Neumann winner: both players are one; p is the law of its final state,
      Q from preference @ p paid at the end;  policy <- policy exp(step Q) / normaliser
      the mean over rounds of the visits is the winner: no policy beats it by more than the regret

What the interface asks depends on the number of features, not on how long the learner behind it
goes on. `pytest tests/algos/tabular/test_p2r.py` shows that, and the winner of a game without a
best policy against a linear programme.

Departs from it: utilities are linear in features and the confidence set is an ellipsoid, whose
radius is given; the link is the logistic function; preferences depend on the final state, and the
process is known to the player of the game (the factored Markov game is left out).
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.algos.tabular.exact import EXACT, occupancy_policy
from jaxac.algos.tabular.horizon import optimal_q, stage_q, state_visits, uniform_policy
from jaxac.algos.tabular.mdp import MDP, require_within
from jaxac.core import Flag, Key, Scalar, frozen, replace

Compare = Callable[[Key, Float[Array, " D"]], Scalar]  # the share of comparisons that x wins
RIDGE = 1e-4  # V before anything was asked, as a multiple of the identity
LEAST = 1e-6  # a share of wins nearer to 0 or 1 than this is taken for this


@frozen
class Memory:
    """What the interface has been told."""

    gram: Float[Array, "D D"]
    moment: Float[Array, " D"]


def exact_comparisons(utility: Float[Array, " D"]) -> Compare:
    """A crowd so large that the share of wins is its expectation."""
    return lambda key, x: jax.nn.sigmoid(x @ utility)


def sampled_comparisons(utility: Float[Array, " D"], num: int) -> Compare:
    """`num` independent answers to each question."""
    return lambda key, x: jax.random.binomial(key, num, jax.nn.sigmoid(x @ utility)) / num


def most_questions(num_features: int, longest: float, accuracy: float, radius: float) -> float:
    """How often `ask` can compare features of length `longest` at most: a fixed point in n.

    n questions, each of |x|_(V^-1) above accuracy / radius, multiply the determinant of V by that
    much, and it is at most (RIDGE + n longest^2 / D)^D. So n grows as D log(1 / accuracy), whatever
    the number of rewards that are looked up. Source: Abbasi-Yadkori et al. 2011, "Improved
    algorithms for linear stochastic bandits", lemma 10.
    """
    num = 1.0
    for _ in range(100):
        grown = num_features * math.log1p(num * longest**2 / (num_features * RIDGE))
        num = grown / math.log1p((accuracy / radius) ** 2)
    return num


def no_memory(num_features: int) -> Memory:
    """Before the first question."""
    return Memory(RIDGE * jnp.eye(num_features), jnp.zeros(num_features))


def ask(
    key: Key,
    compare: Compare,
    memory: Memory,
    x: Float[Array, " D"],
    accuracy: Scalar,  # utility units, > 0
    radius: Scalar,  # bound on |V^(1/2) (estimate - utility)|
) -> tuple[Memory, Float[Array, ""], Flag]:
    """What x is worth above the reference, and whether it had to be compared."""
    require_within("accuracy", accuracy, "(0, inf)")
    back = jnp.linalg.solve(memory.gram, x)
    asked = radius * jnp.sqrt(x @ back) > accuracy
    share = jnp.clip(compare(key, x), LEAST, 1.0 - LEAST)
    told = jnp.log(share) - jnp.log1p(-share)
    learned = Memory(memory.gram + jnp.outer(x, x), memory.moment + told * x)
    memory = jax.tree.map(lambda new, old: jnp.where(asked, new, old), learned, memory)
    return memory, jnp.where(asked, told, back @ memory.moment), asked


def rewards(
    key: Key,
    compare: Compare,
    memory: Memory,
    questions: Float[Array, "N D"],
    accuracy: Scalar,
    radius: Scalar,
) -> tuple[Memory, Float[Array, " N"], Bool[Array, " N"]]:
    """`ask` for one after the other: rewards above the reference's, and which were compared."""

    def step(memory, at):
        key, x = at
        memory, reward, asked = ask(key, compare, memory, x, accuracy, radius)
        return memory, (reward, asked)

    keys = jax.random.split(key, questions.shape[0])
    memory, (reward, asked) = jax.lax.scan(step, memory, (keys, questions))
    return memory, reward, asked


def von_neumann_winner(
    mdp: MDP,
    preference: Float[Array, "S S"],  # P(the first is preferred); with its transpose, 1
    horizon: int,
    step: Scalar,
    num_rounds: int,
) -> tuple[Float[Array, "H S A"], Float[Array, " S"]]:
    """The winner's policy, and the law of its final state; rewards of `mdp` are not looked at.

    For processes without terminal states. Exponential weights in every state and stage.
    """
    unpaid = replace(mdp, reward=jnp.zeros_like(mdp.reward))

    def play(carry, _):
        log_policy, total = carry
        policy = jax.nn.softmax(log_policy)
        visits = state_visits(mdp, policy)
        against = jnp.matmul(preference, visits[-1], precision=EXACT)
        log_policy = log_policy + step * stage_q(unpaid, policy, against)
        return (log_policy, total + visits[:-1, :, None] * policy), ()

    start = jnp.log(uniform_policy(mdp, horizon))
    (_, total), _ = jax.lax.scan(play, (start, jnp.zeros_like(start)), length=num_rounds)
    winner = occupancy_policy(total)
    return winner, state_visits(mdp, winner)[-1]


def exploitability(
    mdp: MDP, preference: Float[Array, "S S"], horizon: int, law: Float[Array, " S"]
) -> Float[Array, ""]:
    """By how much the best answer to final states of this law beats it; 0 at the winner."""
    unpaid = replace(mdp, reward=jnp.zeros_like(mdp.reward))
    against = jnp.matmul(preference, law, precision=EXACT)
    return mdp.start @ optimal_q(unpaid, horizon, against)[0].max(-1) - 0.5
