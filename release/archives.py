"""Build the source distribution, and from it the wheel, into dist/: `make wheel`.

With gcc on Linux the wheel is trained: it is built twice, and the second time gcc knows what ran in
release/train.py. Elsewhere, and with --plain, it is built once. `archives.py --train FOLDER` does
only the first half, in these sources: FASTSERVE_PROFILE=use builds them with what was learnt.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"


def main() -> None:
    options = sys.argv[1:]
    if options[:1] == ["--train"]:
        train(Path(options[1]).resolve())
        return
    shutil.rmtree(DIST, ignore_errors=True)
    for file in build(DIST, trained=options != ["--plain"]):
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB", flush=True)


def build(dist: Path, *, trained: bool = True) -> tuple[Path, Path]:
    """The source distribution and the wheel, in a folder that has none yet."""
    run("-m", "build", "--sdist", "--outdir", str(dist), str(ROOT))
    (sdist,) = dist.glob("*.tar.gz")
    with tempfile.TemporaryDirectory(prefix="build-") as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (source,) = Path(folder).iterdir()
        build_wheel(source, dist, train(source) if trained else "")
    (wheel,) = dist.glob("*.whl")
    return sdist, wheel


def is_gcc() -> bool:
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    macros = subprocess.run(
        [*compiler, "-dM", "-E", "-"], input="", capture_output=True, text=True, check=False
    ).stdout
    return sys.platform == "linux" and "__GNUC__" in macros and "__clang__" not in macros


def train(source: Path) -> str:
    """Count what runs, beside the objects in the folder; how FASTSERVE_PROFILE is to use it."""
    if not is_gcc():
        print("The wheel is not trained: that needs gcc on Linux", flush=True)
        return ""
    with tempfile.TemporaryDirectory() as folder:
        wheels, environment = Path(folder) / "wheels", Path(folder) / "venv"
        build_wheel(source, wheels, "record")
        (wheel,) = wheels.glob("*.whl")
        run("-m", "venv", str(environment))
        python = str(environment / "bin" / "python")
        run("-m", "pip", "install", "--quiet", str(wheel), python=python)
        run(str(source / "release" / "train.py"), python=python)
    for built in (source / "build").glob("lib*"):
        shutil.rmtree(built)  # or its modules would count as up to date
    return "use"


def build_wheel(source: Path, wheels: Path, profile: str) -> None:
    environment = {**os.environ, "FASTSERVE_PROFILE": profile}
    run("-m", "build", "--wheel", "--outdir", str(wheels), str(source), environment=environment)


def run(*arguments: str, python: str = sys.executable,
        environment: dict[str, str] | None = None) -> None:  # fmt: skip
    result = subprocess.run([python, *arguments], env=environment)
    if result.returncode != 0:
        sys.exit(f"wheel: failed: python {' '.join(arguments)}")


if __name__ == "__main__":
    main()
