import re

TRIED = (
    "upload of files, chunked upload, streaming, server-sent events left by the client, background "
    "task, session, an exception, WebSocket and its refusal"
)


def visit(visitor):
    assert visitor.get("/").text == "hello"
    sizes = visitor.upload("/upload", {"a": b"abc", "b": bytes(600_000)}).json
    assert sizes == {"a": 3, "b": 600_000}
    assert visitor.post("/raw", iter([bytes(70_000)] * 20)).text == "1400000"
    assert visitor.get("/stream").text.count("\n") == 100
    assert visitor.events("/events", 3) == ["data: 0", "data: 1", "data: 2"]
    visitor.get("/background", status=202)
    visitor.get("/finished")
    cookie = visitor.get("/count", hide=hidden).cookie
    assert visitor.get("/count", headers={"cookie": cookie}, hide=hidden).json == {"count": 2}
    visitor.get("/fail", status=500)
    visitor.get("/nowhere", status=404)
    with visitor.websocket("/echo") as socket:
        for message in ("text", b"bytes", "x" * 100_000):
            socket.send(message)
            assert socket.receive() == message
    assert visitor.refused_websocket("/echo?no") == 403


def hidden(text):
    return re.sub("session=[^;]+", "session=…", text)
