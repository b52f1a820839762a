from flask import Flask, redirect, request, send_file, session, url_for

app = Flask(__name__)
app.secret_key = "of the tests"


@app.get("/")
def hello():
    return "hello"


@app.post("/upload")
def upload():
    return {name: len(file.read()) for name, file in request.files.items()}


@app.post("/raw")
def raw():
    return str(len(request.get_data()))


@app.get("/stream")
def stream():
    def lines():
        for number in range(100):
            yield f"line {number}\n"

    return lines(), {"content-type": "text/plain"}


@app.get("/count")
def count():
    session["count"] = session.get("count", 0) + 1
    return {"count": session["count"]}


@app.get("/old")
def old():
    return redirect(url_for("whence", a="b c"))


@app.get("/whence")
def whence():
    return {
        "path": request.full_path,
        "address": request.remote_addr,
        "scheme": request.scheme,
        "multithread": request.environ["wsgi.multithread"],
        "header": request.headers.get("X-Some"),
    }


@app.get("/file")
def file():
    return send_file("requirements.txt", etag=False, last_modified=1, mimetype="text/plain")


@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")
