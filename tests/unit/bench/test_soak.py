"""A process that goes on and on keeps no handle, no thread, no temporary file; the whole soak is ``make soak``."""

import pytest

from tests.benchmarks.soak import soak


@pytest.mark.slow
def test_rounds_leave_nothing_open_and_nothing_behind():
    second, fourth = soak(4, {2, 4}, run_every=0)
    assert (second.rounds, fourth.rounds) == (2, 4)
    assert fourth.handles <= second.handles
    assert fourth.threads <= second.threads
    assert fourth.temporary <= second.temporary
    assert fourth.cached <= second.cached
