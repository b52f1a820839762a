"""Whether a case came out the same on two servers."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVERS = ("fastserve", "uvicorn")
PLAY = Path(__file__).parent / "play.py"
WAIT = 180  # seconds for one case on one server


@dataclass
class Outcome:
    """`steps` were compared; `problems` says what went wrong, or was not the same."""

    case: str
    steps: int
    problems: list[str]
    logs: dict[str, list[str]]


def compare(case: str, python: str) -> Outcome:
    """Play the case on each server with this Python, which has all that the case needs."""
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda server: play(case, server, python), SERVERS)
        played = dict(zip(SERVERS, results, strict=True))
    problems = [
        f"on {server}:\n{result['error']}" for server, result in played.items() if result["error"]
    ]
    if not problems:
        problems = differences(*(played[server] for server in SERVERS))
    steps = len(played[SERVERS[0]]["record"])
    return Outcome(case, steps, problems, {name: one["log"] for name, one in played.items()})


def play(case: str, server: str, python: str) -> Any:
    command = [python, str(PLAY), case, server]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=WAIT)
    return json.loads(done.stdout)


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    found = []
    for mine, other in zip(ours["record"], theirs["record"], strict=True):
        if mine != other:
            found.append(f"{mine[0]}:\n{mine[1]}\nand on {SERVERS[1]}\n{other[1]}")
    for part in ("said", "tracebacks"):
        mine, other = ours[part], theirs[part]
        if mine != other:
            found.append(f"{part}: {mine}, and on {SERVERS[1]} {other}")
    return found
