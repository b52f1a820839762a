"""The bodies that every contestant answers with, by path."""

BODIES = {
    "/": b"Hello, world!",
    "/1k": b"x" * 1024,
    "/10k": b"x" * 10 * 1024,
    "/100k": b"x" * 100 * 1024,
}
