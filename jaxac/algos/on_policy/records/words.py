"""Sentences that several records have in common."""

TRUNCATION = "episodes cut by the time limit bootstrap from their true last observation"
STANDARD = "advantages are standardised per minibatch (slot `advantage`)"
ANSWERS = "of steps and their advantages, where the paper has whole answers and their rewards"
