"""A plugin of pytest for `make asan`: Python is started with the sanitizer, other programs without.

With it before curl, curl's second setlocale() waits for ever.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

OURS = Path(sys.executable).parent  # its programs are scripts for Python
STARTS_PYTHON = {"sh", "unshare"}  # in the tests


class Popen(subprocess.Popen[Any]):
    def __init__(self, args: Any, *more: Any, env: Any = None, **options: Any) -> None:
        program = Path(args if isinstance(args, str | os.PathLike) else args[0])
        if not (
            program.name.startswith("python")
            or program.name in STARTS_PYTHON
            or program.parent == OURS
        ):
            env = dict(os.environ if env is None else env)
            env.pop("LD_PRELOAD", None)
        super().__init__(args, *more, env=env, **options)  # type: ignore[call-overload]


subprocess.Popen = Popen  # type: ignore[misc]
