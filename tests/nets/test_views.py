"""What policy and value see of an observation with names: privileged state and action masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxac.envs.contract import Box, Discrete
from jaxac.errors import EnvError
from jaxac.heads import Default, Squashed
from jaxac.heads.categorical import Categorical
from jaxac.nets import CNN, MLP, ActorCritic, SharedTrunk, TwoTrunks

HEAD, N = Categorical(4), 6
SPACES = {"policy": Box((3,)), "critic": Box((5,))}
MASK = Box((4,), 0.0, 1.0, "bool")
LEGAL = np.array(
    [[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1], [0, 1, 0, 0]], bool
)


def drawn(space, seed=0, lead=(N,)):
    """Random observations of a space."""
    rng = np.random.default_rng(seed)
    boxes = space if isinstance(space, dict) else {"": space}
    found = {k: rng.normal(size=(*lead, *b.shape)).astype(b.dtype) for k, b in boxes.items()}
    return found if isinstance(space, dict) else found[""]


def start(plan, space, head=HEAD):
    """A network with random parameters of the shapes that `init` gives."""
    net, rng = plan.build(head, space), np.random.default_rng(0)
    like = jax.eval_shape(net.init, jax.random.key(0), drawn(space))
    return net, jax.tree.map(lambda x: rng.normal(size=x.shape).astype(x.dtype), like)


IMAGES = {"policy": Box((4, 4, 2), 0.0, 255.0, "uint8"), "critic": Box((5,))}


@pytest.mark.parametrize(
    ("plan", "spaces"),
    [
        (ActorCritic((8,)), SPACES),
        (TwoTrunks(MLP((8,)), MLP((6, 7))), SPACES),
        (TwoTrunks(CNN((2,), hidden=(8,)), MLP((6,))), IMAGES),
    ],
    ids=["one plan", "two plans", "pixels and state"],
)
def test_the_policy_never_sees_the_critics_view_nor_the_value_the_policys(plan, spaces):
    net, params = start(plan, spaces)
    step = jax.jit(net.step)
    a, b = drawn(spaces, 0), drawn(spaces, 1)
    out, value, _ = step(params, (), a)
    assert (out.shape, value.shape) == ((N, 4), (N,))
    other_critic = step(params, (), {"policy": a["policy"], "critic": b["critic"]})
    np.testing.assert_array_equal(other_critic[0], out)
    assert (other_critic[1] != value).all()
    other_policy = step(params, (), {"policy": b["policy"], "critic": a["critic"]})
    np.testing.assert_array_equal(other_policy[1], value)
    assert (other_policy[0] != out).any(-1).all()


def test_gradients_keep_to_their_own_view():
    net, params = start(ActorCritic((8,)), SPACES)

    def total(obs, which):
        return net.step(params, (), obs)[which].sum()

    of_out, of_value = (jax.grad(total)(drawn(SPACES), which) for which in (0, 1))
    assert not of_out["critic"].any() and of_out["policy"].any()
    assert not of_value["policy"].any() and of_value["critic"].any()


@pytest.mark.parametrize("plan", [ActorCritic((8,)), SharedTrunk((8,)), TwoTrunks()])
def test_an_observation_named_policy_alone_is_the_observation(plan):
    plain, named = Box((3,)), {"policy": Box((3,))}
    x, key = drawn(plain), jax.random.key(0)
    nets = plan.build(HEAD, plain), plan.build(HEAD, named)
    params = [jax.jit(n.init)(key, o) for n, o in zip(nets, (x, {"policy": x}), strict=True)]
    assert jax.tree.structure(params[0]) == jax.tree.structure(params[1])
    jax.tree.map(np.testing.assert_array_equal, *params)
    for a, b in zip(
        nets[0].step(params[0], (), x), nets[1].step(params[0], (), {"policy": x}), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_shared_trunk_refuses_privileged_observations():
    with pytest.raises(EnvError, match=r"one trunk.*use ActorCritic or TwoTrunks"):
        SharedTrunk().build(HEAD, SPACES)


def masked(plan=None, lead=(N,), legal=LEGAL):
    space = {"policy": Box((3,)), "action_mask": MASK}
    net, params = start(plan or ActorCritic((8,)), space)
    return net, params, {"policy": drawn(space["policy"], lead=lead), "action_mask": legal}


@pytest.mark.parametrize("plan", [ActorCritic((8,)), SharedTrunk((8,)), TwoTrunks()])
def test_illegal_actions_have_probability_zero_and_legal_ones_the_softmax_over_them(plan):
    net, params, obs = masked(plan)
    out, value, _ = jax.jit(net.step)(params, (), obs)
    net = start(plan, Box((3,)))[0]
    bare, bare_value, _ = jax.jit(net.step)(params, (), obs["policy"])
    np.testing.assert_array_equal(value, bare_value)
    logits = np.asarray(bare, np.float64)
    log_prob = np.stack([HEAD.log_prob(out, jnp.full(N, a)) for a in range(4)], -1)
    assert np.isfinite(log_prob).all() and (np.exp(log_prob)[~LEGAL] == 0.0).all()
    for i in range(N):
        p = scipy.special.softmax(logits[i, LEGAL[i]])
        np.testing.assert_allclose(np.exp(log_prob[i, LEGAL[i]]), p, rtol=1e-5)
        entropy = -(p * np.log(p)).sum()
        np.testing.assert_allclose(HEAD.entropy(out)[i], entropy, rtol=1e-4, atol=1e-6)
        best = np.flatnonzero(LEGAL[i])[logits[i, LEGAL[i]].argmax()]
        assert HEAD.mode(out)[i] == best
    assert (logits.argmax(-1) != HEAD.mode(out)).any()  # the mask mattered


def test_illegal_actions_are_never_drawn_even_if_their_logits_are_large():
    logits = jnp.where(LEGAL, 0.0, 1e4)
    out = HEAD.mask(logits, LEGAL)
    keys = jax.random.split(jax.random.key(0), 2_000)
    actions = np.asarray(jax.jit(jax.vmap(HEAD.sample, (0, None)))(keys, out))
    for i in range(N):
        assert set(actions[:, i]) == set(np.flatnonzero(LEGAL[i]))


def test_gradients_are_finite_and_zero_for_illegal_actions():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(N, 4)), jnp.float32)
    action = jnp.asarray(LEGAL.argmax(-1))

    def loss(logits):
        out = HEAD.mask(logits, LEGAL)
        log_prob = HEAD.log_prob(out, action)
        return HEAD.entropy(out).sum() + jnp.exp(log_prob).sum() + log_prob.sum()

    grad = np.asarray(jax.jit(jax.grad(loss))(logits))
    assert np.isfinite(grad).all() and (grad[~LEGAL] == 0.0).all()
    several = LEGAL & (LEGAL.sum(-1, keepdims=True) > 1)
    assert (grad[several] != 0.0).all()


def test_where_no_action_is_legal_all_are_equally_likely():
    """The observation after a game's end; nothing of it may be NaN."""
    out = HEAD.mask(jnp.array([3.0, 0.0, -1.0, 9.0]), jnp.zeros(4, bool))
    np.testing.assert_allclose(HEAD.entropy(out), np.log(4), rtol=1e-6)
    np.testing.assert_allclose(HEAD.log_prob(out, jnp.int32(3)), -np.log(4), rtol=1e-6)


def test_masks_have_the_leading_axes_of_the_observation():
    legal = np.broadcast_to(LEGAL, (5, N, 4))
    net, params, obs = masked(lead=(5, N), legal=legal)
    out, _, _ = net.scan(params, (), obs, jnp.zeros((5, N), bool))
    assert out.shape == (5, N, 4)
    assert (np.asarray(out)[~legal] < -1e8).all() and (np.asarray(out)[legal] > -1e3).all()


@pytest.mark.parametrize("policy", [Default(), Squashed()], ids=lambda x: type(x).__name__)
def test_a_mask_of_box_actions_is_refused(policy):
    space = {"policy": Box((3,)), "action_mask": MASK}
    for plan in (ActorCritic(), SharedTrunk(), TwoTrunks()):
        with pytest.raises(EnvError, match="marks legal discrete actions"):
            plan.build(policy(Box((4,), -1.0, 1.0)), space)
        plan.build(Default()(Discrete(4)), space)


@pytest.mark.parametrize("mask", [Box((3,), 0.0, 1.0, "bool"), Box((4,), 0.0, 1.0)], ids=str)
def test_a_mask_of_another_size_or_type_is_refused(mask):
    with pytest.raises(EnvError, match=r'must be Box\(\(4,\), 0, 1, "bool"\)'):
        ActorCritic().build(HEAD, {"policy": Box((3,)), "action_mask": mask})
