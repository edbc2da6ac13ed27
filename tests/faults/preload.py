"""What processes that are to be killed have imported when they are forked."""

import jaxac.report.results
import jaxac.sweep.run  # noqa: F401
import tests.faults.kills  # noqa: F401
