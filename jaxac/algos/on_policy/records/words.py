"""Sentences that several records have in common."""

TRUNCATION = "episodes cut by the time limit bootstrap from their true last observation"
STANDARD = "advantages are standardised per minibatch (slot `advantage`)"
ANSWERS = "of steps and their advantages, where the paper has whole answers and their rewards"
SYNCHRONOUS = (
    "environments step in lockstep, so no gradient is stale",
    "the learning rate is not annealed unless a schedule stands in its place",
    "RMSProp is optax's, whose mean square starts at 0 (1 in OpenAI Baselines)",
    TRUNCATION,
)
