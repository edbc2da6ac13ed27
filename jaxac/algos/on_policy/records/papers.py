"""Papers that several records are of."""

from jaxac.record import Paper

PPO = Paper(
    "Proximal Policy Optimization Algorithms",
    2017,
    "arXiv:1707.06347",
    "Schulman, Wolski, Dhariwal, Radford, Klimov",
)
A3C = Paper(
    "Asynchronous Methods for Deep Reinforcement Learning",
    2016,
    "arXiv:1602.01783",
    "Mnih, Puigdomenech Badia, Mirza, Graves, Lillicrap, Harley, Silver, Kavukcuoglu",
)
