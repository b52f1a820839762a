"""Which way imports may go: docs/architecture.md, "Imports".

`.py` files are read with ast. Of `.pyx` and `.pxd` files the `import` and `cimport` statements are
read, so that a module that only needs declarations counts too.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"httpparser": ROOT / "httpparser", "fastserve": ROOT / "server" / "fastserve"}
IO = {"asyncio", "uvloop", "socket", "selectors", "ssl"}
PROTOCOLS = {"fastserve.http1", "fastserve.http2", "fastserve.websocket"}


class Rule(NamedTuple):
    """None of `modules` reaches any of `forbidden`, not through other modules either.

    A name stands for a module and everything below it.
    """

    modules: set[str]
    forbidden: set[str]
    excepted: frozenset[str] | set[str] = frozenset()


RULES = {
    "the parser knows nothing of the server": Rule({"httpparser"}, {"fastserve"}),
    "the parser does no I/O": Rule({"httpparser"}, IO),
    "HTTP/1 is read and written without I/O": Rule(
        {"fastserve.http1._writer", "fastserve.http1.h11"}, IO
    ),
    "the WebSocket protocol does no I/O": Rule(
        {"fastserve.websocket"},
        IO,
        excepted={"fastserve.websocket", "fastserve.websocket._session"},
    ),
    "asgi knows no protocol": Rule({"fastserve.asgi"}, PROTOCOLS),
    "HTTP/1 knows no HTTP/2": Rule({"fastserve.http1"}, {"fastserve.http2", "httpparser.http2"}),
    "HTTP/2 knows no HTTP/1": Rule({"fastserve.http2"}, {"fastserve.http1"}),
    "WebSocket knows nothing that carries it": Rule(
        {"fastserve.websocket"}, {"fastserve.http1", "fastserve.http2"}
    ),
    "only python -m fastserve imports the command": Rule(
        {"fastserve"}, {"fastserve.cli"}, excepted={"fastserve.cli", "fastserve.__main__"}
    ),
    "only the command imports click": Rule(
        {"fastserve"}, {"click"}, excepted={"fastserve.cli", "fastserve.__main__"}
    ),
    "only run() imports the supervisor": Rule(
        {"fastserve"},
        {"fastserve.supervisor"},
        excepted={"fastserve", "fastserve.supervisor", "fastserve.cli", "fastserve.__main__"},
    ),
}

STRING = re.compile(r'"""[\s\S]*?"""')
COMMENT = re.compile(r"#.*")
STATEMENT = re.compile(
    r"""^[ \t]*(?:
        from[ \t]+(?P<source>[.\w]+)[ \t]+c?import[ \t]+(?:\((?P<lines>[^)]*)\)|(?P<line>.*))
        | c?import[ \t]+(?P<modules>.*)
    )""",
    re.MULTILINE | re.VERBOSE,
)


def modules_of(packages):
    """The files of each module: `a/b.pyx`, `a/b.pxd` and `a/b.pyi` are one, a.b."""
    found = {}
    for package, folder in packages.items():
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".py", ".pyx", ".pxd", ".pyi"}:
                parts = path.relative_to(folder).with_suffix("").parts
                name = ".".join([package, *parts]).removesuffix(".__init__")
                found.setdefault(name, []).append(path)
    return found


def statements(path):
    """(source, names) of each `from source import names`; (module, []) of each `import module`."""
    text = path.read_text()
    if path.suffix in {".py", ".pyi"}:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                yield from ((alias.name, []) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                source = "." * node.level + (node.module or "")
                yield source, [alias.name for alias in node.names]
        return
    for match in STATEMENT.finditer(COMMENT.sub("", STRING.sub("", text))):
        if match["source"]:
            names = (match["lines"] or match["line"] or "").split(",")
            yield match["source"], [name.split()[0] for name in names if name.strip()]
        else:
            yield from ((name.split()[0], []) for name in match["modules"].split(","))


def absolute(source, module, path):
    """The module that a relative import means."""
    dots = len(source) - len(source.lstrip("."))
    if not dots:
        return source
    parts = module.split(".")
    parts = parts[: len(parts) - dots + (path.stem == "__init__")]
    return ".".join([*parts, *filter(None, [source.lstrip(".")])])


def imported_by(module, files, known):
    """The modules it names; a package counts for its own names, not for the modules below it."""
    for path in files:
        for source, names in statements(path):
            source = absolute(source, module, path)
            below = {f"{source}.{name}" for name in names} & known
            yield from below
            if len(below) < len(names) or not names:
                yield source


def graph(packages):
    files = modules_of(packages)
    known = set(files)
    return {module: set(imported_by(module, files[module], known)) for module in files}


GRAPH = graph(PACKAGES)


def is_in(module, names):
    return any(module == name or module.startswith(f"{name}.") for name in names)


def way(module, forbidden, edges):
    """The imports from a module to the first forbidden one, or nothing."""
    ways = [[module]]
    seen = {module}
    for steps in ways:  # grows while it is read: breadth first, so that the shortest is found
        for target in sorted(edges.get(steps[-1], ())):
            if is_in(target, forbidden):
                return [*steps, target]
            if target not in seen:
                seen.add(target)
                ways.append([*steps, target])
    return []


def broken(rule, edges):
    """How each module that breaks the rule reaches what it must not."""
    found = (
        way(module, rule.forbidden, edges)
        for module in edges
        if is_in(module, rule.modules) and module not in rule.excepted
    )
    return [" -> ".join(steps) for steps in found if steps]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_imports_go_one_way(rule):
    missing = {name for name in rule.modules if not any(is_in(found, {name}) for found in GRAPH)}
    assert missing == set()
    assert broken(rule, GRAPH) == []


def insides(edges):
    """Imports of an underscore module of one protocol by another one."""
    for module, targets in edges.items():
        for protocol in PROTOCOLS:
            for target in targets:
                hidden = target.startswith(f"{protocol}._")
                if hidden and is_in(module, PROTOCOLS - {protocol}):
                    yield f"{module} -> {target}"


def test_protocols_do_not_know_the_insides_of_each_other():
    assert sorted(insides(GRAPH)) == []


def test_the_length_of_files():
    """CONTRIBUTING.md: a compiled class stays whole, up to about 900 lines."""
    limits = {".pyx": 900, "config.py": 800}  # that is a list, with one entry per option
    # A session and its streams, and a connection and theirs, know each other's insides; Cython
    # wants such two in one module.
    # A parser has two ways to read a head, and both fill the same fields.
    exceptions = {
        "httpparser.http1._parser": 1000,
        "httpparser.http2._session": 1100,
        "fastserve.http2._connection": 1000,
    }
    long = {
        f"{path.name}: {count}"
        for module, files in modules_of(PACKAGES).items()
        for path in files
        if (count := len(path.read_text().splitlines()))
        > exceptions.get(module, limits.get(path.name, limits.get(path.suffix, 400)))
    }
    assert long == set()


# The reader itself.

SOURCES = {
    "a/__init__.py": "from .plain import name",
    "a/plain.py": '"""\nimport socket\n"""\ndef late():\n    from . import other\n',
    "a/_fast.pyx": (
        '"""From here on:\n\nimport selectors\n"""\n'
        "from b._low cimport (\n    Low,  # import ssl\n    High,\n)\n"
        "from a._fast cimport x, y as z\ncimport cython\n"
        'cdef extern from "asyncio.h":\n    pass\n'
        "from a import plain\n"
    ),
    "a/_fast.pxd": "from libc.stdint cimport int64_t\n",
    "b/__init__.pxd": "from b._low cimport Low\n",
    "b/_low.pyx": "import sys, asyncio\n",
}


@pytest.fixture
def edges(tmp_path):
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return graph({"a": tmp_path / "a", "b": tmp_path / "b"})


def test_what_is_read_as_an_import(edges):
    assert edges == {
        "a": {"a.plain"},
        "a.plain": {"a"},
        "a._fast": {"b._low", "a._fast", "cython", "a.plain", "libc.stdint"},
        "b": {"b._low"},
        "b._low": {"sys", "asyncio"},
    }


def test_what_is_imported_in_turn_counts(edges):
    assert broken(Rule({"a._fast"}, {"asyncio"}), edges) == ["a._fast -> b._low -> asyncio"]
    assert broken(Rule({"a"}, {"asyncio"}, excepted={"a._fast"}), edges) == []
    assert broken(Rule({"a"}, {"selectors", "socket", "ssl"}), edges) == []


def test_the_insides_of_another_protocol():
    edges = {
        "fastserve.http1._connection": {"fastserve.websocket", "fastserve.websocket._session"},
        "fastserve.websocket._session": {"fastserve.websocket._protocol"},
    }
    assert list(insides(edges)) == [
        "fastserve.http1._connection -> fastserve.websocket._session",
    ]
