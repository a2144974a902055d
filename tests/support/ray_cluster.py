"""A Ray cluster of two machines with a processor each, all of it on this one, until stdin ends.

A program of its own: Ray looks around in the network as it starts, which tests may not. Prints the address.
"""

from __future__ import annotations

import os
import sys

# Nobody is told of its use. A machine that is busy with other tests takes its time, and is alive.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_failure_threshold": "100",
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_agent_register_timeout_ms": "600000",
}
_STORE_BYTES = 80_000_000


def main() -> None:
    """Serve until stdin ends."""
    os.environ.update(_SETTINGS)
    from ray.cluster_utils import Cluster  # reads the environment

    size = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": _STORE_BYTES, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    cluster.add_node(**size)
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
