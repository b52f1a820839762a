"""Running the faults: `python tests/faults/driver.py [--server uvicorn] [--long] [NAME ...]`."""

import argparse
import importlib
import sys

from served import SERVERS, Verdict, is_installed

FAULTS = (
    "descriptors",
    "restarts",
    "hangs",
    "orphans",
    "idle_tls",
    "streams",
    "stalled_log",
    "torn_lines",
    "startups",
    "unread_pipeline",
    "unread_answer",
    "fairness",
    "unread_uploads",
    "per_connection",
    "drips",
    "http2_idle",
    "http2_unread",
    "http2_messages",
    "http2_restarts",
    "replacements",
    "threads",
)

__all__ = ["FAULTS", "Verdict", "main"]


def main(*runs):
    """Run these, or those that the arguments name; the status says whether all was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", choices=SERVERS, default="fastserve")
    parser.add_argument("--long", action="store_true", help="as `make soak` has it")
    if not runs:
        parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FAULTS))
    chosen = parser.parse_args()
    if not is_installed(chosen.server):
        sys.exit(f"{chosen.server} is not installed")
    if not runs:
        runs = [importlib.import_module(name).run for name in chosen.names or FAULTS]
    kept = True
    for run in runs:
        verdict = run(chosen.server, chosen.long)
        print(verdict, flush=True)
        kept = kept and verdict.kept
    sys.exit(not kept)


if __name__ == "__main__":
    main()
