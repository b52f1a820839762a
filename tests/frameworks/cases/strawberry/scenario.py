import json

TRIED = (
    "query, mutation, errors, the page for browsers, subscriptions over WebSocket "
    "(graphql-transport-ws), one of them left midway"
)


def visit(visitor):
    assert ask(visitor, "{ hello }") == {"data": {"hello": "Hello, world!"}}
    assert ask(visitor, "mutation { add(a: 2, b: 3) }") == {"data": {"add": 5}}
    assert "errors" in ask(visitor, "{ nothing }")
    visitor.get("/?query=%7Bhello%7D")
    visitor.get("/", headers={"accept": "text/html"})
    with visitor.websocket("/", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send({"type": "connection_init"})
        assert json.loads(socket.receive())["type"] == "connection_ack"
        socket.send(subscribe("a", "subscription { count(upTo: 5) }"))
        got = [json.loads(socket.receive()) for _ in range(6)]
        assert [item["payload"]["data"]["count"] for item in got[:5]] == list(range(5))
        assert got[5] == {"id": "a", "type": "complete"}
        socket.send({"type": "ping"})
        assert json.loads(socket.receive())["type"] == "pong"
        socket.send(subscribe("b", "subscription { count }"))
        for _ in range(3):
            socket.receive()
    with visitor.websocket("/", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send(subscribe("a", "subscription { count }"))
        assert socket.until_closed() == 4401


def ask(visitor, query):
    body = json.dumps({"query": query}).encode()
    return visitor.post("/", body, headers={"content-type": "application/json"}).json


def subscribe(name, query):
    return {"id": name, "type": "subscribe", "payload": {"query": query}}
