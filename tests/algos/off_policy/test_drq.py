"""DrQ: shifts, averaged targets, the shared encoder, and SAC where nothing is shifted."""

import functools
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config, registry
from jaxac.algos.off_policy import drq, sac
from jaxac.core import frozen, replace, scheduled
from jaxac.data.frames import Frames
from jaxac.data.replay import Batch
from jaxac.envs.contract import Box
from jaxac.envs.wrap import wrap
from jaxac.envs.wrappers import FrameStack
from jaxac.nets import encoder as encoders
from jaxac.ops.augment import Shift, Unchanged, copies, repeated
from jaxac.ops.normalise import Bytes
from jaxac.ops.reduce import SubsetMin
from jaxac.runners import actor_critic, encoded

from .short import ENV, assert_close, assert_equal, tiny

KEY, NUM = jax.random.key(3), 6
STILL = {"num_targets": 1, "num_copies": 1, "augment.pad": 0}
PIXELS = registry.make_env("pixel/PixelPendulumSpeed-v0")


def small(**changes):
    """Narrow networks, and shifts of up to a pixel."""
    narrow = {"encoder.channels": (2,), "encoder.kernels": (3,), "encoder.strides": (4,)}
    paths = [f.path for f in config.fields(drq.drq()) if f.path.endswith(".init")]
    plain = {path: "Lecun" for path in paths if config.choices(drq.drq(), path)}
    return scheduled(
        tiny(drq.drq(), **narrow, **plain, **{"augment.pad": 1, **changes}), jnp.zeros(())
    )


def batch_of(env, seed=0):
    """Random transitions, every third of them the last; pixels are in [0, 1]."""
    rng = np.random.default_rng(seed)

    def obs():
        return jax.tree.map(
            lambda space: jnp.asarray(rng.uniform(size=(NUM, *space.shape)), jnp.float32),
            env.observation_space,
        )

    return Batch(
        obs=obs(),
        action=jnp.asarray(rng.uniform(-1, 1, (NUM, 1)), jnp.float32),
        reward=jnp.asarray(rng.normal(size=NUM), jnp.float32),
        discount=jnp.where(jnp.arange(NUM) % 3, 0.9, 0.0),
        final_obs=obs(),
        weight=jnp.ones(NUM),
        place=jnp.arange(NUM),
    )


@frozen
class Rewards:
    """Targets that are rewards alone, of which nothing is drawn."""

    def init(self, key, obs, action):
        return ()

    def __call__(self, key, memory, nets, batch):
        return batch.reward[:, None]

    def learn(self, key, memory, nets, batch):
        return memory, {}


@functools.partial(jax.jit, static_argnums=0)
def fresh(env, hp):
    """A learner that has learned nothing."""
    return encoded.method(env, actor_critic.one_round).init(KEY, hp, batch_of(env).obs)


@functools.cache
def begun(env):
    """The same of `small()`, made once."""
    return fresh(env, small())


@functools.partial(jax.jit, static_argnums=0)
def _critics(env, hp, learner):
    return drq.critic_step(encoded.parts(env, hp), hp, KEY, learner, batch_of(env))


@functools.partial(jax.jit, static_argnums=0)
def _policy(env, hp, learner):
    return drq.actor_step(encoded.parts(env, hp), hp, KEY, learner, batch_of(env))[0]


def critics_stepped(env, hp):
    """The learner after a step of the critics, with metrics and errors."""
    return _critics(env, hp, begun(env))


def policy_stepped(env, hp):
    """The learner after a step of the policy."""
    return _policy(env, hp, begun(env))


@pytest.fixture(scope="module")
def pixels():
    """A learner, it after a step of the critics, and it after one of the policy."""
    first = begun(PIXELS)
    return first, critics_stepped(PIXELS, small(**STILL))[0], policy_stepped(PIXELS, small())


def test_a_shift_is_a_crop_of_the_padded_image_and_every_crop_occurs():
    images = np.random.default_rng(0).integers(0, 256, (200, 4, 5, 2)).astype(np.uint8)
    images = np.repeat(images[:1], 200, axis=0)
    got = np.asarray(Shift(2)(KEY, jnp.asarray(images)))
    assert got.dtype == np.uint8
    wide = np.pad(images[0], ((2, 2), (2, 2), (0, 0)), "edge")
    crops = [wide[i : i + 4, j : j + 5].tobytes() for i in range(5) for j in range(5)]
    assert len(set(crops)) == 25
    assert {x.tobytes() for x in got} == set(crops)
    np.testing.assert_array_equal(Shift(0)(KEY, jnp.asarray(images)), images)


def test_vectors_are_not_shifted_and_copies_come_one_after_the_other():
    obs = {"policy": jnp.ones((3, 4, 4, 1)), "speed": jnp.arange(3.0)[:, None]}
    got = copies(KEY, Shift(1), obs, 2)
    np.testing.assert_array_equal(got["speed"][:, 0], [0, 1, 2, 0, 1, 2])
    assert got["policy"].shape == (6, 4, 4, 1)


@pytest.mark.usual_emitters
def test_without_padding_it_is_sac_from_pixels():
    """One copy of each, `Shift(0)` against none at all: the critics' step, bit for bit."""
    got = critics_stepped(PIXELS, small(**STILL))
    want = critics_stepped(PIXELS, replace(small(**STILL), augment=Unchanged()))
    assert_equal(got, want)


def test_on_vectors_it_is_sac():
    """Both steps with any shifts and one copy, bit for bit."""
    hp, batch = small(num_targets=1, num_copies=1), batch_of(ENV)
    fields = ("actor", "critic", "temperature", "gamma", "batch_size")
    parent, first = replace(sac.sac(), **{k: getattr(hp, k) for k in fields}), begun(ENV)
    assert jax.tree.leaves(first.params["critic"]["encoder"]) == []

    built = actor_critic.parts(ENV, parent)
    begin = jax.jit(lambda hp: actor_critic.begin(built, KEY, hp, batch.obs))(parent)

    @jax.jit
    def of_sac(hp, learner):
        key_critic, key_actor = jax.random.split(KEY, 3)[2], jax.random.split(KEY)[1]
        critics, *_ = actor_critic.critic_step(built, hp, key_critic, learner, batch)
        actor, _ = actor_critic.actor_step(built, hp, key_actor, learner, batch)
        return learner, critics, actor

    got = first, critics_stepped(ENV, hp)[0], policy_stepped(ENV, hp)
    for ours, theirs in zip(got, of_sac(parent, begin), strict=True):
        assert_equal(ours.params["critic"]["critic"], theirs.params["critic"])
        assert_equal(ours.params["actor"]["policy"], theirs.params["actor"])
        for name in ("opt_state", "slow", "temperature"):
            mine, sacs = (jax.tree.leaves(getattr(x, name)) for x in (ours, theirs))
            assert_equal(mine, sacs)


def test_the_critics_train_the_encoder_and_the_policy_leaves_it(pixels):
    first, critics, policy = pixels
    shared = [x.params["critic"]["encoder"] for x in pixels]

    def moves(a, b):
        return [
            float(np.abs(x - y).max()) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True)
        ]

    assert min(moves(shared[0], shared[1])) > 0.0
    assert_equal(shared[0], shared[2])
    for learner, encoder in zip(pixels, shared, strict=True):
        assert_equal(learner.params["actor"]["encoder"], jax.tree.map(lambda x: x[0], encoder))
    assert_equal(first.params["actor"]["policy"], critics.params["actor"]["policy"])
    assert min(moves(first.params["actor"]["policy"], policy.params["actor"]["policy"])) > 0.0


def test_the_averaged_target_is_the_mean_over_copies_in_any_order_and_varies_less(pixels):
    """Against the targets of each copy alone, with the policy's mode as the next action."""
    hp, batch, learner = small(), batch_of(PIXELS), pixels[0]
    built = encoded.parts(PIXELS, hp)

    def mode(key, obs):
        out = built.policy.apply(learner.params["actor"], None, obs)
        return built.head.mode(out), jnp.zeros(out.shape[0])

    @jax.jit
    def target(final_obs):
        num = final_obs["speed"].shape[0] // NUM
        nets = actor_critic.functions(built, hp, learner)._replace(proposal=mode)
        twice = repeated(batch, 2)
        return drq.Averaged(hp.backup, final_obs, num, 2)(KEY, (), nets, twice)

    shifted = [copies(jax.random.key(i), hp.augment, batch.final_obs, 1) for i in range(24)]
    alone = np.stack([target(x) for x in shifted])

    def joined(*which):
        return jax.tree.map(lambda *x: np.concatenate(x), *(shifted[i] for i in which))

    both, swapped = target(joined(0, 1)), target(joined(1, 0))
    np.testing.assert_allclose(both, alone[:2].mean(0), rtol=1e-5)
    np.testing.assert_allclose(both, swapped, rtol=1e-6)
    assert both.shape == (2 * NUM, 1)
    np.testing.assert_array_equal(both[:NUM], both[NUM:])
    pairs = np.stack([target(joined(i, i + 1)) for i in range(0, 24, 2)])
    goes_on = np.tile(np.arange(NUM) % 3 > 0, 2)
    assert pairs.var(0)[goes_on].mean() < 0.7 * alone.var(0)[goes_on].mean()


def test_the_loss_is_the_mean_over_copies(pixels):
    """Of three copies that are all alike it is that of one, and so is the step."""
    hp = replace(small(num_targets=1), augment=Unchanged())
    built, first, batch = encoded.parts(PIXELS, hp), pixels[0], batch_of(PIXELS)

    @jax.jit
    def both(hp):
        return [
            drq.critic_step(built, replace(hp, num_copies=n, backup=Rewards()), KEY, first, batch)
            for n in (1, 3)
        ]

    one, three = both(hp)
    assert_close(one[1:], three[1:])
    assert_close(one[0].params, three[0].params, atol=1e-5)


def test_reductions_may_choose_members(pixels):
    built, params, batch = encoded.parts(PIXELS, small()), pixels[0].params, batch_of(PIXELS)
    apply = jax.jit(lambda params: built.critics.apply(params, None, batch.obs, batch.action))
    out, seen = apply(params["critic"]), set()
    for i in range(8):
        chosen = apply(SubsetMin(1).members(jax.random.key(i), params["critic"]))[0]
        found = [e for e in range(2) if np.allclose(chosen, out[e], atol=1e-6)]
        assert len(found) == 1
        seen.add(found[0])
    assert seen == {0, 1}


def test_an_observation_by_name_is_seen_whole_but_for_what_is_not_the_policys():
    seen = cast(dict[str, Box], PIXELS.observation_space)
    space = {**seen, "critic": seen["speed"]}
    plan = small().encoder
    module = encoders.encoder(plan, space)
    assert encoders.features(module, space).shape == (plan.width + 1,)
    obs = batch_of(PIXELS).obs
    got = jax.jit(lambda obs: module.init_with_output(KEY, obs)[0])(obs)
    np.testing.assert_array_equal(got[:, -1:], obs["speed"])
    assert 0.0 < jnp.abs(got[:, : plan.width]).max() <= 1.0


def test_bytes_are_scaled_and_stay_bytes_in_the_buffer_of_single_frames():
    env = wrap(registry.make_env("pixel/PixelPendulum-v0"), FrameStack(num=2))
    hp = replace(small(), replay=config.configure(small().replay, {"storage": Frames(2)}))
    state = jax.eval_shape(lambda: drq.make(env).init(jax.random.key(0), hp))
    frames = state.replay.ring.rows.obs
    assert frames.dtype == jnp.uint8 and frames.shape[-3:] == (16, 16, 1)
    obs = {"policy": jnp.full((2, 4, 4, 1), 255, jnp.uint8), "speed": jnp.full((2, 1), 0.3)}
    stats = Bytes().init(jax.tree.map(lambda x: x[0], obs))
    seen = Bytes()(stats, obs)
    np.testing.assert_allclose(seen["policy"], 1.0, rtol=1e-6)
    np.testing.assert_array_equal(seen["speed"], obs["speed"])
    assert_close(Bytes().inverse(stats, seen), obs)
