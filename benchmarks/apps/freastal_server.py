"""freastal, which has no command: PORT MODULE:ATTRIBUTE."""

import sys
from importlib import import_module

import freastal

port, app = sys.argv[1:]
module, _, name = app.partition(":")
freastal.serve_asgi(getattr(import_module(module), name), "127.0.0.1", int(port))
