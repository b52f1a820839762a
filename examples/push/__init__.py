"""Push: channels with history and presence, over WebSocket and Server-Sent Events.

    fastserve examples.push:app --ws-max-size 65536 --timeout-graceful-shutdown 2

Open http://127.0.0.1:8000/ in two windows. For several processes or machines, connect them through
Redis (5 or newer); a client then gets every message of its channels once and in order, whichever
server it is on, also when that server is restarted or killed:

    pip install redis
    REDIS_URL=redis://127.0.0.1:6379 fastserve examples.push:app --workers 2

Without the page:

    curl -d 'Hello, all!' 'http://127.0.0.1:8000/channels/lobby/messages?user=ada'
    curl -N 'http://127.0.0.1:8000/events?channels=lobby&history=10'
    curl 'http://127.0.0.1:8000/channels/lobby/messages'        # what is kept
    curl 'http://127.0.0.1:8000/channels/lobby/presence'        # who is there
    curl -i http://127.0.0.1:8000/health                        # 503 without Redis
    python -m websockets 'ws://127.0.0.1:8000/ws?user=bob'      # then type:
    {"type": "subscribe", "channel": "lobby", "history": 10, "presence": true}
    {"type": "publish", "channel": "lobby", "text": "Hi!", "key": "1"}

How it works: a server keeps the last messages of each channel that its clients follow (channel.py),
fed from one Redis stream per channel (redis_store.py). A client is a position in each of its
channels (client.py), so catching up after a reconnect is the same as being live. websocket.py and
sse.py carry it, settings.py has the limits, user.py is where your login goes.

Redis must keep what it has acknowledged: a Redis that loses messages loses them for clients too.
"""

from examples.push.app import app

__all__ = ["app"]
