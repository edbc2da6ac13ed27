"""All campaigns share the few programs of their sweeps."""

import pytest

from . import ground


@pytest.fixture(scope="module", autouse=True)
def programs():
    with ground.compiled_once():
        yield
