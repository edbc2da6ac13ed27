"""Reports: from a run directory to statistics, tables and figures."""
