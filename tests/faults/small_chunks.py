"""Uploads in chunks of two bytes that the app does not read: what each connection costs."""

import driver
from served import CHUNKED, Served, send_what_fits

KIB = 1024
BODY = b"2\r\nxx\r\n" * (32 * KIB)  # 64 KiB


def run(server, long):
    count = 200 if long else 40
    with Served(server, "app") as served:
        served.get("/")
        clients = [served.connect() for _ in range(count + 1)]
        upload(clients[0])  # what the first one costs is not a connection's
        served.settle()
        before = served.peak()
        for sock in clients[1:]:
            upload(sock)
        served.settle()
        each = (served.peak() - before) / count
        for sock in clients:
            sock.close()
    figure = f"{each / KIB:.0f} KiB for each of {count} connections"
    return driver.Verdict("chunks of two bytes", figure, each < 200 * KIB)


def upload(sock):
    sock.sendall(CHUNKED % b"/never")
    send_what_fits(sock, BODY)


if __name__ == "__main__":
    driver.main(run)
