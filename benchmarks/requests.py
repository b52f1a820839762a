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
