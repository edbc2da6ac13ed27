"""D4PG: five-step categorical targets against loops, exact return distributions, its limits."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxac import config
from jaxac.algos.off_policy import d4pg, ddpg
from jaxac.data.laws import Uniform
from jaxac.data.replay import Replay
from jaxac.data.storage import Transition
from jaxac.heads.returns import Categorical, Value
from jaxac.runners import actor_critic

from .short import ENV, assert_equal, learned, member, tiny

RNG = np.random.default_rng(0)
LOW, HIGH, NUM = -40.0, 10.0, 11


def test_targets_are_five_rewards_and_a_projected_distribution():
    """Against loops over the buffer's rows, the atoms and their two neighbours."""
    hp = tiny(d4pg.d4pg(), **{"critic.returns": Categorical(LOW, HIGH, NUM)})
    built, steps = actor_critic.parts(ENV, hp), np.arange(60).reshape(20, 3)
    obs = jnp.asarray(RNG.normal(size=(21, 3, 3)), jnp.float32)
    truncated = jnp.asarray(steps % 7 == 6)
    rows = Transition(
        obs[:-1],
        jnp.asarray(RNG.uniform(-1, 1, (20, 3, 1)), jnp.float32),
        jnp.asarray(RNG.normal(size=(20, 3)), jnp.float32) * 5.0,
        jnp.zeros((20, 3), bool),
        truncated,
        obs[1:],
        jnp.zeros((20, 3), jnp.int32),
    )
    learner = actor_critic.begin(built, jax.random.key(0), hp, obs[0])
    buffer = hp.replay.init(jax.tree.map(lambda x: x[0], rows), 20)
    buffer = hp.replay.add(buffer, rows)
    ring, places = buffer.ring, jnp.arange(12) * 5
    batch = hp.replay.batch(buffer, places, jnp.ones(12), hp.gamma)
    got = hp.backup(jax.random.key(2), (), actor_critic.functions(built, hp, learner), batch)
    rows = jax.tree.map(np.asarray, ring.rows)
    want = np.zeros((12, NUM))
    for i in range(12):
        time, env = divmod(int(places[i]), hp.num_envs)
        reward, discount, last = 0.0, 1.0, time
        for k in range(5):
            last, reward = time + k, reward + discount * rows.reward[time + k, env]
            discount *= 0.99
            if rows.truncated[last, env] or last == int(ring.written) - 1:
                break
        obs = jnp.asarray(rows.final_obs[last, env])[None]
        action = built.head.mode(built.policy.apply(learner.slow["actor"], None, obs))
        out = built.critics.apply(member(learner.slow["critic"], 0), None, obs, action)[0, 0]
        share, spacing = np.asarray(jax.nn.softmax(out)), (HIGH - LOW) / (NUM - 1)
        for j in range(NUM):
            moved = np.clip(reward + discount * (LOW + j * spacing), LOW, HIGH)
            place = (moved - LOW) / spacing
            below = min(int(np.floor(place)), NUM - 2)
            want[i, below] += share[j] * (below + 1 - place)
            want[i, below + 1] += share[j] * (place - below)
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_backups_of_a_chain_give_its_exact_return_distribution():
    """Three steps of reward 1 or -1 at a discount of 1/2: eight returns, all on the grid."""
    returns = Categorical(-2.0, 2.0, 17)
    out = jnp.where(returns.grid == 0.0, 0.0, -1e9)[None]
    for _ in range(3):
        half = [
            returns.backup(jax.random.key(0), out, jnp.full(1, r), jnp.full(1, 0.5))
            for r in (1.0, -1.0)
        ]
        out = jnp.log(0.5 * (half[0] + half[1]))
    want = np.zeros(17)
    for signs in np.ndindex(2, 2, 2):
        total = sum((1 - 2 * s) * 0.5**k for k, s in enumerate(signs))
        want[round((total + 2.0) / 0.25)] += 1 / 8
    np.testing.assert_allclose(jax.nn.softmax(out)[0], want, atol=1e-6)
    np.testing.assert_allclose(returns.std(out)[0], np.sqrt(1 + 1 / 4 + 1 / 16), rtol=1e-5)


def test_without_its_changes_it_is_ddpg():
    """One reward, numbers for distributions, even draws, slow averages: bit for bit."""
    base = tiny(ddpg.ddpg())
    plain = config.configure(
        tiny(d4pg.d4pg()),
        {
            "critic.returns": Value(),
            "critic.learning_rate": 1e-3,
            "critic.slow": base.critic.slow,
            "actor.slow": base.actor.slow,
            "actor.explore": base.actor.explore,
            "replay": Replay(256, law=Uniform()),
        },
    )
    assert_equal(learned(plain), learned(base))
