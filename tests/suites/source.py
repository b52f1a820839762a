"""Another project's tests, taken from its source distribution; nothing of it stays in the tree."""

import hashlib
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

BUILT = Path(__file__).parents[2] / "build" / "suites" / platform.python_version()
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def take_tests(project: str, version: str, sha256: str) -> Path:
    """The folder in which `tests` is the project's. Ends the program if it cannot be had."""
    folder = BUILT / project
    archive = folder / f"{project}-{version}.tar.gz"
    if not archive.exists():
        options = ["--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
        subprocess.run([*PIP, "download", *options, f"{project}=={version}"], check=True)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise SystemExit(f"{archive} is not the source distribution of {project} {version}")
    with tarfile.open(archive) as contents:
        for member in contents.getmembers():
            member.name = member.name.partition("/")[2]
            if member.name.startswith("tests/"):
                contents.extract(member, folder, filter="data")
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def install(requirements: Path) -> Path:
    """A folder for sys.path that has what the requirements say, beside this environment."""
    site = BUILT / requirements.stem
    if not site.exists():
        subprocess.run([*PIP, "install", "-t", str(site), "-r", str(requirements)], check=True)
    return site
