"""ASGI servers for WebSocket, permessage-deflate offered where a server has it."""

from benchmarks.servers.asgi import daphne, fastserve, granian, hypercorn, uvicorn
from benchmarks.servers.contestant import Contestant

APP = "benchmarks.apps.websocket:app"
LOOP = ("--loop", "uvloop")

WEBSOCKET: list[Contestant] = [
    uvicorn("uvicorn sansio", *LOOP, "--ws", "websockets-sansio", app=APP),
    uvicorn("uvicorn wsproto", *LOOP, "--ws", "wsproto", app=APP),
    granian("granian", app=APP),
    hypercorn(APP),
    daphne(APP),
    fastserve("fastserve", *LOOP, app=APP),
]
