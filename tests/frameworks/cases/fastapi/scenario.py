import json

TRIED = (
    "validation, upload of files, streaming, dependency with clean-up, background task, "
    "threads for plain functions, OpenAPI, an exception, WebSocket and its refusal"
)


def visit(visitor):
    assert visitor.get("/").json == {"hello": "world"}
    item = json.dumps({"name": "tea", "price": 1.5}).encode()
    headers = {"content-type": "application/json", "x-token": "t"}
    made = visitor.post("/items/4", item, headers=headers, status=201).json
    assert made == {"number": 4, "total": 6.0, "token": "t"}
    visitor.post("/items/four", item, headers=headers, status=422)
    visitor.post("/items/4", b"{", headers=headers, status=422)
    assert visitor.upload("/upload", {"files": bytes(2_000_000)}).json[0]["size"] == 2_000_000
    assert visitor.get("/stream").text.count("\n") == 5
    visitor.get("/dependency")
    visitor.get("/background")
    assert visitor.get("/finished").json == ["taken", "given back", "task"]
    assert visitor.get("/teapot", status=418).header("x-kind") == "tea"
    visitor.get("/fail", status=500)
    assert visitor.get("/openapi.json").json["info"]["title"] == "A test"
    visitor.get("/docs")
    with visitor.websocket("/chat/tea?token=1") as socket:
        socket.send({"a": [1, 2]})
        assert json.loads(socket.receive()) == {"room": "tea", "heard": {"a": [1, 2]}}
        assert socket.receive() == bytes(3)
    assert visitor.refused_websocket("/chat/tea") in (401, 403)
