"""What runs a fuzz target: our own loop of mutations, or libFuzzer through atheris.

An input is eight bytes, from which a target draws its options and cuts, and then the message. One
that finds something is kept in fuzz-corpus/, and `fuzz_requests.py FILE` runs it again.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(os.environ.get("FUZZ_CORPUS") or Path(__file__).parents[2] / "fuzz-corpus")
DRAWN = 8
LONGEST = 4000
LONGEST_TIME = 20  # seconds for one input: whatever takes so long does not return


@dataclass(frozen=True)
class Target:
    """What is done with one message; `corpus` are messages to begin with, `pieces` parts of them."""

    name: str
    run: Callable[[random.Random, bytes], None]
    corpus: list[bytes] = field(repr=False)
    pieces: list[bytes] = field(repr=False)

    def execute(self, data: bytes) -> None:
        self.run(random.Random(data[:DRAWN]), data[DRAWN:])

    def input(self, number: int) -> bytes:
        """The input of this number, always the same."""
        chance = random.Random(f"{self.name} {number}")
        return chance.randbytes(DRAWN) + mutate(chance, self.corpus, self.pieces)


def mutate(chance: random.Random, corpus: list[bytes], pieces: list[bytes]) -> bytes:
    """One to three messages of the corpus with a few accidents."""
    data = b"".join(chance.choice(corpus) for _ in range(chance.choice((1, 1, 1, 2, 3))))
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 9))):
        at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        match chance.randrange(7):
            case 0:
                data = data[:at] + chance.choice(pieces) + data[at:]
            case 1:
                data = data[:at] + data[min(to, at + chance.randrange(1, 9)) :]
            case 2:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 3:
                data = data[:to] + data[at:to] + data[to:]
            case 4:
                lines = data.split(b"\r\n")
                lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
                data = b"\r\n".join(lines)
            case 5:
                lines = data.split(b"\r\n")
                lines.insert(1, chance.choice(pieces).rstrip(b"\r\n"))
                data = b"\r\n".join(lines)
            case _ if chance.random() < 0.3:
                data = data[:at] + chance.choice(pieces) + data[to:]
    return data[:LONGEST]


class Running:
    """Keeps the input that is being executed in a file, for a crash leaves nothing else behind."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"running-{target.name}-{os.getpid()}"
        self.file = os.open(self.path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)

    def __enter__(self) -> "Running":
        return self

    def execute(self, data: bytes) -> None:
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, data, 0)
        signal.alarm(LONGEST_TIME)  # nobody handles it: the process ends, the file stays
        try:
            self.target.execute(data)
        except Exception as error:
            finding = (
                self.folder / f"finding-{self.target.name}-{hashlib.sha1(data).hexdigest()[:10]}"
            )
            shutil.copyfile(self.path, finding)
            error.add_note(f"the input is in {finding}")
            raise
        finally:
            signal.alarm(0)

    def __exit__(self, *error: object) -> None:
        os.close(self.file)
        self.path.unlink()


def run_own_loop(
    target: Target,
    seed: int,
    *,
    seconds: float = float("inf"),
    executions: float = float("inf"),
    folder: Path = CORPUS,
) -> int:
    """Inputs from number `seed` on until the time or the number is reached; how many it were."""
    number = 0
    until = time.monotonic() + seconds
    with Running(target, folder) as running:
        while number < executions and time.monotonic() < until:
            running.execute(target.input(seed + number))
            number += 1
    return number


def run_atheris(target: Target, seconds: float) -> None:
    """libFuzzer, guided by what the compiled modules report: they are built with clang for it."""
    import atheris

    folder = CORPUS / target.name
    if not folder.exists():
        folder.mkdir(parents=True)
        for number, message in enumerate(target.corpus):
            (folder / f"given-{number}").write_bytes(bytes(DRAWN) + message)
    words = CORPUS / f"{target.name}.words"
    words.write_text("".join(f'"{escaped(piece)}"\n' for piece in target.pieces))
    options = [
        f"-max_total_time={int(seconds)}",
        f"-timeout={LONGEST_TIME}",
        f"-max_len={LONGEST}",
        f"-dict={words}",
        f"-artifact_prefix={CORPUS}/finding-{target.name}-",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], target.execute)
    atheris.Fuzz()


def escaped(piece: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in piece)


def main(target: Target) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path, help="inputs to run again")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() % (1 << 40))
    parser.add_argument("--atheris", action="store_true", help="let libFuzzer choose the inputs")
    chosen = parser.parse_args()
    for file in chosen.files:
        target.execute(file.read_bytes())
    if chosen.files:
        return
    if chosen.atheris:
        run_atheris(target, chosen.seconds)
        return
    number = run_own_loop(target, chosen.seed, seconds=chosen.seconds)
    print(f"{target.name}: {number:,} inputs from number {chosen.seed}, nothing found", flush=True)
