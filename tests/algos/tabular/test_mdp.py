import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular.mdp import (
    DOWN,
    EAST,
    LEFT,
    RIGHT,
    UP,
    WEST,
    chain,
    check,
    garnet,
    grid,
    lock,
    random_walk,
    ring,
)
from jaxac.errors import ConfigError, EnvError

BUILT = {
    "chain": lambda: chain(6, slip=0.3, small=0.1),
    "shortest chain": lambda: chain(2),
    "random walk": lambda: random_walk(5),
    "shortest walk": lambda: random_walk(1),
    "grid": lambda: grid(3, 4, walls=[(1, 1), (0, 2)], slip=0.2),
    "corridor": lambda: grid(1, 2),
    "ring": lambda: ring(6, speed=0.1, slip=0.2),
    "shortest ring": lambda: ring(2),
    "lock": lambda: lock(8),
    "shortest lock": lambda: lock(1, num_actions=2),
    "garnet": lambda: garnet(jax.random.key(3), 2, 1, 1),
}


@pytest.mark.parametrize("name", BUILT)
def test_builders_pass_the_check_and_terminal_states_loop_unpaid(name):
    mdp = BUILT[name]()
    check(mdp)
    mdp = jax.device_get(mdp)
    ends = np.flatnonzero(mdp.terminal)
    np.testing.assert_array_equal(mdp.transition[ends, :, ends], 1.0)
    np.testing.assert_array_equal(mdp.reward[ends], 0.0)


CHAIN = chain(3)
BROKEN = {
    r"transition\[1, 0\] does not sum to 1": {"transition": CHAIN.transition.at[1, 0, 2].add(0.1)},
    r"transition\[0, 1, 2\] is not a probability": {
        "transition": CHAIN.transition.at[0, 1].set(jnp.array([0.5, 1.0, -0.5]))
    },
    r"transition\[0, 0, 0\] is not a prob": {"transition": CHAIN.transition.at[0].set(jnp.nan)},
    r"transition must be \(3, 2, 3\)": {"transition": jnp.ones((2, 3, 3)) / 3},
    r"reward must be \[S, A\]": {"reward": jnp.zeros(3)},
    r"reward\[2, 1\] is not a finite number": {"reward": CHAIN.reward.at[2, 1].set(jnp.inf)},
    r"terminal must be \(3,\)": {"terminal": jnp.zeros(2, bool)},
    r"terminal must be bool": {"terminal": jnp.zeros(3)},
    r"start does not sum to 1": {"start": jnp.array([0.5, 0.4, 0.0])},
    r"start\[1\] is not a probability": {"start": jnp.array([1.5, -0.5, 0.0])},
    r"start\[2\] begins where all is over": {"start": jnp.array([0.5, 0.0, 0.5])},
}


@pytest.mark.parametrize("message", BROKEN)
def test_check_names_what_is_wrong(message):
    def change(path, x):  # past the constructor, whose annotations a test run may enforce
        return BROKEN[message].get(path[0].name, x)

    with pytest.raises(EnvError, match=message):
        check(jax.tree_util.tree_map_with_path(change, CHAIN))


REFUSED = {
    "chain.length": lambda: chain(1),
    "chain.slip": lambda: chain(4, slip=1.1),
    "random_walk.length": lambda: random_walk(4),
    "ring.length": lambda: ring(1),
    "ring.speed": lambda: ring(4, speed=1.5),
    "ring.slip": lambda: ring(4, slip=-0.5),
    "lock.length": lambda: lock(0),
    "lock.num_actions": lambda: lock(3, num_actions=1),
    "grid": lambda: grid(1, 1),
    "grid.slip": lambda: grid(2, 2, slip=-0.1),
    "grid.goal": lambda: grid(2, 2, goal=(2, 0)),
    "grid.start": lambda: grid(2, 2, start=(1, 1)),
    "grid.walls": lambda: grid(2, 2, walls=[(-1, 0)]),
    "garnet.num_states": lambda: garnet(jax.random.key(0), 0, 2, 1),
    "garnet.num_actions": lambda: garnet(jax.random.key(0), 3, 0, 1),
    "garnet.branching": lambda: garnet(jax.random.key(0), 3, 2, 4),
}


@pytest.mark.parametrize("path", REFUSED)
def test_builders_refuse_bad_arguments_by_name(path):
    with pytest.raises(ConfigError) as error:
        REFUSED[path]()
    assert error.value.path == path


def test_a_wall_can_be_neither_start_nor_goal():
    for path, cell in (("grid.start", (0, 0)), ("grid.goal", (1, 1))):
        with pytest.raises(ConfigError, match="is a wall") as error:
            grid(2, 2, walls=[cell])
        assert error.value.path == path


def test_chain_slips_the_other_way_and_pays_at_both_ends():
    mdp = jax.device_get(chain(4, slip=0.25, small=0.1))
    np.testing.assert_allclose(mdp.transition[1, RIGHT], [0.25, 0.0, 0.75, 0.0])
    np.testing.assert_allclose(mdp.transition[0, LEFT], [0.75, 0.25, 0.0, 0.0])
    np.testing.assert_allclose(mdp.reward, [[0.1, 0.0], [0.0, 0.0], [0.25, 0.75], [0.0, 0.0]])
    np.testing.assert_array_equal(mdp.start, [1.0, 0.0, 0.0, 0.0])


def test_ring_goes_round_slowly_and_pays_opposite_the_start():
    mdp = jax.device_get(ring(4, speed=0.5, slip=0.2))
    np.testing.assert_allclose(mdp.transition[0, RIGHT], [0.5, 0.4, 0.0, 0.1])
    np.testing.assert_allclose(mdp.transition[3, LEFT], [0.1, 0.0, 0.4, 0.5], atol=1e-7)
    np.testing.assert_array_equal(mdp.reward, [[0, 0], [0, 0], [1, 1], [0, 0]])


def test_lock_opens_by_one_combination():
    mdp = jax.device_get(lock(3, num_actions=4))
    np.testing.assert_array_equal(np.argwhere(mdp.transition[:3, :, 1:3]), [[0, 0, 0], [1, 3, 1]])
    np.testing.assert_array_equal(np.argwhere(mdp.reward), [[2, 2]])
    np.testing.assert_array_equal(mdp.transition[3, :, 3], 1.0)


def test_random_walk_starts_midway_and_pays_on_the_right_alone():
    mdp = jax.device_get(random_walk(5))
    np.testing.assert_array_equal(np.flatnonzero(mdp.start), [3])
    np.testing.assert_array_equal(np.flatnonzero(mdp.terminal), [0, 6])
    np.testing.assert_array_equal(np.argwhere(mdp.reward), [[5, RIGHT]])
    assert mdp.reward[5, RIGHT] == 1.0


def test_grid_moves_stop_at_walls_and_borders_and_slip_sideways():
    mdp = jax.device_get(
        grid(2, 3, walls=[(0, 1)], slip=0.2)
    )  # cells 0 #1 2 / 3 4 5, the goal is 5
    p = mdp.transition
    np.testing.assert_allclose(p[0, EAST], [0.9, 0, 0, 0.1, 0, 0], atol=1e-6)  # wall; up, down
    np.testing.assert_allclose(p[4, WEST], [0, 0, 0, 0.8, 0.2, 0], atol=1e-6)  # wall, border
    np.testing.assert_allclose(p[3, UP], [0.8, 0, 0, 0.1, 0.1, 0], atol=1e-6)  # border, east
    np.testing.assert_allclose(mdp.reward[2, DOWN], 0.8, atol=1e-6)
    np.testing.assert_allclose(mdp.reward[4, EAST], 0.8, atol=1e-6)
    np.testing.assert_allclose(p[:, :, 1][~mdp.terminal], 0.0)


@pytest.fixture(scope="module")
def garnets():
    """Eight Garnets of 20 states, 4 actions and 3 successors."""
    draw = jax.jit(lambda key: garnet(key, 20, 4, 3))
    each = [jax.device_get(draw(jax.random.key(seed))) for seed in range(8)]
    return jax.tree.map(lambda *x: np.stack(x), *each)


def test_garnet_has_exactly_branching_successors_everywhere(garnets):
    for i in range(8):
        check(jax.tree.map(lambda x, i=i: x[i], garnets))
    np.testing.assert_array_equal((garnets.transition > 0).sum(-1), 3)
    assert np.ptp(garnets.reward, axis=0).min() > 0  # no number fixed over keys


def test_garnet_parts_are_those_of_uniform_cuts(garnets):
    """Parts between b - 1 uniform cuts are Dirichlet(1, ..., 1): E[p ** 2] = 2 / (b * (b + 1))."""
    p, reward = garnets.transition, garnets.reward
    np.testing.assert_allclose(np.square(p[p > 0]).mean(), 1 / 6, atol=0.01)
    np.testing.assert_allclose(p.mean((0, 1, 2)), 1 / 20, atol=0.02)
    np.testing.assert_allclose([reward.mean(), reward.std()], [0.0, 1.0], atol=0.1)


def test_slip_may_be_traced_so_a_family_is_a_vmap():
    slips = jnp.array([0.0, 0.4])
    for build in (lambda slip: chain(4, slip), lambda slip: grid(2, 2, slip=slip)):
        family = jax.device_get(jax.jit(jax.vmap(build))(slips))
        for i in range(2):
            alone = jax.device_get(build(float(slips[i])))
            np.testing.assert_allclose(family.transition[i], alone.transition, atol=1e-7)
            np.testing.assert_allclose(family.reward[i], alone.reward, atol=1e-7)
