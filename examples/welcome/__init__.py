"""The page of `make serve`: what is running, how your browser reached it, and where to go on.

    fastserve examples.welcome:app

    open http://127.0.0.1:8000/            # the page, with a live line over WebSocket
    curl http://127.0.0.1:8000/about       # the same as JSON
    curl http://127.0.0.1:8000/hello       # examples/hello.py, for benchmarks

With a certificate (`--ssl-certfile`) browsers use HTTP/2, also for the WebSocket.
"""

from .app import app

__all__ = ["app"]
