"""Idle TLS clients that answer nothing: a stop does not wait for them."""

import driver
from served import Served, ask


def run(server, long):
    count = 50 if long else 5
    with Served(server, "app", tls=True) as served:
        idle = [served.connect() for _ in range(count)]
        for sock in idle:
            ask(sock, "/")
        seconds = served.stop(60)
        for sock in idle:
            sock.close()
    figure = f"a stop with {count} idle TLS clients takes {seconds:.1f} s"
    return driver.Verdict("idle TLS clients", figure, seconds < 5)


if __name__ == "__main__":
    driver.main(run)
