"""A web server in twenty lines: httpparser reads and writes HTTP, asyncio has the sockets.

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


async def serve(reader, writer):
    parser, head, size, error = RequestParser(limits=Limits(body=1_000_000)), None, 0, None
    with contextlib.closing(writer), contextlib.suppress(TimeoutError, ConnectionError):
        while not error and (head is None or head.keep_alive):
            async with asyncio.timeout(30):
                data = await reader.read(65536)
            if not data:
                return
            try:
                events = parser.feed(data)
            except HttpParserError as what_is_wrong:
                events, error = what_is_wrong.events, what_is_wrong
            for event in events:
                if isinstance(event, RequestHead):
                    head, size = event, 0
                    if head.expect_continue:
                        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                elif event is END:
                    text = f"{head.method} {head.path} with a body of {size} bytes\n"
                    writer.write(response(200, text, head))
                else:
                    size += len(event)
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
    body = text.encode()
    connection = b"keep-alive" if head and head.keep_alive else b"close"
    headers = [(b"content-length", b"%d" % len(body)), (b"connection", connection)]
    return write_response_head(status, headers) + (
        body if not head or head.method != "HEAD" else b""
    )


async def main(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8080))
