"""Records per second and memory of examples/pipeline on a large input.

    python tests/examples/pipeline_figures.py [--megabytes 1000]

Plays the input with one process in the pool and with two. The input is gzip in many members, made
of the same sample again and again. Prints the CPU of a record, and the largest memory that the
server and the processes of its pool had.
"""

import argparse
import gzip
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "server")]

from serving import Command  # noqa: E402

from examples.pipeline.client import Transfer  # noqa: E402
from examples.pipeline.sample import orders  # noqa: E402

SAMPLE_LINES = 20_000


def largest(pid):
    """The most memory that this process has had, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise ValueError(f"{pid} has ended")


def cpu(pid):
    """The seconds that this process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pool_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    # Besides them there is multiprocessing's tracker of semaphores.
    return [int(each) for each in children if "spawn_main" in command_line(each)]


def command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_text()


def play(file, processes):
    environment = {**os.environ, "PIPELINE_PROCESSES": str(processes)}
    app = "examples.pipeline:app"
    with Command(app, "--port", "0", cwd=ROOT, env=environment) as command:
        url = f"http://127.0.0.1:{command.port()}"
        with open(file, "rb") as source:
            transfer = Transfer(url, source, os.path.getsize(file), "response")
            start = time.monotonic()
            assert transfer.run(os.devnull) == 0
        job = transfer.job()
        seconds = time.monotonic() - start
        server, pool = command.process.pid, pool_of(command.process.pid)
        memory = " + ".join(f"{largest(pid):.0f}" for pid in (server, *pool))
        microseconds = [1e6 * each / job["records"] for each in (cpu(server), sum(map(cpu, pool)))]
    print(
        f"{processes} in the pool: {job['records']:,} records of {job['decoded'] / 1e6:,.0f} MB "
        f"in {seconds:.1f} s, {job['records'] / seconds:,.0f} records/s; CPU of a record "
        f"{microseconds[0]:.2f} us in the server and {microseconds[1]:.2f} us in the pool; "
        f"memory {memory} MB",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1000, help="of the input, decoded")
    megabytes = parser.parse_args().megabytes
    lines = "".join(itertools.islice(orders(SAMPLE_LINES), SAMPLE_LINES)).encode()
    member = gzip.compress(lines, 1)
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(max(1, round(megabytes * 1e6 / len(lines)))):
            file.write(member)
        file.flush()
        for processes in (1, 2):
            play(file.name, processes)


if __name__ == "__main__":
    main()
