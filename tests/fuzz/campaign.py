"""`make fuzz`: every target for so many seconds, guided by coverage where that can be had.

Guided means atheris (libFuzzer) over modules that clang has compiled to report what they run. Where
one of the two is missing, that is said, and our own loop mutates the messages of the tests; it
knows where HTTP is fragile, but not what it has reached.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TARGETS = (
    "requests", "responses", "urls", "callbacks", "frames", "connections", "http2",
    "http2_connections",
)  # fmt: skip
CLANGS = ("clang", *(f"clang-{version}" for version in range(25, 11, -1)))


def clang() -> str | None:
    return next((name for name in CLANGS if shutil.which(name)), None)


def guided_copy() -> tuple[Path, dict[str, str]] | None:
    """The tree that clang has compiled for libFuzzer, and its environment; None: not here."""
    compiler = clang()
    if importlib.util.find_spec("atheris") is None:
        print("not guided: this Python has no atheris (pip install atheris)", flush=True)
        return None
    if compiler is None:
        print(
            "not guided: clang is not installed, and gcc cannot compile for libFuzzer", flush=True
        )
        return None
    sys.path.insert(0, str(HERE.parent / "builds"))
    import atheris
    from copies import prepare

    print(f"guided by atheris: compiling with {compiler}", flush=True)
    linker = {"CC": compiler, "LDSHARED": f"{compiler} -shared"}
    copy, environment = prepare("fuzz", FASTSERVE_FUZZING="1", **linker)
    # atheris' own libFuzzer is not seen by other modules: this one is
    return copy, {**environment, "LD_PRELOAD": f"{atheris.path()}/ubsan_with_fuzzer.so"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--own", action="store_true", help="our own loop in any case")
    parser.add_argument("targets", nargs="*", metavar="|".join(TARGETS))
    chosen = parser.parse_args()
    guided = None if chosen.own else guided_copy()
    folder, environment = guided or (ROOT, dict(os.environ))
    options = ["--seconds", str(chosen.seconds), *(["--atheris"] if guided else [])]
    for name in chosen.targets or TARGETS:
        print(f"-- {name}", flush=True)
        script = folder / "tests" / "fuzz" / f"fuzz_{name}.py"
        corpus = {"FUZZ_CORPUS": str(ROOT / "fuzz-corpus")}
        code = subprocess.run(
            [sys.executable, str(script), *options], env={**environment, **corpus}
        ).returncode
        if code:
            found = sorted((ROOT / "fuzz-corpus").glob(f"*-{name}-*"), key=os.path.getmtime)
            sys.exit(
                f"{name}: a finding (status {code}); its input is in {found[-1] if found else '?'}, "
                f"run it again with {sys.executable} tests/fuzz/fuzz_{name}.py FILE"
            )


if __name__ == "__main__":
    main()
