"""The requests that parsers are given, as bytes."""

from benchmarks.load import BROWSER_HEADERS

CRLF = b"\r\n"


def request(method: str, headers: dict[str, str], body: bytes = b"", path: str = "/") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return CRLF.join(line.encode() for line in [*lines, "", ""]) + body


TINY = request("GET", {"Host": "localhost:8000"})
BROWSER = request(
    "GET", {"Host": "localhost:8000", **BROWSER_HEADERS}, path="/articles/2024/parsers?page=2"
)
POST = request(
    "POST",
    {
        "Host": "localhost:8000",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": "256",
    },
    b"x" * 256,
)
NAMED = {"tiny GET": TINY, "browser GET": BROWSER, "POST 256 B": POST}
COUNTS = (1, 2, 5, 10, 20, 40)


def with_headers(count: int) -> bytes:
    """A GET with so many headers of 30 bytes each, Host among them."""
    rest = {f"X-Header-{number:02}": "0123456789abcd" for number in range(count - 1)}
    return request("GET", {"Host": "localhost:8000", **rest})
