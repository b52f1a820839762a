import json
import re

TRIED = (
    "upload of a file, streaming, server-sent events left by the client, background task, session, "
    "an exception, WebSocket listeners"
)


def visit(visitor):
    assert visitor.get("/", hide=hidden).text == "hello"
    uploaded = visitor.upload("/upload", {"data": bytes(500_000)}, status=201, hide=hidden)
    assert uploaded.json == {"size": 500_000}
    assert visitor.get("/stream", hide=hidden).text.count("\n") == 100
    assert visitor.events("/events", 3) == ["data: 0", "data: 1", "data: 2"]
    visitor.get("/background", hide=hidden)
    visitor.get("/finished", hide=hidden)
    cookie = visitor.get("/count", hide=hidden).cookie
    assert visitor.get("/count", headers={"cookie": cookie}, hide=hidden).json == {"count": 2}
    visitor.get("/private", status=401, hide=hidden)
    visitor.get("/fail", status=500, hide=hidden)
    with visitor.websocket("/echo") as socket:
        socket.send({"said": "one"})
        assert json.loads(socket.receive()) == {"heard": "one"}
    with visitor.websocket("/bytes") as socket:
        socket.send(bytes(range(256)))
        assert socket.receive() == bytes(reversed(range(256)))


def hidden(text):
    return re.sub("session=[^;]+", "session=…", text)
