"""Telling systemd how the service is: sd_notify(3)."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

SEND_SECONDS = 1.0  # what a message may wait for a systemd that does not read


class Notifier:
    """Sends what NOTIFY_SOCKET's owner wants to know; nothing without that variable."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.watchdog_seconds = watchdog_seconds(environment) if self._address else 0.0

    def ready(self, status: str) -> None:
        """Clients are served, or a reload is over."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")

    def reloading(self) -> None:
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=Stopping")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def replaced(self, pid: int, status: str) -> None:
        """Another process is the main process from now on; this one says nothing more."""
        # In one message: what the new one says before systemd knows of it is not believed.
        self._send(f"MAINPID={pid}", "READY=1", f"STATUS={status}")
        self._address = ""

    def _send(self, *lines: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(SEND_SECONDS)
            text = "\n".join(line.replace("\n", " ") for line in lines)
            sock.sendto(text.encode("utf-8", "backslashreplace"), address)


def watchdog_seconds(environment: Mapping[str, str]) -> float:
    """How often systemd wants to hear of this process: half of its limit. 0: never."""
    text = environment.get("WATCHDOG_USEC", "")
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(text) / 2e6 if text.isdecimal() else 0.0
