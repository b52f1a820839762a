"""A web server in thirty lines: httpparser reads and writes HTTP, asyncio has the sockets.

    python examples/parser/server.py          # or on another port: server.py 8081

    curl -i "http://127.0.0.1:8080/hello?you"
    curl -i -d "some text" http://127.0.0.1:8080/
    printf 'GET / HTTP/1.1\\r\\n\\r\\n' | nc 127.0.0.1 8080    # 400: no Host

Keep-alive, pipelining, chunked bodies and limits are the parser's; so is the status of an error.
"""

import asyncio
import contextlib
import sys

from httpparser import END, HttpParserError, Limits, RequestHead, RequestParser, write_response_head

LIMITS = Limits(body=1_000_000)


async def serve(reader, writer):
    parser, head, size, over, error = RequestParser(limits=LIMITS), None, 0, False, None
    with contextlib.closing(writer), contextlib.suppress(TimeoutError, ConnectionError):
        while not over:
            async with asyncio.timeout(30):
                data = await reader.read(65536)
            try:
                events = parser.feed(data)
            except HttpParserError as what:
                error, events = what, what.events  # those before the error
            over = error or not data
            for event in events:
                if isinstance(event, RequestHead):
                    head, size = event, 0
                    if head.expect_continue:
                        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                elif isinstance(event, bytes | memoryview):
                    size += len(event)
                elif event is END:
                    text = f"{head.method} {head.path} with a body of {size} bytes\n"
                    writer.write(response(200, text, head))
                    over = over or not head.keep_alive
            if error:
                writer.write(response(error.status, f"{error}\n"))
            async with asyncio.timeout(30):
                await writer.drain()
        if error:  # RFC 9112 9.6: closing at once could reset the connection before it is read
            writer.write_eof()
            async with asyncio.timeout(2):
                while await reader.read(65536):
                    pass


def response(status, text, head=None):
    """To the request with this head; without one it is the last on the connection."""
    body = text.encode()
    connection = b"keep-alive" if head and head.keep_alive else b"close"
    fields = [(b"content-length", b"%d" % len(body)), (b"connection", connection)]
    if head and head.method == "HEAD":
        body = b""
    return write_response_head(status, fields) + body


async def main(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8080))
