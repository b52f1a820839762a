"""README.md for an index, which has none of the files that it links to."""

import re
import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<path>[^):#]+)(?P<part>#[^)]*)?\)")


def for_index() -> str:
    """README.md with absolute links, if pyproject.toml has the address of the repository."""
    text = (ROOT / "README.md").read_text("utf-8")
    address = repository()
    if address is None:
        return text
    version = runpy.run_path(str(ROOT / "httpparser" / "_version.py"))["__version__"]
    return absolute_links(text, address, f"v{version}")


def repository() -> str | None:
    """The address that `[project.urls]` calls Repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    address: str | None = project.get("urls", {}).get("Repository")
    return address and address.removesuffix(".git").rstrip("/")


def absolute_links(text: str, address: str, tag: str) -> str:
    """Links to files lead to this tag of the repository; code is left as it is."""

    def absolute(link: re.Match[str]) -> str:
        # Where GitHub and GitLab show a file, and where they serve its bytes.
        kind = "raw" if link["image"] else "blob"
        path, part = link["path"], link["part"] or ""
        return f"{link['image']}[{link['text']}]({address}/{kind}/{tag}/{path}{part})"

    pieces = FENCE.split(text)  # code is every second piece
    pieces[::2] = [LINK.sub(absolute, piece) for piece in pieces[::2]]
    return "".join(pieces)
