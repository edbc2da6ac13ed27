"""Dueling DQN: the network splits into a value and advantages of mean zero."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.algos.off_policy import dqn, dueling_dqn
from jaxac.nets.critic import Plain
from jaxac.ops.bootstrap import Max

from .few import ENV, batch, begin, small, steps

HP = small(dueling_dqn.dueling_dqn(learning_rate=0.05))


def test_advantages_have_mean_zero():
    """The mean over actions is the value stream's output, and the rest the advantage stream's."""
    learner, _ = steps(HP)
    net, data, params = dqn.parts(ENV, HP).net, batch(), learner.params
    heads = [k for k in params["params"] if k.startswith("heads")]
    value, advantage = sorted(heads)
    q = net.apply(params, None, data.obs)[..., 0]

    def shifted(stream):
        layer = jax.tree.map(lambda x: x + 1.0, params["params"][stream])
        return net.apply({"params": {**params["params"], stream: layer}}, None, data.obs)[..., 0]

    one, other = shifted(value), shifted(advantage)
    np.testing.assert_allclose(other, q, atol=1e-4, err_msg="a common advantage is no advantage")
    gap = np.asarray(one - q)
    assert np.abs(gap).min() > 0.5
    np.testing.assert_allclose(gap, gap.mean(-1, keepdims=True) + 0 * gap, atol=1e-4)


def test_each_stream_has_a_layer_of_its_own():
    net = dqn.parts(ENV, HP).net
    shapes = jax.tree.map(jnp.shape, jax.eval_shape(net.init, jax.random.key(0), batch().obs))
    kernels = [x for x in jax.tree.leaves(shapes, is_leaf=lambda x: isinstance(x, tuple))]
    assert sorted(k for k in kernels if len(k) == 2) == [(6, 8), (8, 1), (8, 3), (8, 8), (8, 8)]
    assert begin(HP).step == 0


def test_it_is_dqn_but_for_the_network_and_the_bootstrap():
    assert dueling_dqn.dueling_dqn(net=Plain(), bootstrap=Max()) == dqn.DQN()
