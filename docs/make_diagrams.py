"""Draw the pictures of docs/architecture.md into docs/images: `python docs/make_diagrams.py`.

They follow the reader's colour scheme and need nothing else: no script draws them in the browser.
"""

from html import escape
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1b1f24; }
.code { font: 12px ui-monospace, Menlo, Consolas, monospace; }
.soft { fill: #5c6570; } .strong { font-weight: 650; }
.box { fill: #fff; stroke: #8b95a1; } .ours { fill: #fff1e8; stroke: #c2410c; }
.line { stroke: #8b95a1; fill: none; } .life { stroke: #c3c9d0; stroke-dasharray: 3 4; }
.arrow { stroke: #5c6570; stroke-width: 1.3; fill: none; marker-end: url(#head); }
#head path { fill: #5c6570; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .soft { fill: #a3adb8; }
  .box { fill: #23282f; stroke: #7b8794; } .ours { fill: #3a261b; stroke: #ff8a4c; }
  .line { stroke: #7b8794; } .life { stroke: #454d57; }
  .arrow { stroke: #a3adb8; } #head path { fill: #a3adb8; }
}
"""
HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" '
    'markerHeight="8" orient="auto"><path d="M0 0.5 8 4 0 7.5z"/></marker></defs>'
)


def picture(width: float, height: float, label: str, body: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
        f"<style>{STYLE}</style>{HEAD}\n" + "\n".join(body) + "\n</svg>\n"
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def arrow(path: str) -> str:
    return f'<path class="arrow" d="{path}"/>'


# Sequences: who calls whom, in time from top to bottom

COLUMN, FIRST, STEP, TOP = 136, 70, 34, 56


def sequence(
    label: str, people: list[tuple[str, str]], messages: list[tuple[int, int, str]]
) -> str:
    """`people` are names with what they are; a message goes from one to another, by index."""
    height = TOP + STEP * (len(messages) + 1)
    body = []
    for at, (name, kind) in enumerate(people):
        x = FIRST + at * COLUMN
        ours = "box" if name in ("transport", "application") else "ours"
        body.append(f'<path class="life" d="M{x} {TOP}V{height - 8}"/>')
        body.append(f'<rect class="{ours}" x="{x - 62}" y="6" width="124" height="46" rx="6"/>')
        body.append(text(x, 25, name, "strong"))
        body.append(text(x, 42, kind, "soft"))
    for at, (start, end, words) in enumerate(messages):
        y = TOP + STEP * (at + 1)
        x1, x2 = FIRST + start * COLUMN, FIRST + end * COLUMN
        side = 1 if end > start else -1
        body.append(arrow(f"M{x1 + side * 2} {y}H{x2 - side * 2}"))
        anchor, x = ("start", x1 + 8) if side > 0 else ("end", x1 - 8)
        body.append(text(x, y - 6, words, "code", anchor))
    return picture(FIRST * 2 + COLUMN * (len(people) - 1), height, label, body)


REQUEST = sequence(
    "How an HTTP/1.1 request flows from the transport to the application and back",
    [
        ("transport", "uvloop"), ("connection", "http1"), ("parser", "llhttp"),
        ("exchange", "asgi"), ("runner", "asgi/_task"), ("application", "yours"),
        ("writer", "http1"),
    ],
    [
        (0, 1, "data_received(bytes)"), (1, 2, "execute(bytes)"), (2, 1, "on_head"),
        (1, 3, "new exchange: scope"), (2, 1, "on_body, on_end"), (1, 3, "add_body, end_body"),
        (1, 4, "run(exchange)"), (4, 5, "first step"), (5, 3, "await receive()"),
        (5, 3, "await send(response.start)"), (3, 1, "send_head"),
        (1, 6, "begin: status line and fields"), (5, 3, "await send(response.body)"),
        (3, 1, "send_body"), (1, 6, "finish: framing, Date, Connection"), (3, 1, "finished"),
        (1, 0, "write(bytes)"),
    ],
)  # fmt: skip

REQUEST2 = sequence(
    "How a request over HTTP/2 flows from the transport to the application and back",
    [
        ("transport", "uvloop"), ("connection", "http2"), ("session", "nghttp2"),
        ("exchange", "asgi"), ("application", "yours"),
    ],
    [
        (0, 1, "data_received(bytes)"), (1, 2, "execute(bytes)"), (2, 1, "on_request"),
        (1, 3, "new exchange on a StreamChannel"), (2, 1, "on_data, on_end"),
        (1, 4, "first step of each, once all input is read"), (4, 3, "await send(…)"),
        (3, 1, "send_head, send_body"), (1, 2, "keep them"),
        (1, 2, "produce frames"), (1, 0, "write(bytes)"),
    ],
)  # fmt: skip


# Boxes and what leads from one to another


def box(x: float, y: float, width: float, name: str, words: str = "", kind: str = "box") -> str:
    height = 46 if words else 34
    lines = [
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="6"/>'
    ]
    lines.append(text(x + width / 2, y + (20 if words else 22), name, "strong"))
    if words:
        lines.append(text(x + width / 2, y + 37, words, "soft"))
    return "".join(lines)


CONNECTION = picture(
    900, 350, "The states of an HTTP/1 connection and what leads from one to another",
    [
        box(20, 56, 120, "NEW", "no byte yet"),
        box(250, 56, 130, "HEAD", "a head arrives"),
        box(500, 56, 150, "REQUEST", "its body arrives"),
        box(500, 190, 150, "RESPONSE", "the app answers", "ours"),
        box(250, 190, 130, "IDLE", "keep-alive"),
        box(740, 56, 140, "LINGERING", "input is dropped"),
        box(740, 290, 140, "CLOSED", "the end"),
        arrow("M140 79H248"), text(194, 71, "first byte", "soft"),
        arrow("M380 79H498"), text(440, 71, "head complete", "soft"),
        text(440, 96, "call the app", "soft"),
        arrow("M575 102V188"), text(583, 150, "request complete", "soft", "start"),
        arrow("M500 213H382"), text(441, 205, "response", "soft"),
        text(441, 230, "complete", "soft"),
        arrow("M315 190V104"), text(323, 150, "first byte", "soft", "start"),
        arrow("M315 56V26H810V54"), text(560, 19, "refused", "soft"),
        arrow("M650 79H738"), text(694, 71, "refused", "soft"),
        arrow("M650 206H770V104"), text(660, 198, "close, more", "soft", "start"),
        text(660, 223, "input comes", "soft", "start"),
        arrow("M575 236V313H738"), text(583, 305, "close, no more input", "soft", "start"),
        arrow("M850 102V288"), text(842, 244, "client done,", "soft", "end"),
        text(842, 260, "or too slow", "soft", "end"),
    ],
)  # fmt: skip

IMPORTS = picture(
    760, 440, "Which package imports which",
    [
        box(40, 16, 130, "cli"), arrow("M170 33H228"), box(230, 16, 190, "run(), in __init__"),
        arrow("M420 33H478"), box(480, 16, 150, "supervisor"),
        arrow("M555 50V98"), arrow("M325 50V98"), box(230, 100, 400, "server"),
        arrow("M430 134V178"), box(230, 180, 400, "service"),
        arrow("M300 214V258"), arrow("M560 214V258"),
        box(230, 260, 140, "http1", kind="ours"), box(490, 260, 140, "http2", kind="ours"),
        arrow("M370 269H388"), arrow("M490 269H472"), box(390, 252, 80, "websocket"),
        text(430, 302, "index only", "soft"),
        arrow("M300 294V338"), arrow("M560 294V338"), arrow("M430 310V338"),
        box(230, 340, 400, "asgi"),
        arrow("M430 374V398"), box(230, 400, 400, "httpparser", kind="ours"),
        arrow("M230 277H120V417H228"), text(112, 350, "http1, http2", "soft", "end"),
    ],
)  # fmt: skip

PICTURES = {
    "request": REQUEST,
    "request-http2": REQUEST2,
    "connection": CONNECTION,
    "imports": IMPORTS,
}

if __name__ == "__main__":
    for name, made in PICTURES.items():
        (IMAGES / f"{name}.svg").write_text(made)
