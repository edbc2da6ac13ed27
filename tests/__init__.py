"""The tests; a package, since one of the suites installs a package of this name."""
