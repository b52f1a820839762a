TRIED = (
    "JSON, upload of files, chunked upload, streaming, server-sent events left by the client, "
    "background task, an exception, WebSocket and its refusal"
)


def visit(visitor):
    assert visitor.get("/").text == "hello"
    headers = {"content-type": "application/json"}
    assert visitor.post("/", b'{"a": [1]}', headers=headers).json == {"heard": {"a": [1]}}
    sizes = visitor.upload("/upload", {"a": b"abc", "b": bytes(600_000)}).json
    assert sizes == {"a": 3, "b": 600_000}
    assert visitor.post("/raw", iter([bytes(70_000)] * 20)).text == "1400000"
    assert visitor.get("/stream").text.count("\n") == 100
    assert visitor.events("/events", 3) == ["data: 0", "data: 1", "data: 2"]
    visitor.get("/background", status=202)
    visitor.post("/background")
    visitor.get("/fail", status=500)
    visitor.post("/fail", status=403)
    visitor.request("HEAD", "/", status=405)
    with visitor.websocket("/echo", subprotocols=["chat"]) as socket:
        for message in ("text", "x" * 100_000):
            socket.send(message)
            assert socket.receive() == message
    assert visitor.refused_websocket("/echo?no") == 403
