"""Tornado's server: PORT."""

import asyncio
import logging
import sys

from tornado.web import Application, RequestHandler

from benchmarks.apps.bodies import BODIES


class Answer(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write(BODIES[self.request.path])

    def compute_etag(self) -> None:
        """None of the others hashes its body."""


async def main() -> None:
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    Application([(path, Answer) for path in BODIES]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
