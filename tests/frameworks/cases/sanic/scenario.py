TRIED = (
    "upload of files, streamed upload, streaming, cookies, file, an exception, WebSocket with "
    "a subprotocol"
)


def visit(visitor):
    assert visitor.get("/").text == "hello"
    sizes = visitor.upload("/upload", {"a": b"abc", "b": bytes(600_000)}).json
    assert sizes == {"a": 3, "b": 600_000}
    assert visitor.post("/raw", iter([bytes(70_000)] * 20)).text == "1400000"
    assert visitor.get("/stream").text.count("\n") == 100
    cookie = visitor.get("/cookie").cookie
    assert visitor.get("/cookie", headers={"cookie": cookie}).json == {"was": "yes"}
    assert visitor.get("/file").text.startswith("sanic")
    visitor.get("/private", status=403)
    visitor.get("/fail", status=500)
    visitor.get("/nowhere", status=404)
    with visitor.websocket("/echo", subprotocols=["chat"]) as socket:
        for message in ("text", b"bytes", "x" * 100_000):
            socket.send(message)
            assert socket.receive() == message
