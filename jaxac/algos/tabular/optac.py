"""OptAC: an actor-critic that explores, by an optimistic critic of Q* that is rarely fitted anew.

Source: Tan, Fan & Wei 2025, "Actor-Critics Can Achieve Optimal Sample Efficiency",
arXiv:2505.03710 (abstract and summary), for episodes of a fixed number of stages.

    critic:  f_h(s, a) = min(H - h, mean reward + bonus / sqrt(n) + mean of max f_(h+1)(next, .))
             over all data so far, whoever played; so it aims at Q*, not at Q of the actor
    actor:   policy <- policy * exp(rate f) / normaliser, after every episode
    switch:  fit the critic and make the actor uniform again once some n has doubled

The regret grows as sqrt(T) and the number of switches as log(T). With data of a better policy to
begin with, the optimism may be dropped: `bonus=0` (the hybrid form).
`pytest tests/algos/tabular/test_optac.py` opens a combination lock.

Departs from it: tables, where the optimistic member of the confidence set is the mean plus a bonus
in 1 / sqrt(n), of a constant of ours; the data have changed enough when a count has doubled; a pair
that was never tried counts as tried once, unpaid, with nothing after it. Bounds are not verified,
only how things grow.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.algos.tabular.horizon import sample_episode, stage_return
from jaxac.algos.tabular.mdp import MDP, require_within
from jaxac.core import Key, Scalar, frozen


@frozen
class Data:
    """What was seen: every transition counts once."""

    counts: Float[Array, "H S A S"]
    paid: Float[Array, "H S A"]  # sum of rewards, reward units


@frozen
class Log:
    """What happened in each episode."""

    expected: Float[Array, " T"]  # exact expected return of the policy that played
    switches: Float[Array, " T"]  # critics fitted so far


def no_data(mdp: MDP, horizon: int) -> Data:
    """Before anything was seen."""
    s, a = mdp.reward.shape
    return Data(jnp.zeros((horizon, s, a, s)), jnp.zeros((horizon, s, a)))


def fit(data: Data, bonus: Scalar, terminal: Bool[Array, " S"]) -> Float[Array, "H S A"]:
    """The critic, of rewards in [0, 1]; `bonus` in reward units, for a pair tried once.

    `terminal` states are worth nothing: they are never left, and would stay new for ever.
    """
    tried = data.counts.sum(-1)
    shared = jnp.maximum(tried, 1.0)
    likely, paid = data.counts / shared[..., None], data.paid / shared
    hope = bonus / jnp.sqrt(shared)

    def back(value, at):
        likely, paid, hope, left = at
        f = jnp.minimum(paid + hope + likely @ (value * ~terminal), left)
        return f.max(-1), f

    left = jnp.arange(tried.shape[0], 0.0, -1.0)
    start = jnp.zeros(tried.shape[1])
    return jax.lax.scan(back, start, (likely, paid, hope, left), reverse=True)[1]


def play(key: Key, mdp: MDP, log_policy: Float[Array, "H S A"], data: Data) -> Data:
    """Data with one more episode."""
    horizon = log_policy.shape[0]
    states, actions, following, played = sample_episode(
        key, mdp, horizon, lambda h, s: log_policy[h, s]
    )
    at = jnp.arange(horizon), states, actions
    counts = data.counts.at[(*at, following)].add(played)
    paid = data.paid.at[at].add(mdp.reward[states, actions] * played)
    return Data(counts, paid)


def learn(
    key: Key,
    mdp: MDP,
    horizon: int,
    rate: Scalar,  # of the actor, 1 / reward units
    bonus: Scalar,  # reward units
    num_episodes: int,
    data: Data,  # to begin with: `no_data`, or another policy's
) -> tuple[Data, Log]:
    """Play and learn. Rewards must be in [0, 1]; nothing else of `mdp` is known to the learner.

    Raises `ConfigError` for a rate or bonus below 0.
    """
    require_within("rate", rate, "[0, inf)")
    require_within("bonus", bonus, "[0, inf)")

    def episode(carry, key):
        data, at_fit, critic, logits, switches = carry
        data = play(key, mdp, jax.nn.log_softmax(logits), data)
        expected = stage_return(mdp, jax.nn.softmax(logits))
        now = data.counts.sum(-1)
        switch = (now >= 2.0 * jnp.maximum(at_fit, 0.5)).any()
        critic = jnp.where(switch, fit(data, bonus, mdp.terminal), critic)
        at_fit = jnp.where(switch, now, at_fit)
        logits = jnp.where(switch, 0.0, logits + rate * critic)
        switches = switches + switch
        return (data, at_fit, critic, logits, switches), Log(expected, switches)

    at_fit = data.counts.sum(-1)
    start = data, at_fit, fit(data, bonus, mdp.terminal), jnp.zeros(at_fit.shape), jnp.zeros(())
    carry, log = jax.lax.scan(episode, start, jax.random.split(key, num_episodes))
    return carry[0], log


def collect(key: Key, mdp: MDP, policy: Float[Array, "H S A"], num_episodes: int) -> Data:
    """Data of episodes that another policy played."""

    def episode(data, key):
        return play(key, mdp, jnp.log(policy), data), ()

    start = no_data(mdp, policy.shape[0])
    return jax.lax.scan(episode, start, jax.random.split(key, num_episodes))[0]
