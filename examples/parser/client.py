"""A client in twenty lines: GET, the body to standard output and the head to standard error.

    python examples/parser/client.py http://example.org/

Chunked bodies, those that end with the connection and interim responses (103) are the parser's.
"""

import socket
import ssl
import sys
from urllib.parse import urlsplit

from httpparser import END, ResponseHead, ResponseParser, Trailers


def fetch(url):
    """The events of the response to GET."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with socket.create_connection((parts.hostname, port), timeout=30) as connection:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = context.wrap_socket(connection, server_hostname=parts.hostname)
        request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        parser = ResponseParser(method="GET")
        while data := connection.recv(65536):
            yield from parser.feed(data)
        yield from parser.feed_eof()  # raises IncompleteMessage if the response is cut off


def main(url):
    for event in fetch(url):
        if isinstance(event, ResponseHead):
            print(event.status, event.reason.decode("latin-1"), file=sys.stderr)
            for name, value in event.headers:
                print(f"{name.decode()}: {value.decode('latin-1')}", file=sys.stderr)
        elif event is not END and not isinstance(event, Trailers):
            sys.stdout.buffer.write(event)


if __name__ == "__main__":
    main(sys.argv[1])
