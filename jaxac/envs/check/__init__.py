"""Whether an environment keeps the contract: every finding at once, with how to mend it.

Checks are small functions in lists, one list a stage: the record, two traces, the traced programs,
and one compiled run. What an early stage finds keeps from later ones only where they could not run.
"""

from jaxac.envs.check.api import check_env as check_env
from jaxac.envs.check.kinds import KINDS as KINDS
from jaxac.envs.check.report import Finding as Finding
from jaxac.envs.check.report import Report as Report
