"""Three upstreams and the gateway in front of them, to play with.

    python -m examples.gateway.demo

Ctrl-C ends all. `upstream` below is what the three serve.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

TRY = """
    curl -i http://127.0.0.1:8000/             which upstream answers
    curl -i http://127.0.0.1:8000/clock        cached for 5 seconds; see Age and Cache-Status
    curl -N http://127.0.0.1:8000/events       Server-Sent Events pass as they come
    curl -d hello http://127.0.0.1:8000/echo
    python -m websockets ws://127.0.0.1:8000/  an echo
    curl http://127.0.0.1:8000/metrics
    for i in $(seq 100); do curl -so /dev/null -w '%{{http_code}} ' http://127.0.0.1:8000/; done
                                               429 once the burst is used up
    kill {0}                                 one upstream dies: nobody notices
    kill -STOP {1}                           one hangs: a request waits 2 s, the next do not
Open http://127.0.0.1:8000/nowhere in a browser when all three are gone.
"""


async def upstream(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    if scope["type"] == "websocket":
        await echo_messages(receive, send)
    else:
        await PATHS.get(scope["path"], name)(scope, receive, send)


async def name(scope, receive, send):
    body = f"process {os.getpid()} on port {scope['server'][1]}\n".encode()
    await respond(send, body)


async def clock(scope, receive, send):
    body = f"{asyncio.get_running_loop().time():.3f}\n".encode()
    await respond(send, body, (b"cache-control", b"max-age=5"))


async def events(scope, receive, send):
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(10):
        body = b"data: %d\n\n" % number
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(1)
    await send({"type": "http.response.body"})


async def echo(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})


async def echo_messages(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def respond(send, body, *fields):
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body)), *fields]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


PATHS = {"/clock": clock, "/events": events, "/echo": echo}


def main():
    serve = [sys.executable, "-m", "fastserve"]
    app, quiet = "examples.gateway.demo:upstream", ("--log-level", "error")
    ports = [free_port() for _ in range(3)]
    upstreams = [start([*serve, app, "--port", str(port), *quiet]) for port in ports]
    for port in ports:
        wait_for(port)
    print(TRY.format(upstreams[0].pid, upstreams[1].pid), flush=True)
    settings = {
        "GATEWAY_UPSTREAMS": ",".join(f"http://127.0.0.1:{port}" for port in ports),
        "GATEWAY_FIRST_BYTE_TIMEOUT": "2",
        "GATEWAY_RATE": "5",
        "GATEWAY_BURST": "30",
    }
    gateway = start([*serve, "examples.gateway:app", "--no-access-log"], {**settings, **os.environ})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all of them
    signal.signal(signal.SIGTERM, lambda *_: gateway.terminate())
    status = gateway.wait()
    for each in upstreams:
        each.send_signal(signal.SIGCONT)
        each.terminate()
        each.wait()
    sys.exit(status)


def start(command, environment=None):
    return subprocess.Popen(command, env=environment)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port):
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)


if __name__ == "__main__":
    main()
