import re

TRIED = "WSGI: upload of files, chunked upload, generator, session, redirect, file, an exception"
OPTIONS = ("--interface", "wsgi")


def visit(visitor):
    assert visitor.get("/").text == "hello"
    sizes = visitor.upload("/upload", {"a": b"abc", "b": bytes(600_000)}).json
    assert sizes == {"a": 3, "b": 600_000}
    visitor.post("/raw", iter([bytes(70_000)] * 20))
    assert visitor.get("/stream").text.count("\n") == 100
    cookie = visitor.get("/count", hide=hidden).cookie
    assert visitor.get("/count", headers={"cookie": cookie}, hide=hidden).json == {"count": 2}
    location = visitor.get("/old", status=302).header("location")
    assert visitor.get(location, headers={"x-some": "thing"}).json["header"] == "thing"
    assert visitor.get("/file").text.startswith("flask")
    visitor.get("/fail", status=500)
    visitor.get("/nowhere", status=404)
    assert visitor.request("HEAD", "/").body == b""


def hidden(text):
    return re.sub("session=[^;]+", "session=…", text)
