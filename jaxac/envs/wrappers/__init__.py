"""jaxac's wrappers, each a pure function from an environment to an environment."""

from jaxac.envs.wrappers.action import ActionNoise as ActionNoise
from jaxac.envs.wrappers.action import ActionRepeat as ActionRepeat
from jaxac.envs.wrappers.action import ClipAction as ClipAction
from jaxac.envs.wrappers.action import DiscretiseAction as DiscretiseAction
from jaxac.envs.wrappers.action import RescaleAction as RescaleAction
from jaxac.envs.wrappers.action import StickyActions as StickyActions
from jaxac.envs.wrappers.episode import ResetPool as ResetPool
from jaxac.envs.wrappers.episode import Resets as Resets
from jaxac.envs.wrappers.episode import TimeLimit as TimeLimit
from jaxac.envs.wrappers.observation import ClipObservation as ClipObservation
from jaxac.envs.wrappers.observation import FlattenObservation as FlattenObservation
from jaxac.envs.wrappers.observation import FrameStack as FrameStack
from jaxac.envs.wrappers.observation import LastStep as LastStep
from jaxac.envs.wrappers.observation import NormaliseObservation as NormaliseObservation
from jaxac.envs.wrappers.observation import ObservationNoise as ObservationNoise
from jaxac.envs.wrappers.observation import RescaleObservation as RescaleObservation
from jaxac.envs.wrappers.observation import ScaleImage as ScaleImage
from jaxac.envs.wrappers.observation import TimeAware as TimeAware
from jaxac.envs.wrappers.reward import ClipReward as ClipReward
from jaxac.envs.wrappers.reward import DelayedReward as DelayedReward
from jaxac.envs.wrappers.reward import RewardNoise as RewardNoise
from jaxac.envs.wrappers.reward import ScaleReward as ScaleReward
from jaxac.envs.wrappers.reward import SignReward as SignReward
from jaxac.envs.wrappers.reward import SparseReward as SparseReward
from jaxac.envs.wrappers.role import Held as Held
from jaxac.envs.wrappers.role import Wrapper as Wrapper
