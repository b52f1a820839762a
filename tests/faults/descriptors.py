"""1,000 clients where there are 256 descriptors: nobody is reset, and the app can open its files."""

import concurrent.futures
import select
import socket

import driver
from served import Served, ask

ROOM = 150  # clients that any server has room for


def run(server, long):
    count = 1000 if long else 400
    with Served(server, "app", limits="ulimit -n 256") as served:
        first = served.connect()
        ask(first, "/")
        clients = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(count)]
        lost = len(closed(clients))
        try:
            opened = ask(first, "/open") == "opened"
        except OSError:
            opened = False
        first.close()
        # Those who wait are answered once others have gone.
        for sock in clients[:-ROOM]:
            sock.close()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            lost += sum(not answered for answered in pool.map(is_answered, clients[-ROOM:]))
        lines = len(served.output().splitlines())
    figure = (
        f"{lost} of {count} clients lost, the app {'could' if opened else 'could not'} open its "
        f"files, {lines} lines of log"
    )
    return driver.Verdict("out of descriptors", figure, opened and not lost and lines < 2 * ROOM)


def closed(clients):
    """Those that the server closes within two seconds: nothing else can be read from them."""
    poll = select.poll()
    for sock in clients:
        poll.register(sock, select.POLLIN)
    return poll.poll(2000)


def is_answered(sock):
    try:
        with sock:
            return ask(sock, "/") == "hello"
    except OSError:
        return False


if __name__ == "__main__":
    driver.main(run)
