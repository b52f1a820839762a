"""HTTP/1.1 without sockets: bytes in, bytes out, over a transport and a clock of our own."""
