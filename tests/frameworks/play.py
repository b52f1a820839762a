"""Play one case on one server and print what came of it as JSON.

    python tests/frameworks/play.py CASE SERVER

Runs in the environment that has the framework, the server's command and websockets.
"""

import importlib.util
import json
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from started import Started
from visitor import Visitor

CASES = Path(__file__).parent / "cases"


def play(case: str, server: str) -> dict[str, Any]:
    folder = CASES / case
    scenario = load_scenario(folder)
    error = None
    with Started(server, folder, getattr(scenario, "OPTIONS", ())) as started:
        visitor = Visitor(started.port)
        try:
            scenario.visit(visitor)
        except Exception:
            error = traceback.format_exc()
        visitor.leave()
    return {
        "record": visitor.record,
        "said": started.said,
        "tracebacks": started.tracebacks,
        "error": error,
        "log": started.log,
    }


def load_scenario(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("scenario", folder / "scenario.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    json.dump(play(*sys.argv[1:]), sys.stdout)
