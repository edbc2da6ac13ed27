"""Return distributions: what a critic says of the return after a state and an action."""

from jaxac.heads.returns.categorical import Categorical as Categorical
from jaxac.heads.returns.contract import Returns as Returns
from jaxac.heads.returns.gaussian import Gaussian as Gaussian
from jaxac.heads.returns.histogram import HLGauss as HLGauss
from jaxac.heads.returns.implicit import Implicit as Implicit
from jaxac.heads.returns.quantiles import Quantiles as Quantiles
from jaxac.heads.returns.quantiles import quantile_huber as quantile_huber
from jaxac.heads.returns.value import Value as Value
