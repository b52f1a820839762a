"""A stop while server-sent events are being sent: the app is told before it is cancelled."""

import driver
from served import Served, receive

GRACE = {
    "fastserve": ["--timeout-graceful-shutdown", "2"],
    "uvicorn": ["--timeout-graceful-shutdown", "2"],
    "hypercorn": ["--graceful-timeout", "2"],
    "granian": [],
}


def run(server, long):
    del long
    with Served(server, "app", *GRACE[server]) as served, served.connect() as sock:
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        receive(sock)
        seconds = served.stop(20)
        output = served.output()
    told = "told" in output
    how = "told" if told else "cancelled" if "cancelled" in output else "neither told nor cancelled"
    figure = f"the app is {how}, and the stop takes {seconds:.1f} s of a grace of 2"
    return driver.Verdict("a stop with a stream open", figure, told and seconds < 4)


if __name__ == "__main__":
    driver.main(run)
