"""docs/make_options_compared.py: the options of other servers, and what they are here."""

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "make_options_compared.py"


@pytest.fixture(scope="module")
def compared():
    spec = importlib.util.spec_from_file_location("make_options_compared", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_name_of_ours_is_an_option_and_what_is_missing_has_a_reason(compared):
    assert list(compared.problems()) == []


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn", "hypercorn", "granian"])
def test_the_table_has_every_option_of_an_installed_server(compared, server, monkeypatch):
    try:
        version = importlib.metadata.version(server)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{server} is not installed")
    if version != compared.VERSIONS[server]:
        pytest.skip(f"{server} {version} is installed, the table is of another version")
    monkeypatch.setattr(compared, "READERS", {server: compared.READERS[server]})
    assert list(compared.differences()) == []


def test_what_the_check_finds(compared, monkeypatch):
    monkeypatch.setattr(compared, "HAVE", "--port | --port | | |\n--nowhere | --a | | |")
    monkeypatch.setattr(compared, "LACK", "| | --b | |\nA reason | --a | | |")
    assert list(compared.problems()) == [
        "--nowhere is not an option of fastserve",
        "{'uvicorn': [], 'gunicorn': ['--b'], 'hypercorn': [], 'granian': []} has no reason",
        "uvicorn's --a is in two tables",
    ]
