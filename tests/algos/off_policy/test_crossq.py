"""CrossQ: one batch for both halves of the error, and SAC without slow copies as its limit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.off_policy import crossq, sac
from jaxac.core import replace
from jaxac.envs.contract import Box
from jaxac.nets.batch_norm import EPS, STATISTICS
from jaxac.nets.critic import Plain
from jaxac.ops.slow import Online
from jaxac.runners import actor_critic

from .short import assert_close, assert_equal, drawn, learned, tiny

STEP = functools.partial(crossq.critic_step, Box((3,)))
LEARN = functools.partial(actor_critic.one_round, critic_step=STEP)


@pytest.fixture(scope="module")
def run():
    hp = tiny(crossq.crossq())
    return hp, *drawn(hp, LEARN)


def q_of(variables, i, x, own):
    """Member i in numpy, normalised by the batch's own statistics or by the running ones."""
    params, stats = (
        jax.tree.map(lambda p: np.asarray(p[i], np.float64), variables[k])
        for k in ("params", STATISTICS)
    )
    trunk, head = params["trunk"], params["head"]["Dense_0"]

    def norm(x, name):
        running = stats["trunk"][name]
        mean, var = (x.mean(0), x.var(0)) if own else (running["mean"], running["var"])
        return trunk[name]["scale"] * (x - mean) / np.sqrt(var + EPS) + trunk[name]["bias"]

    x = norm(np.asarray(x, np.float64), "_BatchNorm_0")
    x = norm(
        np.maximum(x @ trunk["Dense_0"]["kernel"] + trunk["Dense_0"]["bias"], 0), "_BatchNorm_1"
    )
    return (x @ head["kernel"] + head["bias"])[:, 0]


def stepped(built, hp, key, learner, batch):
    step = jax.jit(lambda hp, *x: STEP(built, hp, *x))
    return step(hp, key, learner, batch)


def test_the_loss_is_that_of_the_paper(run):
    """2 B rows normalised together, and the least of the two at (s', a') as target, in numpy."""
    hp, built, learner, batch = run
    key = jax.random.key(2)
    key_action = jax.random.split(jax.random.split(key, 4)[0], 3)[0]
    nets = actor_critic.functions(built, hp, learner)
    action, log_prob = jax.jit(nets.proposal)(key_action, batch.final_obs)
    both = np.concatenate(
        [np.hstack([batch.obs, batch.action]), np.hstack([batch.final_obs, action])]
    )
    q = np.stack([q_of(learner.params["critic"], i, both, own=True) for i in range(2)])
    soft = q[:, 16:].min(0) - float(nets.alpha) * np.asarray(log_prob)
    error = q[:, :16] - (np.asarray(batch.reward) + np.asarray(batch.discount) * soft)
    want = 0.5 * (np.asarray(batch.weight) * error**2).mean(1).sum()
    after, metrics, absolute = stepped(built, hp, key, learner, batch)
    np.testing.assert_allclose(metrics["critic_loss"], want, rtol=1e-3)
    np.testing.assert_allclose(absolute, np.abs(error).mean(0), rtol=1e-2, atol=1e-3)
    old, new = (
        x.params["critic"][STATISTICS]["trunk"]["_BatchNorm_0"]["mean"] for x in (learner, after)
    )
    np.testing.assert_allclose(new[0], 0.99 * old[0] + 0.01 * both.mean(0), rtol=1e-4, atol=1e-5)


def test_policies_climb_critics_normalised_by_running_statistics(run):
    _, built, learner, batch = run
    variables, x = learner.params["critic"], np.hstack([batch.obs, batch.action])
    out = built.critics.apply(variables, None, batch.obs, batch.action)[..., 0]
    for i in range(2):
        np.testing.assert_allclose(out[i], q_of(variables, i, x, own=False), rtol=1e-3, atol=1e-3)


def test_optimisers_leave_the_statistics_alone(run):
    """They move by the batch alone: an infinite memory keeps them bit for bit."""
    hp, built, learner, batch = run
    trunk = replace(hp.critic.net.trunk, momentum=1.0 - 2.0**-24)
    still = replace(hp, critic=replace(hp.critic, net=Plain(trunk)))
    moments = learner.opt_state["critic"][0]
    for moment in (moments.mu, moments.nu):
        assert all((x == 0).all() for x in jax.tree.leaves(moment[STATISTICS]))
    after, _, _ = stepped(built, still, jax.random.key(0), learner, batch)
    a, b = (x.params["critic"] for x in (learner, after))
    assert_close(a[STATISTICS], b[STATISTICS], rtol=1e-5)
    with pytest.raises(AssertionError):
        assert_equal(a["params"], b["params"])


def test_without_normalisation_it_is_sac_without_slow_copies():
    cross = tiny(crossq.crossq(critic=actor_critic.Critic(slow=Online())))
    plain = tiny(
        sac.sac(
            actor=cross.actor,
            temperature=cross.temperature,
            critic=actor_critic.Critic(slow=Online()),
            num_steps=3,
            critic_steps=3,
        )
    )
    a, b = learned(cross, LEARN), learned(plain)
    assert_close(a.params, b.params, rtol=1e-3, atol=1e-5)
    assert int(a.step) == int(b.step) > 0


def test_there_are_no_slow_copies_and_the_policy_waits(run):
    _, _, learner, _ = run
    assert jax.tree.leaves(learner.slow) == []
    counts = {k: int(learner.opt_state[k][0].count) for k in ("actor", "critic")}
    assert counts["critic"] == 3 * counts["actor"] > 0
    assert jnp.all(learner.params["critic"][STATISTICS]["trunk"]["_BatchNorm_0"]["var"] > 0)
