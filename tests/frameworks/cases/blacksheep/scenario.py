import re

TRIED = (
    "upload of files, chunked upload, streaming, server-sent events left by the client, session, "
    "an exception, WebSocket"
)


def visit(visitor):
    assert visitor.get("/").text == "hello"
    sizes = visitor.upload("/upload", {"a": b"abc", "b": bytes(600_000)}).json
    assert sizes == {"a": 3, "b": 600_000}
    assert visitor.post("/raw", iter([bytes(70_000)] * 20)).text == "1400000"
    assert visitor.get("/stream").text.count("\n") == 100
    assert len(visitor.events("/events", 3)) == 3
    cookie = visitor.get("/count", hide=hidden).cookie
    assert visitor.get("/count", headers={"cookie": cookie}, hide=hidden).json == {"count": 2}
    visitor.get("/fail", status=500)
    visitor.get("/nowhere", status=404)
    with visitor.websocket("/echo") as socket:
        for message in ("text", "x" * 100_000):
            socket.send(message)
            assert socket.receive() == message


def hidden(text):
    return re.sub("session=[^;]+", "session=…", text)
