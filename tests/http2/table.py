"""All cases by topic."""

from . import (
    compression,
    floods,
    flow,
    frame_types,
    framing,
    leaving,
    limits,
    priorities,
    requests,
    responses,
    streams,
    websockets,
)

TOPICS = {
    "HTTP/2: connections and frames": framing,
    "HTTP/2: streams": streams,
    "HTTP/2: types of frames": frame_types,
    "HTTP/2: flow control": flow,
    "HTTP/2: field compression": compression,
    "HTTP/2: requests": requests,
    "HTTP/2: responses": responses,
    "HTTP/2: priorities": priorities,
    "HTTP/2: WebSocket": websockets,
    "HTTP/2: limits": limits,
    "HTTP/2: floods": floods,
    "HTTP/2: shutdown": leaving,
}
CASES = [case for topic in TOPICS.values() for case in topic.CASES]


def compared():
    """Topics, with those of their cases that any server should pass."""
    for title, topic in TOPICS.items():
        part = [case for case in topic.CASES if is_compared(case)]
        if part:
            yield title, part


def is_compared(case):
    return not (case.choice or case.options or case.alone)
