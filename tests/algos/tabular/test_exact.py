import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import exact
from jaxac.algos.tabular.mdp import MDP, RIGHT, chain, grid, random_walk
from jaxac.core import replace
from jaxac.errors import ConfigError

GAMMA = 0.9
SEEDS = range(4)


def problem(seed):
    """A dense random process whose last of 6 states is terminal, and logits of 3 actions."""
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.full(6, 0.3), (6, 3))
    reward, logits = rng.normal(size=(2, 6, 3))
    start = np.array([0.5, 0.2, 0.1, 0.1, 0.1, 0.0])
    p, r, d, z = (jnp.asarray(x, jnp.float32) for x in (transition, reward, start, logits))
    return MDP(p, r, jnp.arange(6) == 5, d), z


bellman_expectation = jax.jit(exact.bellman_expectation)
bellman_optimality = jax.jit(exact.bellman_optimality)
state_transition = jax.jit(exact.state_transition)
value = jax.jit(exact.policy_value)
q_value = jax.jit(exact.policy_q)
advantage = jax.jit(exact.advantage)
occupancy = jax.jit(exact.occupancy)
expected_return = jax.jit(exact.expected_return)
gradient = jax.jit(exact.policy_gradient)
optimal_value = jax.jit(exact.optimal_value)
optimal_policy = jax.jit(exact.optimal_policy)
soft_value = jax.jit(exact.soft_optimal_value)
soft_policy = jax.jit(exact.soft_optimal_policy)


def iterate(mdp, gamma, choose, num_steps=600):
    """V and Q by backups one state at a time, in float64; `choose(q, s)` makes V(s) of Q(s, .)."""
    p, r, ends = (np.asarray(x, np.float64) for x in (mdp.transition, mdp.reward, mdp.terminal))
    v, q = np.zeros(len(r)), np.zeros_like(r)
    for _ in range(num_steps):
        for s in range(len(r)):
            if not ends[s]:
                q[s] = r[s] + gamma * p[s] @ v
        v = np.array([0.0 if ends[s] else choose(q[s], s) for s in range(len(r))])
    return v, q


def uniform(mdp):
    return jnp.full(mdp.reward.shape, 1.0 / mdp.num_actions)


@pytest.mark.parametrize("seed", SEEDS)
def test_policy_value_and_q_match_a_naive_iteration(seed):
    mdp, logits = problem(seed)
    policy = jax.nn.softmax(logits)
    v, q = iterate(mdp, GAMMA, lambda q, s: np.asarray(policy)[s] @ q)
    np.testing.assert_allclose(value(mdp, policy, GAMMA), v, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(q_value(mdp, policy, GAMMA), q, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        advantage(mdp, policy, GAMMA), np.where(q == 0, 0, q - v[:, None]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_policy_value_is_the_fixed_point_of_its_own_backup_alone(seed):
    mdp, logits = problem(seed)
    policy = jax.nn.softmax(logits)
    v = value(mdp, policy, GAMMA)
    np.testing.assert_allclose(bellman_expectation(mdp, policy, v, GAMMA), v, rtol=1e-5, atol=1e-5)
    off = bellman_expectation(mdp, policy, v + 1.0, GAMMA) - v
    ends = state_transition(mdp, policy).sum(-1)
    np.testing.assert_allclose(off, GAMMA * ends, atol=1e-5)


def test_random_walk_is_worth_one_to_five_sixths():
    """Sutton & Barto 2018, example 6.2."""
    mdp = random_walk(5)
    v = value(mdp, uniform(mdp), 1.0)
    np.testing.assert_allclose(v, np.array([0, 1, 2, 3, 4, 5, 0]) / 6, atol=1e-6)


def test_random_walk_lasts_as_long_as_the_gamblers_ruin():
    """From i between 0 and N a fair walk takes i * (N - i) steps (Feller 1968, XIV.3)."""
    mdp = random_walk(5)
    visits = occupancy(mdp, uniform(mdp), 1.0)
    np.testing.assert_allclose(visits.sum(), 3 * (6 - 3), rtol=1e-5)
    np.testing.assert_array_equal(visits[np.asarray(mdp.terminal)], 0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_occupancy_matches_the_sum_over_time_and_pays_the_return(seed):
    mdp, logits = problem(seed)
    policy = jax.nn.softmax(logits)
    p, pi = np.asarray(mdp.transition, np.float64), np.asarray(policy, np.float64)
    alive = ~np.asarray(mdp.terminal)
    now, total = np.asarray(mdp.start, np.float64), np.zeros_like(pi)
    for t in range(400):
        both = now[:, None] * pi
        total += GAMMA**t * both
        now = np.einsum("sa,sax->x", both, p) * alive
    visits = occupancy(mdp, policy, GAMMA)
    np.testing.assert_allclose(visits, total, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        (visits * mdp.reward).sum(), expected_return(mdp, policy, GAMMA), rtol=1e-4, atol=1e-5
    )


def test_occupancy_of_a_process_without_end_sums_to_the_horizon():
    mdp = replace(problem(0)[0], terminal=jnp.zeros(6, bool))
    visits = occupancy(mdp, uniform(mdp), GAMMA)
    np.testing.assert_allclose(visits.sum(), 1.0 / (1.0 - GAMMA), rtol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_policy_gradient_is_occupancy_times_advantage(seed):
    """The policy gradient theorem, all states and actions enumerated (S&B, eq. 13.5)."""
    mdp, logits = problem(seed)
    policy = jax.nn.softmax(logits)
    enumerated = occupancy(mdp, policy, GAMMA) * advantage(mdp, policy, GAMMA)
    np.testing.assert_allclose(gradient(mdp, logits, GAMMA), enumerated, rtol=1e-4, atol=1e-5)


def test_policy_gradient_matches_finite_differences():
    mdp, logits = problem(1)
    by_hand, width = np.zeros(logits.shape), 0.05
    for index in np.ndindex(*logits.shape):
        up, down = (jax.nn.softmax(logits.at[index].add(d)) for d in (width, -width))
        rise = expected_return(mdp, up, GAMMA) - expected_return(mdp, down, GAMMA)
        by_hand[index] = rise / (2 * width)
    assert np.abs(by_hand).max() > 0.1
    np.testing.assert_allclose(gradient(mdp, logits, GAMMA), by_hand, atol=2e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_natural_gradient_solves_fishers_system_and_reweighs_the_policy(seed):
    mdp, logits = problem(seed)
    policy = jax.nn.softmax(logits)
    states = occupancy(mdp, policy, GAMMA).sum(-1)
    natural = exact.natural_gradient(mdp, logits, GAMMA)
    fisher = jax.vmap(jnp.diag)(policy) - policy[:, :, None] * policy[:, None]
    solved = states[:, None] * jnp.einsum("sab,sb->sa", fisher, natural)
    np.testing.assert_allclose(solved, gradient(mdp, logits, GAMMA), rtol=1e-4, atol=1e-5)
    stepped = expected_return(mdp, jax.nn.softmax(logits + natural), GAMMA)
    assert stepped > expected_return(mdp, policy, GAMMA)


@pytest.mark.parametrize("seed", SEEDS)
def test_natural_gradient_keeps_its_bound_on_the_gap(seed):
    """Agarwal et al. 2021, theorem 16: within (log A / step + 1 / (1 - gamma)^2) / T, from uniform.

    Of rewards in [0, 1].
    """
    mdp, _ = problem(seed)
    mdp = replace(mdp, reward=jax.nn.sigmoid(mdp.reward))
    logits, step = jnp.zeros_like(mdp.reward), 0.1
    best = (mdp.start * optimal_value(mdp, GAMMA)).sum()
    ascend = jax.jit(lambda z: z + step * exact.natural_gradient(mdp, z, GAMMA))
    first = best - expected_return(mdp, jax.nn.softmax(logits), GAMMA)
    for _ in range(50):
        logits = ascend(logits)
    gap = best - expected_return(mdp, jax.nn.softmax(logits), GAMMA)
    horizon = 1 / (1 - GAMMA)
    assert -1e-4 < gap <= (np.log(3) / (step * (1 - GAMMA)) + horizon**2) / 50
    assert gap < 0.2 * first


@pytest.mark.parametrize("seed", SEEDS)
def test_occupancy_policy_inverts_occupancy(seed):
    mdp, logits = problem(seed)
    policy = jax.nn.softmax(logits)
    found = exact.occupancy_policy(occupancy(mdp, policy, GAMMA))
    np.testing.assert_allclose(found[:-1], policy[:-1], atol=1e-5)
    np.testing.assert_allclose(found[-1], 1 / 3, atol=1e-6)  # no visit to the end


@pytest.mark.parametrize("seed", SEEDS)
def test_soft_value_iteration_contracts_to_the_soft_optimum(seed):
    mdp, _ = problem(seed)
    fixed = soft_value(mdp, GAMMA, 0.5)
    value, sweep = jnp.zeros(6), jax.jit(exact.bellman_soft)
    for _ in range(20):
        after = sweep(mdp, value, GAMMA, 0.5)
        assert jnp.abs(after - fixed).max() <= GAMMA * jnp.abs(value - fixed).max() + 1e-5
        value = after
    assert jnp.abs(value - fixed).max() < 0.5 * jnp.abs(fixed).max()


@pytest.mark.parametrize("seed", SEEDS)
def test_optimal_value_matches_naive_value_iteration_and_is_attained(seed):
    mdp, _ = problem(seed)
    v, q = iterate(mdp, GAMMA, lambda q, s: q.max())
    best = optimal_value(mdp, GAMMA)
    np.testing.assert_allclose(best, v, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(bellman_optimality(mdp, best, GAMMA), best, rtol=1e-5, atol=1e-5)
    policy = optimal_policy(mdp, GAMMA)
    np.testing.assert_array_equal(policy.argmax(-1), q.argmax(-1))
    np.testing.assert_allclose(value(mdp, policy, GAMMA), best, rtol=1e-5, atol=1e-5)


def test_chain_prefers_the_far_end_exactly_when_it_pays_more():
    """Right pays gamma ** (L - 2) from state 0, left for ever small / (1 - gamma)."""
    far = GAMMA ** (6 - 2)
    for small, action in ((0.9 * far * (1 - GAMMA), RIGHT), (1.1 * far * (1 - GAMMA), 1 - RIGHT)):
        mdp = chain(6, small=small)
        worth = max(far, small / (1 - GAMMA))
        np.testing.assert_allclose(optimal_value(mdp, GAMMA)[0], worth, rtol=1e-5)
        assert optimal_policy(mdp, GAMMA)[0].argmax() == action


def test_slippery_chain_is_worth_what_its_recursion_says():
    """Always right: V(1) = p + g (1 - p) V(0) and V(0) = g p V(1) + g (1 - p) V(0)."""
    slip, g = 0.25, GAMMA
    mdp, p = chain(3, slip=slip), 1 - slip
    v0 = g * p * p / (1 - g * (1 - p) - g * g * p * (1 - p))
    np.testing.assert_allclose(
        optimal_value(mdp, g), [v0, p + g * (1 - p) * v0, 0.0], rtol=1e-5, atol=1e-6
    )


def test_grid_is_worth_gamma_to_the_shortest_path():
    open_grid, walled = grid(3, 4), grid(3, 4, walls=[(1, 1), (1, 2), (1, 3)])
    steps = np.add.outer(np.arange(2, -1, -1), np.arange(3, -1, -1)).ravel()
    expected = np.where(steps == 0, 0.0, GAMMA ** (steps - 1.0))
    np.testing.assert_allclose(optimal_value(open_grid, GAMMA), expected, rtol=1e-5)
    around = [[5, 6, 7, 8], [4, 0, 0, 0], [3, 2, 1, 0]]  # moves to the goal around the wall
    expected = np.array([[GAMMA ** (d - 1) if d else 0.0 for d in row] for row in around]).ravel()
    np.testing.assert_allclose(optimal_value(walled, GAMMA), expected, rtol=1e-5)


def test_optimal_policy_of_a_long_chain_sees_a_faint_reward():
    mdp = chain(30)
    np.testing.assert_array_equal(optimal_policy(mdp, 0.5)[:-1].argmax(-1), RIGHT)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
def test_soft_optimum_is_the_fixed_point_of_its_own_backup(temperature):
    mdp, _ = problem(2)

    def soft_max(q, s):
        top = q.max()
        return top + temperature * np.log(np.exp((q - top) / temperature).sum())

    v, q = iterate(mdp, GAMMA, soft_max)
    np.testing.assert_allclose(soft_value(mdp, GAMMA, temperature), v, rtol=1e-5, atol=1e-5)
    expected = np.exp((q - v[:, None]) / temperature)
    policy = soft_policy(mdp, GAMMA, temperature)
    np.testing.assert_allclose(policy[:-1], expected[:-1], rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(policy.sum(-1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_soft_optimum_tends_to_the_hard_one_as_the_temperature_falls(seed):
    """0 <= V_soft - V <= temperature * log A / (1 - gamma), so the gap closes with it."""
    mdp, _ = problem(seed)
    hard = optimal_value(mdp, GAMMA)
    for temperature in (1.0, 0.1, 0.01):
        gap = soft_value(mdp, GAMMA, temperature) - hard
        assert gap.min() > -1e-4
        assert gap.max() < temperature * np.log(3) / (1 - GAMMA) + 1e-4
    cold = soft_policy(mdp, GAMMA, 1e-3)
    np.testing.assert_allclose(cold[:-1], optimal_policy(mdp, GAMMA)[:-1], atol=1e-3)


def test_hot_soft_policy_without_an_end_is_uniform():
    mdp = replace(problem(0)[0], terminal=jnp.zeros(6, bool))
    np.testing.assert_allclose(soft_policy(mdp, GAMMA, 1e4), 1 / 3, atol=1e-3)


def test_what_follows_a_terminal_state_changes_nothing():
    mdp, logits = problem(3)
    policy = jax.nn.softmax(logits)
    looped = replace(
        mdp, transition=mdp.transition.at[5].set(jnp.eye(6)[5]), reward=mdp.reward.at[5].set(7.0)
    )
    for f in (value, q_value, advantage, occupancy, expected_return):
        np.testing.assert_array_equal(f(mdp, policy, GAMMA), f(looped, policy, GAMMA))
    np.testing.assert_array_equal(optimal_value(mdp, GAMMA), optimal_value(looped, GAMMA))
    np.testing.assert_array_equal(soft_value(mdp, GAMMA, 0.5), soft_value(looped, GAMMA, 0.5))


def test_numbers_out_of_range_are_refused():
    mdp, logits = problem(0)
    for call in (
        lambda: exact.policy_value(mdp, logits, 1.01),
        lambda: exact.occupancy(mdp, logits, -0.1),
        lambda: exact.optimal_value(mdp, jnp.float32(1.0)),
        lambda: exact.soft_optimal_policy(mdp, 1.0, 0.1),
    ):
        with pytest.raises(ConfigError, match=r"gamma: .* outside the valid range"):
            call()
    with pytest.raises(ConfigError, match="temperature"):
        exact.soft_optimal_value(mdp, GAMMA, 0.0)
