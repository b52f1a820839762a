"""Many WebSocket clients of examples/push in one process; each checks what it gets.

    python -m tests.machines.push_clients HOST PORT --clients 1000 --groups 10

Client number n follows the channels group-(n % groups) and all. Message k of a channel must have the
text "k" and the number k: anything missing, double or out of order is a fault. Clients that are cut
off come back, after a random delay, with the positions that they have reached.

Commands on standard input: `whole` is answered when all clients are connected and subscribed;
`finish {"group-0": 12, ...}` when all have got the last message of each channel, with a report.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field

import uvloop

TEXT, CLOSE, PING = 1, 8, 9
CONNECTING = 100  # at a time
LONGEST_DELAY = 4.0


@dataclass
class Report:
    messages: int = 0
    connects: int = 0
    cut_off: int = 0
    refused: int = 0
    closed: Counter = field(default_factory=Counter)  # by close code; none: 1006
    faults: Counter = field(default_factory=Counter)


class Crowd:
    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.report = Report()
        self.clients: list[Client] = []
        self.whole = 0  # clients with all of their subscriptions
        self.connecting = asyncio.Semaphore(CONNECTING)
        self.changed = asyncio.Event()

    def fault(self, text: str) -> None:
        self.report.faults[text] += 1

    async def until_whole(self) -> None:
        while self.whole < len(self.clients):
            await self.change()

    async def until_all_have(self, last: dict[str, int]) -> None:
        for client in self.clients:
            while not client.has(last):
                await self.change()

    async def change(self) -> None:
        self.changed.clear()
        await self.changed.wait()


class Client(asyncio.Protocol):
    """One client over all of its connections."""

    def __init__(self, crowd: Crowd, number: int, channels: list[str]) -> None:
        self.crowd, self.number = crowd, number
        self.positions: dict[str, str | None] = dict.fromkeys(channels)
        self.subscribed: set[str] = set()
        self.buffer = b""
        self.upgraded = False
        self.attempts = 0
        self.code = 1006
        self.ended: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport | None = None

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.ended = loop.create_future()
            self.buffer, self.upgraded, self.code = b"", False, 1006
            self.subscribed.clear()
            async with self.crowd.connecting:
                try:
                    await loop.create_connection(lambda: self, self.crowd.host, self.crowd.port)
                except OSError:
                    self.crowd.report.refused += 1
                    self.ended.set_result(None)
                else:
                    while not (self.ended.done() or self.is_whole):
                        await asyncio.wait([self.ended], timeout=0.05)
            await self.ended
            # Back-off with full jitter: thousands lose their server at the same moment.
            await asyncio.sleep(random.uniform(0, min(LONGEST_DELAY, 0.5 * 2**self.attempts)))
            self.attempts += 1

    @property
    def is_whole(self) -> bool:
        return len(self.subscribed) == len(self.positions)

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.write(
            f"GET /ws?user=client-{self.number} HTTP/1.1\r\nHost: {self.crowd.host}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        report = self.crowd.report
        if self.upgraded:
            report.cut_off += 1
            report.closed[self.code] += 1
        else:
            report.refused += 1
        self.crowd.whole -= self.is_whole
        self.subscribed.clear()
        self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded:
            head, mark, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if not mark:
                self.buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.transport.close()
                return
            self.upgraded = True
            self.crowd.report.connects += 1
            for channel, since in self.positions.items():
                self.send({"type": "subscribe", "channel": channel, "since": since})
        buffer, at = self.buffer, 0
        while len(buffer) >= at + 2:
            size, begin = buffer[at + 1], at + 2
            if size == 126:
                size, begin = int.from_bytes(buffer[at + 2 : at + 4]), at + 4
            if len(buffer) < begin + size:
                break
            self.frame(buffer[at] & 15, buffer[begin : begin + size])
            at = begin + size
        self.buffer = buffer[at:]

    def frame(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.event(json.loads(payload))
        elif opcode == PING:
            self.transport.write(b"\x8a" + bytes([0x80 | len(payload), 0, 0, 0, 0]) + payload)
        elif opcode == CLOSE:
            self.code = int.from_bytes(payload[:2]) or 1005
            self.transport.write(b"\x88" + bytes([0x80 | len(payload), 0, 0, 0, 0]) + payload)
            self.transport.close()

    def send(self, command: dict[str, object]) -> None:
        payload = json.dumps(command).encode()
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
        self.transport.write(b"\x81" + length + bytes(4) + payload)

    def event(self, event: dict[str, object]) -> None:
        kind = event["type"]
        if kind == "message":
            self.message(event["channel"], event["id"], event["text"])
        elif kind == "subscribed":
            channel = event["channel"]
            if not event["complete"]:
                self.crowd.fault("the history was too short")
            elif self.positions[channel] is None:
                self.positions[channel] = event["id"]
            elif self.positions[channel] not in (event["id"], "0-0"):
                self.crowd.fault("resumed elsewhere")
                self.positions[channel] = event["id"]
            self.subscribed.add(channel)
            if self.is_whole:
                self.attempts = 0
                self.crowd.whole += 1
                self.crowd.changed.set()
        elif kind == "error":
            self.crowd.fault(event["reason"])

    def message(self, channel: str, position: str, text: str) -> None:
        epoch, number = map(int, position.split("-"))
        known_epoch, known = map(int, self.positions[channel].split("-"))
        if channel not in self.subscribed:
            self.crowd.fault("before the subscription was confirmed")
        elif known_epoch not in (0, epoch):
            self.crowd.fault("of another epoch")
        elif number <= known:
            self.crowd.fault("double")
        elif number > known + 1:
            self.crowd.fault("missing")
        elif text != str(number):
            self.crowd.fault("another text")
        self.positions[channel] = position
        self.crowd.report.messages += 1
        self.crowd.changed.set()

    def has(self, last: dict[str, int]) -> bool:
        return all(
            int((position or "0-0").split("-")[1]) >= last.get(channel, 0)
            for channel, position in self.positions.items()
        )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first client")
    parser.add_argument("--groups", type=int, default=10)
    options = parser.parse_args()
    crowd = Crowd(options.host, options.port)
    numbers = range(options.first, options.first + options.clients)
    crowd.clients = [Client(crowd, n, [f"group-{n % options.groups}", "all"]) for n in numbers]
    async with asyncio.TaskGroup() as group:
        living = [group.create_task(client.live()) for client in crowd.clients]
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command, _, argument = line.strip().partition(" ")
            if command == "whole":
                await crowd.until_whole()
                print("whole", flush=True)
            elif command == "finish":
                await crowd.until_all_have(json.loads(argument))
                print("report", json.dumps(vars(crowd.report)), flush=True)
        for task in living:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main())
