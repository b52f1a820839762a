"""HTTP/1.1 and ASGI over the wire: each case names the clause that it shows."""
