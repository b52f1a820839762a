import re

TRIED = (
    "lifespan state, upload of files, chunked upload, streaming, gzip, background task, session, "
    "file and byte range, an exception, WebSocket"
)


def visit(visitor):
    assert visitor.get("/").text == "hello"
    assert visitor.request("HEAD", "/").body == b""
    visitor.get("/nowhere", status=404)
    visitor.request("DELETE", "/", status=405)
    sizes = visitor.upload("/upload", {"small": b"abc", "large": bytes(300_000)}).json
    assert sizes == {"small": 3, "large": 300_000}
    assert visitor.post("/raw", iter([b"x" * 70_000] * 20)).text == "1400000"
    assert len(visitor.get("/stream").text.splitlines()) == 1000
    packed = visitor.get("/stream", headers={"accept-encoding": "gzip"})
    assert packed.header("content-encoding") == "gzip"
    visitor.get("/background")
    assert visitor.get("/finished").text == "done"
    hide = {"hide": lambda text: re.sub("session=[^;]+", "session=…", text)}
    cookie = visitor.get("/count", **hide).cookie
    assert visitor.get("/count", headers={"cookie": cookie}, **hide).json == {"count": 2}
    whole = visitor.get("/file", hide=times).body
    headers = {"range": "bytes=2-5"}
    assert visitor.get("/file", headers=headers, status=206, hide=times).body == whole[2:6]
    assert visitor.get("/fail", status=500).text == "Internal Server Error"
    assert visitor.get("/").text == "hello"
    with visitor.websocket("/echo", subprotocols=["talk", "chat"]) as socket:
        for message in ("one", "two", "€" * 50_000):
            socket.send(message)
            socket.receive()
        socket.send("bye")
        assert socket.until_closed() == 4001
    with visitor.websocket("/echo", subprotocols=["chat"]) as socket:
        socket.send("one")
        socket.receive()
    assert visitor.refused_websocket("/refuse") == 403


def times(text):
    return re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "…", text)
