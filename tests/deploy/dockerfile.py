"""A Dockerfile and a .dockerignore, read as far as ours go."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    image: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)  # instruction and its text


def read(path: Path) -> list[Stage]:
    """The stages, in order. ValueError for an instruction before the first FROM."""
    stages: list[Stage] = []
    for instruction, text in instructions(path.read_text()):
        if instruction == "FROM":
            image, *rest = text.split()
            stages.append(Stage(image, rest[1] if rest else str(len(stages))))
        elif not stages:
            raise ValueError(f"{instruction} before FROM")
        else:
            stages[-1].steps.append((instruction, text))
    return stages


def instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction in capitals, and its arguments on one line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = (line.partition(" ") for line in whole.splitlines() if line.strip())
    return [(name.upper(), rest.strip()) for name, _, rest in found]


def variables(text: str, before: dict[str, str]) -> dict[str, str]:
    """What ENV sets; $NAME in it is the value from before."""
    found = {}
    for word in shlex.split(text):
        name, _, value = word.partition("=")
        found[name] = re.sub(r"\$(\w+)", lambda match: before.get(match[1], ""), value)
    return found


def command(text: str) -> list[str]:
    """The exec form of CMD, or a shell for the other form."""
    return json.loads(text) if text.startswith("[") else ["/bin/sh", "-c", text]


def health_check(text: str) -> tuple[dict[str, str], list[str]]:
    """The options without dashes, and the command."""
    options, _, rest = text.partition("CMD ")
    pairs = (word.removeprefix("--").split("=") for word in options.split())
    return dict(pairs), command(rest.strip())


class Ignored:
    """Which files of the context .dockerignore leaves out: the last pattern that fits decides."""

    def __init__(self, text: str) -> None:
        self.rules: list[tuple[re.Pattern[str], bool]] = []
        for line in text.splitlines():
            if pattern := line.partition("#")[0].strip():
                kept = pattern.startswith("!")
                self.rules.append((translate(pattern.lstrip("!").strip("/")), not kept))

    def __call__(self, path: str) -> bool:
        out = False
        for pattern, ignored in self.rules:
            if pattern.fullmatch(path):
                out = ignored
        return out


def translate(pattern: str) -> re.Pattern[str]:
    """A pattern fits a path, and all that is below it."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts) + "(?:/.*)?")
