import socketio

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")


@server.event
async def connect(sid, environ, auth):
    if (auth or {}).get("token") == "wrong":
        raise socketio.exceptions.ConnectionRefusedError("not you")
    await server.enter_room(sid, "room")


@server.event
async def say(sid, text):
    await server.emit("said", {"text": text}, room="room")
    return "heard", len(text)


@server.event
async def reverse(sid, data):
    return data[::-1]


@server.event
async def disconnect(sid, reason):
    print("app: a client has left", flush=True)


async def stopped():
    print("app: stopped", flush=True)


app = socketio.ASGIApp(
    server,
    static_files={"/": {"content_type": "text/plain", "filename": "requirements.txt"}},
    on_shutdown=stopped,
)
