"""Stands in for the build backend of an archive that pin.py downloads.

pip asks the backend for the archive's name and version before it hands the archive over. This one
copies the answer from PKG-INFO, so that no build tool is installed and no code of the archive runs.
"""

import shutil
from email.parser import HeaderParser
from pathlib import Path


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: object = None
) -> str:
    """The hook of PEP 517; the current directory is the unpacked archive."""
    fields = HeaderParser().parsestr(Path("PKG-INFO").read_text())
    folder = Path(metadata_directory) / f"{fields['Name']}-{fields['Version']}.dist-info"
    folder.mkdir()
    shutil.copyfile("PKG-INFO", folder / "METADATA")
    return folder.name


def build_wheel(*arguments: object) -> str:
    """Never called: pip checks that a backend has it."""
    raise NotImplementedError("only pin.py uses this backend, and it builds nothing")
