"""freastal, which has no command: PORT [CERTIFICATE KEY] MODULE:ATTRIBUTE."""

import sys
from importlib import import_module

import freastal

port, *pair, app = sys.argv[1:]
module, _, name = app.partition(":")
certificate, key = pair or (None, None)
freastal.serve_asgi(
    getattr(import_module(module), name),
    "127.0.0.1",
    int(port),
    certfile=certificate,
    keyfile=key,
)
