"""How long the parsers of hostile bytes are fuzzed: briefly by default, longer where ``FUZZ_EXAMPLES`` says so."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FUZZED = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    # A busy machine is no fault of the parser: what hangs is found by the run's own time limit.
    deadline=None,
    # Where CI is announced hypothesis repeats itself; a run that was asked to search must not.
    derandomize="CI" in os.environ and "FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
