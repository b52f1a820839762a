"""How many CPUs this process may use."""

import os
from pathlib import Path

GROUP = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")


def usable_cpus() -> int:
    """At least 1: those of the scheduler's affinity, and no more than a container's limit."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        count = os.cpu_count() or 1
    return max(1, min(count, round(limit_of_group() or count)))


def limit_of_group() -> float | None:
    """The CPU time per time that the control group (version 2) has; None: all."""
    try:
        lines = GROUP.read_text().splitlines()
        name = next(line[3:] for line in lines if line.startswith("0::"))
        quota, period = (GROUPS / name.lstrip("/") / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, StopIteration, ValueError):
        return None
