import re

TRIED = (
    "CSRF, signed session, upload of files, redirect, conditional request, async streaming, file, "
    "an exception"
)


def visit(visitor):
    hello = visitor.get("/", hide=hidden)
    assert hello.text == "hello"
    token = hello.cookie.partition("=")[2]
    headers = {"cookie": hello.cookie, "x-csrftoken": token}
    sizes = visitor.upload("/upload", {"a": b"abc", "b": bytes(3_000_000)}, headers=headers).json
    assert sizes == {"a": 3, "b": 3_000_000}
    visitor.upload("/upload", {"a": b"abc"}, status=403, hide=hidden)
    visitor.get("/whence", status=301)
    seen = visitor.get("/whence/?a=b%20c", headers={"x-some": "thing"}).json
    assert seen["path"] == "/whence/?a=b%20c"
    assert seen["header"] == "thing"
    cookie = visitor.get("/count", hide=hidden).cookie
    assert visitor.get("/count", headers={"cookie": cookie}, hide=hidden).json == {"count": 2}
    etag = visitor.get("/whence/").header("etag")
    visitor.get("/whence/", headers={"if-none-match": etag}, status=304)
    assert visitor.get("/stream").text.count("\n") == 100
    assert visitor.get("/file").text.startswith("django")
    visitor.get("/fail", status=500)
    visitor.get("/nowhere", status=404)
    visitor.request("HEAD", "/", hide=hidden)


def hidden(text):
    text = re.sub(r"(csrftoken|sessionid)=[^;]+", r"\1=…", text)
    return re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "…", text)
