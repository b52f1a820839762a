"""Limits and times; each can be set in the environment, with PUSH_ before its name."""

import os


def setting(name, default):
    return type(default)(os.environ.get(f"PUSH_{name}", default))


REDIS_URL = os.environ.get("REDIS_URL")  # none: this process alone

HISTORY = setting("HISTORY", 500)  # messages kept in a channel; further behind is too slow
MAX_TEXT = setting("MAX_TEXT", 8192)  # bytes of a message
MAX_NAME = setting("MAX_NAME", 40)  # characters in the name of a channel or user
MAX_CHANNELS = setting("MAX_CHANNELS", 20)  # that a client may follow
MAX_REPLIES = setting("MAX_REPLIES", 64)  # answers waiting for a client that does not read
MAX_SHOWN = setting("MAX_SHOWN", 50)  # names in a presence list

KEEP_SECONDS = setting("KEEP_SECONDS", 7 * 86_400)  # of a channel in which nothing is said
KEY_SECONDS = setting("KEY_SECONDS", 600)  # that a publisher's key is remembered
HEARTBEAT_SECONDS = setting("HEARTBEAT_SECONDS", 15)  # between comments of a silent event stream
PRESENCE_SECONDS = setting("PRESENCE_SECONDS", 1.0)  # between two looks at who is there
EXPIRE_SECONDS = setting("EXPIRE_SECONDS", 30)  # until the users of a killed server are gone
