import json

TRIED = "a group of clients over the channel layer, consumers in threads, subprotocol, refusal"


def visit(visitor):
    assert visitor.get("/").text == "hello"
    with visitor.websocket("/room", subprotocols=["chat"]) as first:
        first.receive()
        with visitor.websocket("/room") as second:
            second.receive()
            first.receive()
            second.send({"text": "hello all"})
            assert json.loads(first.receive()) == {"text": "hello all"}
            second.receive()
        first.send({"text": "alone"})
        assert json.loads(first.receive()) == {"text": "alone"}
    with visitor.websocket("/threaded") as socket:
        for message in ("text", b"bytes", "x" * 100_000):
            socket.send(message)
            assert socket.receive() == message
        socket.send("bye")
        assert socket.until_closed() == 4002
    assert visitor.refused_websocket("/threaded?no") == 403
