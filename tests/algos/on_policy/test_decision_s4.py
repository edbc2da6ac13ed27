"""Decision S4: fitted to whole episodes by convolution, then trained as a recurrence."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy import decision_s4, ppo, recurrent_ppo
from jaxac.core import replace
from jaxac.envs import memory, probes
from jaxac.envs.wrap import wrap
from jaxac.envs.wrappers import ReturnToGo
from jaxac.errors import ConfigError
from jaxac.nets import ActorCritic, Recurrent, TwoMemories
from jaxac.nets.memory import GRU, S4D, Stacked, s4d
from jaxac.ops.held import Nothing
from jaxac.ops.normalise import Standard
from jaxac.ops.proximity import Adaptive
from jaxac.ops.schedule import Linear
from jaxac.runners import advantage, cloning, on_policy

LENGTH = 3
WON, LOST = 1.0, -0.025  # the returns of a straight walk and either turn
ENV = wrap(memory.make(f"TMaze-{LENGTH}"), ReturnToGo(WON))
NET = TwoMemories(S4D(16, 8), hidden=(16,))
HP = decision_s4.decision_s4(
    net=NET, num_envs=16, num_steps=16, num_updates=1, num_minibatches=2, learning_rate=3e-3
)
WHOLE, HALF = 1e-2, 5e-4  # step sizes
T, N = 37, 3
LENGTHS = (T, 20, 5)


def close(a, b, tol=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=tol, atol=tol), a, b)


def some_episodes(seed=0):
    rng = np.random.default_rng(seed)
    obs = jnp.asarray(rng.normal(size=(T, N, 5)), jnp.float32)
    there = jnp.arange(T)[:, None] < jnp.asarray(LENGTHS)
    return cloning.Episodes(obs, jnp.asarray(rng.integers(0, 3, (T, N))), there)


def some_params(net):
    params = net.init(jax.random.key(0), jnp.zeros((N, 5)))
    return jax.tree.map(lambda x: x + 0.1 * jax.random.normal(jax.random.key(1), x.shape), params)


@functools.cache
def built(core):
    parts = advantage.parts(ENV, replace(HP, net=replace(NET, core=core)))
    return parts, some_params(parts.net)


def scanned(parts, params, episodes):
    """What `cloning.surprise` is of, by the recurrence from an empty memory."""
    never = jnp.zeros(episodes.there.shape, bool)
    return parts.net.scan(params, parts.net.start(N), episodes.obs, never)[:2]


@pytest.mark.parametrize("core", [S4D(16, 8), Stacked(S4D(16, 8), 3), GRU(16)], ids=str)
def test_convolution_is_recurrence(core):
    """Of policy and value, all at once and step by step, and of the gradient of the loss."""
    (parts, params), episodes = built(core), some_episodes()
    by_convolution = parts.net.episodes
    assert by_convolution is not None

    def step(params, carry, obs):
        out, value, carry = parts.net.step(params, carry, obs)
        return carry, (out, value)

    def loss(params):
        log_prob = jax.nn.log_softmax(scanned(parts, params, episodes)[0])
        chosen = jnp.take_along_axis(log_prob, episodes.action[..., None], -1)[..., 0]
        return -jnp.where(episodes.there, chosen, 0.0).sum() / sum(LENGTHS)

    @jax.jit
    def run(params):
        at_once = by_convolution(params, episodes.obs)
        one = functools.partial(step, params)
        steps = jax.lax.scan(one, parts.net.start(N), episodes.obs)[1]
        fitted = jax.value_and_grad(lambda x: cloning.surprise(parts, x, episodes))(params)
        outputs = at_once, scanned(parts, params, episodes), steps
        return outputs, fitted, jax.value_and_grad(loss)(params)

    (at_once, by_scan, by_step), got, want = run(params)
    close(at_once, by_scan)
    close(at_once, by_step)
    close(got, want)
    moved = jax.tree.map(lambda x: float(jnp.abs(x).max()), got[1])
    assert min(jax.tree.leaves(moved["policy"]["core"])) > 1e-5
    assert max(jax.tree.leaves((moved["critic"], moved["value"]))) == 0.0


def test_the_kernel_is_as_long_as_the_episodes(monkeypatch):
    lengths, kernel = [], s4d.kernel

    def told(params, length):
        lengths.append(length)
        return kernel(params, length)

    monkeypatch.setattr(s4d, "kernel", told)
    parts, params = built(S4D(16, 8))
    for length in (T, 8):
        episodes = jax.tree.map(lambda x, n=length: x[:n], some_episodes())
        program = jax.make_jaxpr(lambda p, e=episodes: cloning.surprise(parts, p, e))(params)
        assert set(lengths) == {length}
        lengths.clear()
        assert "fft" in str(program) and "while" not in str(program)
    assert "fft" not in str(jax.make_jaxpr(lambda p: scanned(parts, p, some_episodes()))(params))


def test_padding_does_not_matter():
    (parts, params), episodes = built(S4D(16, 8)), some_episodes()
    other = some_episodes(seed=1)
    keep = episodes.there[..., None]
    changed = replace(
        episodes,
        obs=jnp.where(keep, episodes.obs, 9.0 * other.obs),
        action=jnp.where(episodes.there, episodes.action, other.action),
    )
    twice = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), changed, other)
    twice = replace(twice, there=twice.there & (jnp.arange(2 * T)[:, None] < T))
    of = jax.jit(jax.value_and_grad(lambda p, e: cloning.surprise(parts, p, e)))
    for same in (changed, twice):
        close(of(params, same), of(params, episodes))
    assert abs(of(params, other)[0] - of(params, episodes)[0]) > 1e-3


def test_a_rollout_in_hindsight_is_what_the_environment_shows_who_asks_for_it():
    data, traj = collected()
    done = np.asarray(traj.outcome.done)
    for n in range(8):
        if not done[:, n].any():
            assert not data.there[:, n].any()
            continue
        end = int(done[:, n].argmax())
        np.testing.assert_array_equal(data.there[:, n], np.arange(len(done)) <= end)
        earned = float(traj.outcome.episode_return[end, n])
        shift = traj.obs[: end + 1, n].at[:, -1].add(earned - WON)
        close(data.obs[: end + 1, n], shift)
    assert done.any(0).sum() > 4


@functools.cache
def collected():
    """Random behaviour in the T-maze: returns from all wrong to all right."""

    def act(key, carry, obs):
        action = jax.random.randint(key, obs.shape[:1], 0, 3)
        return action, jnp.zeros(obs.shape[0]), carry

    @jax.jit
    def run(key):
        key_start, key_run = jax.random.split(key)
        loop = on_policy.start(key_start, ENV, ENV.params, 512)
        steps = 4 * (LENGTH + 1)
        return on_policy.rollout(key_run, ENV, ENV.params, act, lambda a: a, loop, steps)[1]

    traj = run(jax.random.key(0))
    return cloning.in_hindsight(traj), traj


@functools.cache
def fitted(learning_rate):
    """Parameters and losses of 1,600 steps; with a small step size they are half done."""
    plan = cloning.Fit(learning_rate=learning_rate, num_steps=1_600, batch_size=128)
    return fit_program()(jax.random.key(1), plan, collected()[0])


@functools.cache
def fit_program():
    return jax.jit(lambda key, plan, data: decision_s4.fit(key, ENV, HP, data, plan))


def asked(desired):
    return replace(ENV.params, wrappers=(ReturnToGo(desired),))


@functools.cache
def trained():
    """Runs from half fitted parameters and from none: parameters before and after each of a few
    updates, and returns of all."""
    made = decision_s4.make(ENV)
    chunk = jax.jit(jax.vmap(made.chunk))
    scratch = jax.jit(made.init)(jax.random.key(2), HP)
    half = decision_s4.begin(scratch, fitted(HALF)[0])
    state = jax.tree.map(lambda *x: jnp.stack(x), half, scratch)
    params, returns = [half.learner.params], []
    for i in range(40):
        state, metrics = chunk(state)
        returns.append(metrics["episode_return"])
        if i < 4:
            params.append(jax.tree.map(lambda x: x[0], state.learner.params))
    return params, np.asarray(returns)


def test_who_asks_for_more_gets_more():
    """The data are of random steps: what is asked for, and the sign, say which way to turn."""
    params, losses = fitted(WHOLE)
    made, hp = decision_s4.make(ENV), replace(HP, eval_episodes=64)

    @jax.jit
    @jax.vmap
    def earned(desired):
        state = made.init(jax.random.key(2), hp, asked(desired))
        return made.evaluate(decision_s4.begin(state, params))["eval_return"]

    won, lost = earned(jnp.asarray([WON, LOST]))
    assert losses[-10:].mean() < losses[0] - 0.1
    assert won > 0.8
    assert abs(lost - LOST) < 0.1


def test_acting_improves_what_was_fitted_and_what_was_fitted_helps():
    _, returns = trained()
    before, after = returns[:2].mean(0), returns[-10:].mean(0)
    assert before[0] < 0.45 and after[0] > 0.85
    assert after[1] < 0.6  # (1 - 0.025) / 2 is the bound without a memory


def test_the_policy_rests_while_the_critic_learns_and_its_state_spaces_always():
    params, _ = trained()
    for i, (before, after) in enumerate(itertools.pairwise(params)):
        moved = jax.tree.map(lambda x, y: float(jnp.abs(x - y).max()), before, after)
        assert min(jax.tree.leaves((moved["critic"]["core"], moved["value"]))) > 0.0
        core = moved["policy"]["core"]
        assert max(core.pop(name) for name in ("rate", "angle", "step", "c")) == 0.0
        rest = jax.tree.leaves((moved["policy"], moved["out"]))
        assert min(rest) > 0.0 if i % 2 else max(rest) == 0.0


@pytest.mark.parametrize("net", [TwoMemories(S4D(8, 4), hidden=(8,)), Recurrent(GRU(8))])
def test_without_rest_and_with_nothing_held_it_is_recurrent_ppo(net):
    """Bit for bit."""
    hp = replace(HP, net=net, held=Nothing(), policy_every=1, num_updates=2, num_steps=4)
    shared = {f: getattr(hp, f) for f in vars(ppo.PPO())}
    other = recurrent_ppo.recurrent_ppo(**shared)
    (got, told), (want, also) = (
        jax.jit(lambda key, made=made, hp=hp: made.chunk(made.init(key, hp)))(jax.random.key(2))
        for made, hp in ((decision_s4.make(ENV), hp), (recurrent_ppo.make(ENV), other))
    )
    same = functools.partial(jax.tree.map, np.testing.assert_array_equal)
    same(got.learner.params, want.learner.params)
    same(got.learner.opt_state, want.learner.opt_state)
    same(told, also)
    same(got.loop, want.loop)


def test_a_network_that_does_not_see_whole_episodes_is_refused():
    hp = replace(HP, net=ActorCritic())
    with pytest.raises(ConfigError, match="ActorCritic does not see whole episodes; use Two"):
        decision_s4.make(ENV).init(jax.random.key(0), hp)
    with pytest.raises(ConfigError, match="use TwoMemories"):
        decision_s4.fit(jax.random.key(0), ENV, hp, collected()[0], cloning.Fit())


def test_fits_are_lanes_and_serve_actions_of_a_box():
    """The best action is half of what is seen, and random ones lie around it."""
    env = wrap(probes.make("ContinuousAction"), ReturnToGo(1.0))
    hp = replace(HP, net=TwoMemories(S4D(8, 4), hidden=(16,)))
    obs = jax.random.choice(jax.random.key(0), jnp.array([-1.0, 1.0]), (1, 256, 1))
    action = 0.5 * obs + 0.5 * jax.random.normal(jax.random.key(1), obs.shape)
    seen = jnp.concatenate([obs, 1.0 - jnp.square(action - 0.5 * obs)], -1)
    data = cloning.Episodes(seen, action, jnp.ones((1, 256), bool))

    @jax.jit
    @jax.vmap
    def run(rate):
        plan = cloning.Fit(learning_rate=rate, num_steps=300)
        params, losses = decision_s4.fit(jax.random.key(0), env, hp, data, plan)
        built = advantage.parts(env, hp)
        seen = jnp.array([[-1.0, 1.0], [1.0, 1.0]])
        out, _, _ = built.net.step(params, built.net.start(2), seen)
        return losses, built.head.decode(built.head.mode(out))[:, 0]

    rates = jnp.array([0.0, 1e-2])
    assert "lapack" not in str(run.lower(rates).compile().as_text()).lower()
    losses, found = run(rates)
    np.testing.assert_allclose(found[1], [-0.5, 0.5], atol=0.15)
    assert np.abs(found[0]).max() < 0.1
    entropy = 0.5 * np.log(2 * np.pi * np.e * 0.25)  # of the actions, nats
    np.testing.assert_allclose(losses[1, -50:].mean(), entropy, atol=0.1)


def test_a_fit_takes_schedules_and_refuses_statistics_of_a_run():
    data = collected()[0]
    falling = cloning.Fit(learning_rate=Linear(1e-2, 0.0), num_steps=20, batch_size=8)
    hp = replace(HP, learning_rate=Linear(1e-3, 0.0))
    params, losses = decision_s4.fit(jax.random.key(0), ENV, hp, data, falling)
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    still = replace(falling, learning_rate=0.0)
    rested, _ = decision_s4.fit(jax.random.key(0), ENV, hp, data, still)
    same = jax.tree.map(lambda x, y: bool((x == y).all()), params, rested)
    assert not all(jax.tree.leaves(same))
    with pytest.raises(ConfigError, match="fitted policy has seen none"):
        running = replace(hp, norm=advantage.Norm(obs=Standard()))
        decision_s4.fit(jax.random.key(0), ENV, running, data, falling)


def test_a_rest_is_no_news_of_how_far_updates_go():
    """The price of the KL rises with every update that goes too far, and with no other."""
    hp = replace(
        HP, policy_every=3, held=Nothing(), learning_rate=0.1, proximity=Adaptive(target=1e-5)
    )
    made = decision_s4.make(ENV)
    state, chunk, prices = made.init(jax.random.key(0), hp), jax.jit(made.chunk), []
    for _ in range(6):
        state, _ = chunk(state)
        prices.append(float(state.learner.memory["proximity"]))
    assert prices == [1.0, 1.0, 2.0, 2.0, 2.0, 4.0]
