"""DoMo-AC: its gradient against enumeration of every trace of a small process, and its limits."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config, registry
from jaxac.algos.off_policy import domo_ac
from jaxac.algos.off_policy.domo_ac import DoMoAC
from jaxac.data.replay import Sequence
from jaxac.data.storage import Transition
from jaxac.errors import EnvError
from jaxac.heads.categorical import Categorical
from jaxac.ops.credit import VTrace
from jaxac.runners import stretches
from jaxac.runners.stretches import Acted, Seen

from .test_dqn import masked_env

GAMMA, STATES, ACTIONS, LENGTH = 0.8, 3, 2, 3
RNG = np.random.default_rng(0)
CHANCE = RNG.dirichlet(np.ones(STATES), (STATES, ACTIONS)).astype(np.float32)  # of the next state
REWARD = RNG.normal(size=(STATES, ACTIONS)).astype(np.float32)
VALUE = RNG.normal(size=STATES).astype(np.float32)
LOGITS, OTHER = RNG.normal(size=(2, STATES, ACTIONS)).astype(np.float32)
START = np.array([0.5, 0.2, 0.3], np.float32)
FREE = VTrace(rho_clip=1e9, c_clip=1e9)


def every(length=LENGTH):
    """All traces of so many steps: states [L + 1, B] and actions [L, B]."""
    steps = itertools.product(range(ACTIONS), range(STATES))
    traces = itertools.product(range(STATES), itertools.product(steps, repeat=length))
    rows = [(s, *(y for _, y in steps), *(a for a, _ in steps)) for s, steps in traces]
    both = np.asarray(rows).T
    return both[: length + 1], both[length + 1 :]


def stretch(log_mu, length=LENGTH, start=START):
    """All traces as one batch, weighed so that sums over it are expectations under mu."""
    state, action = every(length)
    now, log_prob = state[:-1], log_mu[state[:-1], action]
    chance = np.exp(log_prob) * CHANCE[now, action, state[1:]]
    none = np.zeros(now.shape, bool)
    row = Transition(
        now, Acted(action, log_prob), REWARD[now, action], none, none, state[1:], none * 1
    )
    weight = start[state[0]] * chance.prod(0) * none.size
    drawn = Sequence(row, none, ~none, weight, state[0])
    return jax.tree.map(jnp.asarray, drawn)


def softmax(logits):
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def seen(logits, drawn, value=VALUE):
    row = drawn.transition
    log_prob = jax.nn.log_softmax(logits)[row.obs, row.action.action]
    value = jnp.asarray(value)
    return Seen(log_prob, jnp.zeros_like(log_prob), value[row.obs], value[row.final_obs])


def policy_gradient(hp, drawn):
    """The gradient of the loss in the logits, with nothing but the improvement in it."""

    @jax.jit
    def gradient(hp, drawn):
        return jax.grad(lambda x: domo_ac.loss(hp, seen(x, drawn), drawn)[0])(jnp.asarray(LOGITS))

    return gradient(config.configure(hp, {"value_coef": 0.0, "entropy_coef": 0.0}), drawn)


def backed_up(log_pi, value):
    """The Bellman operator of a policy."""
    return (jnp.exp(log_pi) * (REWARD + GAMMA * CHANCE @ value)).sum(-1)


@pytest.mark.parametrize("lookahead", [1, 2, 3])
@pytest.mark.parametrize("mu", [LOGITS, OTHER], ids=["on policy", "off policy"])
def test_unclipped_it_is_the_gradient_of_the_objective_of_several_steps(mu, lookahead):
    """From each step on: rewards and actions of `lookahead` steps, then the stretch's values."""
    log_mu = softmax(mu)
    hp = DoMoAC(gamma=GAMMA, credit=FREE, trace_clip=1e9, lookahead=lookahead)

    def objective(logits):
        total, visits, log_pi = 0.0, jnp.asarray(START), jax.nn.log_softmax(logits)
        for t in range(LENGTH):
            value = VALUE
            for left in range(LENGTH - t, 0, -1):
                fixed = left > lookahead
                value = backed_up(softmax(LOGITS) if fixed else log_pi, value)
            total = total + visits @ value
            visits = jnp.einsum("s,sa,say->y", visits, np.exp(log_mu), CHANCE)
        return total

    want = jax.jit(jax.grad(objective))(jnp.asarray(LOGITS))
    got = policy_gradient(hp, stretch(log_mu))
    np.testing.assert_allclose(-got, want, rtol=2e-4, atol=1e-5)
    assert float(jnp.abs(want).max()) > 0.05


def by_hand(hp, row, value, next_value, log_prob, held):
    """Of one stretch, by loops: targets of V-trace, its gradients, and what each step counts."""
    num = int(held.sum())
    ratio = np.exp(log_prob - row.action.log_prob)
    rho, c = np.minimum(ratio, 1.0), np.minimum(ratio, 1.0)
    discount, done = GAMMA * ~row.terminated, row.terminated | row.truncated
    target, gain, weight = (np.zeros(len(value)) for _ in range(3))
    for t in range(num):
        target[t], product = value[t], 1.0
        for k in range(t, num):
            delta = row.reward[k] + discount[k] * next_value[k] - value[k]
            target[t] += product * rho[k] * delta
            product *= discount[k] * c[k]
            if done[k]:
                break
    for t in range(num):
        later = next_value[t] if done[t] or t == num - 1 else target[t + 1]
        gain[t] = rho[t] * (row.reward[t] + discount[t] * later - value[t])
        for begin in range(t, max(-1, t - hp.lookahead), -1):
            if done[begin:t].any():
                break
            weight[t] += np.prod(GAMMA * c[begin:t])
    return target, gain, weight


@pytest.fixture(scope="module")
def lived():
    """Three stretches of seven steps with ends in them, the last with five steps held."""
    shape, rng = (7, 3), np.random.default_rng(3)
    terminated = np.zeros(shape, bool)
    terminated[2, 0] = terminated[3, 2] = True
    truncated = np.zeros(shape, bool)
    truncated[4, 0] = truncated[1, 1] = True
    held = np.ones(shape, bool)
    held[5:, 2] = False
    mu, pi, value, next_value, reward = rng.normal(size=(5, *shape))
    action, age = np.zeros(shape, int), np.zeros(shape, int)
    row = Transition(age, Acted(action, mu), reward, terminated, truncated, age, age)
    drawn = Sequence(row, held, held, rng.uniform(0.5, 1.0, 3), age[0])
    return drawn, Seen(pi, np.full(shape, 0.7), value, next_value)


@pytest.mark.parametrize("lookahead", [1, 4])
def test_the_gradient_is_that_of_vtrace_counted_for_the_steps_before(lived, lookahead):
    """With a lookahead of one it is that of V-trace alone; ends and what is not held are kept."""
    drawn, seen = lived
    hp = DoMoAC(gamma=GAMMA, value_coef=0.3, entropy_coef=0.2, lookahead=lookahead)
    run = jax.jit(jax.value_and_grad(lambda x: domo_ac.loss(hp, x, drawn), has_aux=True))
    (total, (metrics, error)), grads = run(jax.tree.map(jnp.asarray, seen))
    share = np.asarray(drawn.weight) * drawn.held / drawn.held.sum()
    for b in range(3):
        row, x = jax.tree.map(lambda x, b=b: x[:, b], (drawn.transition, seen))
        target, gain, weight = by_hand(hp, row, x.value, x.next_value, x.log_prob, drawn.held[:, b])
        assert (weight[:5] == 1.0).all() == (lookahead == 1)
        want = -share[:, b] * gain * weight
        np.testing.assert_allclose(grads.log_prob[:, b], want, rtol=1e-4, atol=1e-6)
        want = 0.3 * share[:, b] * (x.value - target) * drawn.held[:, b]
        np.testing.assert_allclose(grads.value[:, b], want, rtol=1e-4, atol=1e-6)
        num = drawn.held[:, b].sum()
        np.testing.assert_allclose(error[b], np.abs(x.value - target)[:num].mean(), rtol=1e-4)
    np.testing.assert_allclose(grads.entropy, -0.2 * share, rtol=1e-5)
    np.testing.assert_array_equal(grads.next_value, 0.0)
    want = metrics["policy_loss"] + 0.3 * metrics["value_loss"] - 0.2 * metrics["entropy"]
    np.testing.assert_allclose(total, want, rtol=1e-5)


def test_value_iteration_by_its_targets_contracts_at_gamma_to_the_number_of_steps():
    """The oracle: the best over all policies of the expected targets, off policy, from each state.

    Errors fall by gamma^n or more in each sweep of n steps.
    """
    policies = np.asarray(list(itertools.product(range(ACTIONS), repeat=STATES)))
    log_pi = np.log(np.eye(ACTIONS)[policies] + 1e-12).astype(np.float32)
    best = np.zeros(STATES)
    for _ in range(300):
        best = (REWARD + GAMMA * CHANCE @ best).max(1)
    for length in (1, 2, 3):
        drawn = stretch(softmax(OTHER), length, np.ones(STATES, np.float32))
        row, first = drawn.transition, drawn.transition.obs[0]

        @jax.jit
        def sweep(value, drawn=drawn, row=row, first=first):
            def expected(log_pi):
                log_ratio = log_pi[row.obs, row.action.action] - row.action.log_prob
                zero = jnp.zeros_like(row.reward)
                now, after = value[row.obs], value[row.final_obs]
                _, target = FREE(row.reward, zero + GAMMA, now, after, row.done, log_ratio)
                weight = drawn.weight / zero.size
                return jax.ops.segment_sum(weight * target[0], first, STATES)

            return jax.vmap(expected)(jnp.asarray(log_pi)).max(0)

        value, errors = jnp.asarray(VALUE), []
        for _ in range(6):
            errors.append(float(np.abs(value - best).max()))
            value = sweep(value)
        falls = np.divide(errors[1:], errors[:-1])
        assert (falls <= GAMMA**length + 1e-3).all(), (length, falls)
        assert errors[-1] <= GAMMA ** (5 * length) * errors[0] + 1e-4


def test_what_is_remembered_of_an_action_is_what_the_policy_thought_of_it():
    """Of random actions too, where one of three is forbidden."""
    hp, env = config.configure(DoMoAC(), {"net.hidden": (4,), "num_envs": 5}), masked_env()
    method, key = stretches.method(env, domo_ac.loss), jax.random.key(0)
    phase = jnp.array([0, 1, 0, 1, 1])
    obs = {"policy": phase[:, None] * 1.0, "action_mask": jnp.arange(3) != phase[:, None]}

    @jax.jit
    def play():
        learner = method.init(key, hp, obs)
        net = hp.net.build(Categorical(3), env.observation_space)
        log_pi = jax.nn.log_softmax(net.step(learner.params, (), obs)[0])
        tried = method.explore(key, learner, hp, (), obs)[0], method.mode(learner, hp, obs)
        return log_pi, tried, method.random(key, hp, obs)

    log_pi, tried, drawn = play()
    for acted in tried:
        want = np.asarray(log_pi)[np.arange(5), acted.action]
        np.testing.assert_allclose(acted.log_prob, want, rtol=1e-5)
    assert np.abs(np.asarray(tried[0].log_prob) + np.log(2)).max() > 1e-4
    np.testing.assert_allclose(drawn.log_prob, -np.log(2), rtol=1e-5)
    assert all((acted.action != phase).all() for acted in (*tried, drawn))


def test_actions_that_are_not_discrete_are_refused():
    with pytest.raises(EnvError, match="DiscretiseAction"):
        domo_ac.make(registry.make_env("Pendulum-v1"))
