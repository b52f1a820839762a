"""What the kernel says of a process: Linux's /proc. None where it does not say."""

import contextlib
import os
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the command, which ends with the last parenthesis: proc(5).
USER_TICKS, SYSTEM_TICKS = 11, 12


def resident_bytes(pid: int) -> int | None:
    """Memory of the process that is in RAM."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    return None


def cpu_seconds(pid: int) -> float | None:
    """CPU time of all its threads since it began."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return (int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])) / TICKS
    return None


def open_descriptors(pid: int) -> int | None:
    """How many file descriptors it has."""
    with contextlib.suppress(OSError):
        folder = f"/proc/{pid}/fd"
        # Linux 6.2 and later tell it as the size.
        return os.stat(folder).st_size or len(os.listdir(folder))
    return None
