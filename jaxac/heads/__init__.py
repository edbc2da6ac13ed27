"""Action heads: from network outputs to actions, log-probabilities and entropies."""

from jaxac.heads.factory import Default as Default
from jaxac.heads.factory import Squashed as Squashed
