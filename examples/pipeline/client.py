"""Send a file through the pipeline, with a progress bar on the terminal.

    python -m examples.pipeline.client orders.jsonl.gz -o clean.jsonl
    python -m examples.pipeline.client orders.jsonl.gz --to file      # the result stays there

`-` reads standard input. It uploads in one thread and downloads in another: the server sends
results while it receives, and waits for a client that does not read them.
"""

import argparse
import contextlib
import http.client
import json
import os
import secrets
import shutil
import sys
import threading
from urllib.parse import urlsplit

PIECE = 1 << 16
DRAW_SECONDS = 0.2
MIB = 1 << 20
FAILURES = (OSError, http.client.HTTPException)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", help="JSON lines, gzipped or not; - is standard input")
    parser.add_argument("-o", "--output", help="where the records go (standard output)")
    parser.add_argument("--to", choices=("response", "file", "both"), default="response")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    arguments = parser.parse_args()
    try:
        if arguments.file == "-":
            transfer = Transfer(arguments.url, sys.stdin.buffer, None, arguments.to)
            sys.exit(transfer.run(arguments.output))
        with open(arguments.file, "rb") as source:
            size = os.fstat(source.fileno()).st_size
            sys.exit(Transfer(arguments.url, source, size, arguments.to).run(arguments.output))
    except FAILURES as error:
        sys.exit(f"{arguments.url}: {error}")


class Transfer:
    """One job: the upload, the download, and the progress bar beside them."""

    def __init__(self, url, source, size, to):
        self.url = urlsplit(url)
        self.source, self.size, self.to = source, size, to
        self.id = secrets.token_hex(8)
        self.sent = 0
        self.ended = threading.Event()

    def connect(self):
        https = self.url.scheme == "https"
        kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = kind(self.url.netloc)
        connection.connect()
        return contextlib.closing(connection)

    def run(self, output):
        """The exit status: 0 if the job was done and the whole result has come."""
        with self.connect() as connection:
            threads = [threading.Thread(target=self.upload, args=(connection,))]
            if sys.stderr.isatty():
                threads.append(threading.Thread(target=self.draw))
            for thread in threads:
                thread.start()
            try:
                whole = self.download(connection, output)
            finally:
                self.ended.set()
                for thread in threads:
                    thread.join()
        return self.report(whole)

    def upload(self, connection):
        known = self.size is not None
        headers = {"content-length": str(self.size)} if known else {"transfer-encoding": "chunked"}
        path = f"/transform?job={self.id}&to={self.to}"
        with contextlib.suppress(OSError):  # the server refuses the rest; its answer says why
            connection.request("POST", path, self.pieces(), headers, encode_chunked=not known)

    def pieces(self):
        while piece := self.source.read(PIECE):
            yield piece
            self.sent += len(piece)

    def download(self, connection, path):
        """Whether the whole response has come."""
        # http.client has no getresponse() while request() runs, so this reads the socket itself.
        with http.client.HTTPResponse(connection.sock, method="POST") as response:
            response.begin()
            if response.status != 200:
                print(json.load(response)["error"], file=sys.stderr)
                return False
            if self.to == "file":
                return bool(response.read())
            with (
                open(path or 1, "wb", closefd=bool(path)) as output,
                contextlib.suppress(*FAILURES),  # the server gave up; the job says why
            ):
                shutil.copyfileobj(response, output)
                return True
        return False

    # What is shown

    def job(self):
        """As the server has it; None if it knows nothing of it."""
        with self.connect() as connection:
            connection.request("GET", f"/jobs/{self.id}")
            response = connection.getresponse()
            return json.load(response) if response.status == 200 else None

    def draw(self):
        """One line on the terminal, again and again."""
        while not self.ended.wait(DRAW_SECONDS):
            with contextlib.suppress(*FAILURES):
                if job := self.job():
                    print(f"\r\x1b[2K{self.bar(job)}", end="", file=sys.stderr, flush=True)
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    def bar(self, job):
        rate = job["records"] / max(job["seconds"], 0.001)
        text = f"{self.sent / MIB:,.1f} MiB  {job['records']:,} records  {rate:,.0f}/s"
        if not self.size:
            return text
        share = min(1.0, self.sent / self.size)
        width = max(10, shutil.get_terminal_size().columns - len(text) - 10)
        return f"{share:4.0%} {'█' * round(share * width):░<{width}} {text}"

    def report(self, whole):
        """Counts and errors at the end; the exit status."""
        job = self.job()
        if job is None:
            return 1
        rate = job["records"] / max(job["seconds"], 0.001)
        counts = f"{job['records']:,} records, {job['bad']:,} bad lines of {job['lines']:,}"
        lines = [f"{counts}, in {job['seconds']:.1f} s ({rate:,.0f} records/s)"]
        lines += [f"  line {line}: {why}" for line, why in job["errors"]]
        if (more := job["bad"] - len(job["errors"])) > 0:
            lines.append(f"  and {more:,} more")
        if job["result"]:
            lines.append(f"  kept as {job['result']}")
        if job["error"]:
            lines.append(f"failed: {job['error']}")
        print(*lines, sep="\n", file=sys.stderr)
        return 0 if whole and job["state"] == "done" else 1


if __name__ == "__main__":
    main()
