"""HTTP/2 over the wire: each case names the clause that it shows."""
