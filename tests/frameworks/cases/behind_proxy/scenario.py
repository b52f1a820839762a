import json

TRIED = (
    "behind a proxy that strips `--root-path /api`: URLs, client and scheme of X-Forwarded-For "
    "and -Proto, OpenAPI, WebSocket"
)
OPTIONS = ("--root-path", "/api", "--proxy-headers", "--forwarded-allow-ips", "127.0.0.1")
FORWARDED = {"x-forwarded-for": "192.0.2.7, 127.0.0.1", "x-forwarded-proto": "https"}


def visit(visitor):
    headers = {**FORWARDED, "host": "example.org"}
    seen = visitor.get("/whence?a=b", headers=headers).json
    assert seen["client"] == ["192.0.2.7", 0]
    assert seen["other"] == "https://example.org/api/items/1"
    visitor.get("/items/1", headers=headers)
    visitor.get("/openapi.json", headers=headers)
    visitor.get("/nowhere", headers=headers, status=404)
    with visitor.websocket("/socket", additional_headers=FORWARDED) as socket:
        heard = json.loads(socket.receive(keep=False))
        heard["url"] = heard["url"].replace(str(visitor.port), "…")
        visitor.note("WebSocket", heard)
        assert socket.until_closed() == 1000
