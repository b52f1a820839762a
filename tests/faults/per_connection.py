"""What a connection costs at most whose client sends as much as it can, or reads nothing."""

import sysconfig

import driver
from served import CHUNKED, GET, Served, send_what_fits

KIB = 1024
FIELDS = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 480) for number in range(120))
SENT = {
    "two-byte chunks": CHUNKED % b"/never" + b"2\r\nxx\r\n" * (32 * KIB),  # 64 KiB
    "large chunks": CHUNKED % b"/never" + (b"8000\r\n" + bytes(32 * KIB) + b"\r\n") * 32,
    "a head without its end": (GET % b"/")[:-2] + FIELDS,
    "requests behind a slow one": GET % b"/never" + GET % b"/" * (1024 * KIB // len(GET % b"/")),
    "unread answers": GET % b"/bytes/65000" * 1000,
}
# Without the GIL, Python takes memory in larger pieces.
MOST = {"two-byte chunks": (300 if sysconfig.get_config_var("Py_GIL_DISABLED") else 200) * KIB}
OTHERWISE = 400 * KIB  # 64 KiB, one read of 256 KiB, and the objects


def run(server, long):
    count = 200 if long else 30
    costs = {name: cost(server, data, count) for name, data in SENT.items()}
    figure = ", ".join(f"{name} {size / KIB:.0f} KiB" for name, size in costs.items())
    kept = all(size < MOST.get(name, OTHERWISE) for name, size in costs.items())
    return driver.Verdict(f"each of {count} connections holds", figure, kept)


def cost(server, data, count):
    with Served(server, "app") as served:
        served.get("/")
        first, *clients = served.connect_all(count + 1)
        send_what_fits(first, data, 0.1)  # what only the first one costs does not count
        served.settle()
        before = served.peak()
        for sock in clients:
            send_what_fits(sock, data, 0.02)
        served.settle()
        size = (served.peak() - before) / count
        for sock in (first, *clients):
            sock.close()
    return size


if __name__ == "__main__":
    driver.main(run)
