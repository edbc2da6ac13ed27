"""What many records say."""

TRUNCATION = "episodes cut by the time limit bootstrap from their true last observation"
UNITS = "actions live in [-1, 1] and are scaled to the environment's range"
KEPT = "100,000 transitions kept, where the authors' code has a million"
HAARNOJA = "Haarnoja, Zhou, Hartikainen, Tucker, Ha, Tan, Kumar, Zhu, Gupta, Abbeel, Levine"
