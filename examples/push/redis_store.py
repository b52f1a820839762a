"""The store that any number of servers share: one Redis stream per channel.

XREAD from the position that a server has gives it the rest and then what is new, in order, so
nothing is missed between them, nor while the connection to Redis was away.
"""

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Collection, Mapping

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from examples.push.channel import Channel
from examples.push.message import Message, Position, Unavailable
from examples.push.settings import EXPIRE_SECONDS, HISTORY, KEEP_SECONDS, KEY_SECONDS, MAX_SHOWN
from examples.push.store import Here, Presence

BLOCK_SECONDS = 5.0
ANSWER_SECONDS = 5.0
UNKEYED_SECONDS = 60  # in which redis-py may repeat a command that had no answer
LOOK_AT = 2 * MAX_SHOWN  # users of servers

# Number the message after the last one, so that gaps show, unless its key was used before.
PUBLISH = """
local stream, sent = KEYS[1], KEYS[2]
local known = redis.call('GET', sent)
if known then return known end
local time = redis.call('TIME')
local now = time[1] .. string.format('%03d', math.floor(time[2] / 1000))
local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
local epoch, number = now, 0
if last then epoch, number = string.match(last[1], '(%d+)-(%d+)') end
local id = epoch .. '-' .. string.format('%.0f', number + 1)
redis.call('XADD', stream, 'MAXLEN', '~', ARGV[1], id,
           'user', ARGV[2], 'text', ARGV[3], 'time', now)
redis.call('EXPIRE', stream, ARGV[4])
redis.call('SET', sent, id, 'EX', ARGV[5])
return id
"""

# A sorted set of who is in a channel, as "user server", by the time at which they expire, which is
# Redis's time: the clocks of servers differ.
PRESENCE = """
local here, seconds, look_at, came = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = tonumber(redis.call('TIME')[1])
for i = 4, #ARGV do
    if i < 4 + came then redis.call('ZADD', here, now + seconds, ARGV[i])
    else redis.call('ZREM', here, ARGV[i]) end
end
redis.call('ZREMRANGEBYSCORE', here, '-inf', now)
redis.call('EXPIRE', here, seconds)
return {redis.call('ZCARD', here), redis.call('ZRANGE', here, 0, look_at - 1)}
"""

logger = logging.getLogger("fastserve.push")


def log_of(channel: str) -> str:
    return f"push:{{{channel}}}:log"


def presence_of(channel: str) -> str:
    return f"push:{{{channel}}}:presence"


# RuntimeError: redis-py under uvloop, for a connection that ended a moment ago
AWAY = (redis.RedisError, OSError, RuntimeError)


@contextlib.contextmanager
def answering():
    try:
        yield
    except AWAY as error:
        raise Unavailable(f"Redis is not reachable: {error}") from error


class RedisStore:
    def __init__(self, url: str) -> None:
        self.server = secrets.token_hex(8)
        # Try once more: the connection may have ended since it was last used.
        options = {"retry": Retry(NoBackoff(), 1), "decode_responses": True}
        pool = redis.BlockingConnectionPool.from_url(
            url, max_connections=8, timeout=5, socket_timeout=ANSWER_SECONDS, **options
        )
        self.redis = redis.Redis.from_pool(pool)
        # A machine that is gone does not say so: without a timeout the reader would not notice.
        self.reader = redis.Redis.from_url(
            url, socket_timeout=BLOCK_SECONDS + ANSWER_SECONDS, **options
        )
        self.run_publish = self.redis.register_script(PUBLISH)
        self.run_presence = self.redis.register_script(PRESENCE)
        self.channels: dict[str, Channel] = {}  # by the name of their stream
        # The reader reads a stream of its own too, so that it can be told of another channel.
        self.wake_stream = f"push:wake:{self.server}"
        self.wake_position = "0-0"
        self.reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.ping()
        self.reading = asyncio.create_task(self._read_streams())

    async def stop(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.gather(self.reading, return_exceptions=True)
        with contextlib.suppress(*AWAY):
            await self.redis.delete(self.wake_stream)
        await self.reader.aclose()
        await self.redis.aclose()

    async def ping(self) -> None:
        with answering():
            await self.redis.ping()

    # -- messages --

    async def publish(self, channel: str, user: str, text: str, key: str | None) -> Position:
        unique = f"{user}:{key}" if key else f"{self.server}:{secrets.token_hex(8)}"
        sent = f"push:{{{channel}}}:sent:{unique}"
        limits = (KEEP_SECONDS, KEY_SECONDS if key else UNKEYED_SECONDS)
        with answering():
            position = await self.run_publish(
                [log_of(channel), sent], [HISTORY, user, text, *limits]
            )
        return Position.parse(position)

    async def read(self, channel: str) -> list[Message]:
        with answering():
            entries = await self.redis.xrevrange(log_of(channel), count=HISTORY)
        return [message_of(channel, *entry) for entry in reversed(entries)]

    async def follow(self, channel: Channel) -> None:
        for message in await self.read(channel.name):
            channel.add(message)
        self.channels[log_of(channel.name)] = channel
        with answering():
            await self.redis.xadd(self.wake_stream, {"for": channel.name}, maxlen=1)
            await self.redis.expire(self.wake_stream, 3600)

    def unfollow(self, channel: Channel) -> None:
        self.channels.pop(log_of(channel.name), None)

    async def _read_streams(self) -> None:
        while True:
            try:
                await self._read_once()
            except AWAY as error:
                logger.warning("Redis is not reachable: %s", error)
                await asyncio.sleep(random.uniform(0.5, 1.5))
            except Exception:  # one bad entry in a stream is not the end of all others
                logger.exception("reading from Redis failed")
                await asyncio.sleep(1)

    async def _read_once(self) -> None:
        positions = {name: str(channel.last) for name, channel in self.channels.items()}
        positions[self.wake_stream] = self.wake_position
        block = int(BLOCK_SECONDS * 1000)
        found = await self.reader.xread(positions, count=HISTORY, block=block)
        for stream, entries in found.items() if isinstance(found, dict) else found or ():
            if stream == self.wake_stream:
                self.wake_position = entries[-1][0]
            elif channel := self.channels.get(stream):
                for entry in entries:
                    channel.add(message_of(channel.name, *entry))

    # -- presence --

    async def sync_presence(
        self, changes: Mapping[Here, bool], here: Collection[Here], watched: Collection[str]
    ) -> dict[str, Presence]:
        came: dict[str, list[str]] = {name: [] for name in watched}
        left: dict[str, list[str]] = {name: [] for name in watched}
        for (channel, user), is_here in [*changes.items(), *((who, True) for who in here)]:
            for members in (came, left):
                members.setdefault(channel, [])
            (came if is_here else left)[channel].append(f"{user} {self.server}")
        with answering():
            async with self.redis.pipeline(transaction=False) as pipeline:
                for channel, members in came.items():
                    arguments = [EXPIRE_SECONDS, LOOK_AT, len(members), *members, *left[channel]]
                    await self.run_presence([presence_of(channel)], arguments, client=pipeline)
                answers = dict(zip(came, await pipeline.execute(), strict=True))
        return {channel: presence_from(*answers[channel]) for channel in watched}


def presence_from(count: int, members: list[str]) -> Presence:
    users = sorted({member.split(" ")[0] for member in members})
    # Exact while all members were looked at; beyond that, a user of two servers counts twice.
    return Presence(len(users) if count <= LOOK_AT else count, users[:MAX_SHOWN])


def message_of(channel: str, entry_id: str, fields: dict[str, str]) -> Message:
    position = Position.parse(entry_id)
    return Message(channel, position, fields["user"], fields["text"], int(fields["time"]))
