"""The requests that servers and parsers are given, as bytes."""

BROWSER_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,"
    "image/avif,image/webp,image/png,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "http://localhost:8000/articles/2024/a-comparison-of-parsers",
    "DNT": "1",
    "Connection": "keep-alive",
    "Cookie": "session=9f8b1c7e5d2a4f60b3a7c4d1e8f25a96; theme=dark; consent=necessary; seen=12.24",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=0, i",
}  # with Host, a browser's fourteen


def request(method: str, headers: dict[str, str], body: bytes = b"", path: str = "/") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def http2_frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def http2_requests(first: int, number: int) -> bytes:
    """GETs on the next streams, the first of which is given; HTTP2_HELLO has had stream 1."""
    # RFC 7541: GET, http, / and the two fields that the first request put into the table
    fields = b"\x82\x86\x84\xbf\xbe"
    return b"".join(http2_frame(1, 5, first + 2 * at, fields) for at in range(number))


# RFC 9113 3.4; then, once the server's SETTINGS are there, a window of 2 GB and the first request.
HTTP2_HELLO = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2_frame(4, 0, 0),
    http2_frame(4, 1, 0)
    + http2_frame(8, 0, 0, (2**31 - 65536).to_bytes(4))
    + http2_frame(1, 5, 1, b"\x82\x86\x84\x41\x0elocalhost:8000\x7a\x06h2load"),
)
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
