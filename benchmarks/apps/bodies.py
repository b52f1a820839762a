"""The bodies that every contestant answers with, by path; and files of the same."""

from pathlib import Path

BODIES = {
    "/": b"Hello, world!",
    "/1k": b"x" * 1024,
    "/10k": b"x" * 10 * 1024,
    "/100k": b"x" * 100 * 1024,
}
FOLDER = Path(__file__).parents[2] / "build" / "benchmarks" / "bodies"
FILES = {path: str(FOLDER / (path.strip("/") or "index")) for path in BODIES}


def write_files() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, body in BODIES.items():
        Path(FILES[path]).write_bytes(body)
