"""A client pipelines requests and reads no answer: memory does not grow, others are served."""

import driver
from served import GET, Bystander, Served, send_what_fits

MIB = 1 << 20
REQUEST = GET % b"/bytes/8192"


def run(server, long):
    size = (18 if long else 4) * MIB
    with Served(server, "app") as served, served.connect() as sock:
        for _ in range(20):
            served.get("/bytes/8192")
        before = served.peak()
        with Bystander(served) as other:
            sent = send_what_fits(sock, REQUEST * (size // len(REQUEST)))
            served.settle()
        growth = served.peak() - before
    figure = (
        f"memory grows by {growth / MIB:.1f} MiB, {sent / MIB:.1f} of {size // MIB} MiB are taken, "
        f"others wait for {other.longest * 1000:.0f} ms at most"
    )
    return driver.Verdict("pipelined and unread", figure, growth < 4 * MIB and other.longest < 1)


if __name__ == "__main__":
    driver.main(run)
