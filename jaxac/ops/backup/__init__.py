"""What critics are trained towards: a file a target; a learned part stands beside it."""

from jaxac.ops.backup.adaptive import Adaptive as Adaptive
from jaxac.ops.backup.band_limited import BandLimited as BandLimited
from jaxac.ops.backup.causal import Causal as Causal
from jaxac.ops.backup.contract import Backup as Backup
from jaxac.ops.backup.contract import Nets as Nets
from jaxac.ops.backup.contract import OneStep as OneStep
from jaxac.ops.backup.differential import Differential as Differential
from jaxac.ops.backup.learned_value import LearnedValue as LearnedValue
from jaxac.ops.backup.robust import Robust as Robust
