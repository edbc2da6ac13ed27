"""Replay: what off-policy methods remember, and how they draw from it."""

from jaxac.data.frames import Frames as Frames
from jaxac.data.laws import Fading as Fading
from jaxac.data.laws import Law as Law
from jaxac.data.laws import Prioritised as Prioritised
from jaxac.data.laws import Uniform as Uniform
from jaxac.data.replay import Batch as Batch
from jaxac.data.replay import Replay as Replay
from jaxac.data.replay import Sequence as Sequence
from jaxac.data.storage import Storage as Storage
from jaxac.data.storage import Transition as Transition
from jaxac.data.storage import Whole as Whole
