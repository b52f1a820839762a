"""fastpysgi with an ASGI app and uvloop: PORT MODULE:ATTRIBUTE."""

import sys

import fastpysgi
import uvloop

port, app = sys.argv[1:]
fastpysgi.server.loop = uvloop.new_event_loop()
fastpysgi.server.lifespan = 0
fastpysgi.run(fastpysgi.import_from_string(app), "127.0.0.1", int(port))
