import http.client
from contextlib import closing

TRIED = (
    "events with names and ids, a client that leaves, pings, a stream that is open when the server "
    "is stopped"
)
OPTIONS = ("--timeout-graceful-shutdown", "5")


def visit(visitor):
    assert visitor.get("/").text == "hello"
    assert visitor.get("/few").text.count("event: count") == 3
    assert visitor.events("/endless", 5)[-1] == "data: 4"
    assert visitor.get("/left").text == "left"
    stream = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=20)
    with closing(stream):
        stream.request("GET", "/silent")
        answer = stream.getresponse()
        while not answer.readline().startswith(b": ping"):
            pass
    visitor.note("ping", True)
    # Still open at the end of the scenario, when the server is told to stop.
    visitor.open_stream = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=20)
    visitor.open_stream.request("GET", "/endless")
    visitor.open_stream.getresponse().readline()
