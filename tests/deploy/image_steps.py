"""Build deploy/image/Dockerfile without a container engine, step by step in chroots, and try it.

    python -m tests.deploy.image_steps --slim ROOT --full ROOT --folder FOLDER [--share PATH ...]

ROOT of --slim is a Debian root (debootstrap --variant=minbase) with Python in /usr/local, as
python:3.13-slim has it, that of --full one with a compiler too, as python:3.13. Both are copied. PATHs
of this machine are seen in the chroots while RUN runs, and so is PIP_... of the environment: what pip
needs to reach an index here.

Each RUN, COPY, ENV, WORKDIR and USER is executed as written, with the context that .dockerignore
leaves. Then the image is run: in PID, network and mount namespaces of its own, as the user of USER,
from a root that is read-only, with the command of CMD and with others. HEALTHCHECK is asked, SIGTERM
sent. Needs root and util-linux. Prints what it does, and ends with 1 if something is not as it should.
"""

import argparse
import http.client
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.machines.namespaces import Machine, Network, Process, unavailable

from . import dockerfile

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "deploy" / "image" / "Dockerfile"
PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
LINE_OF_OTHERS = [  # as people's container files have it
    *("fastserve", "web.main:app", "--host", "0.0.0.0", "--port", "8077"),
    *("--loop", "uvloop", "--http", "h11"),
]


def say(text: str) -> None:
    print(text, flush=True)


def in_root(root: Path, command: list[str], *, shared=(), read_only=False) -> list[str]:
    """`command` in `root`, with mounts that are gone afterwards."""
    lines = [f"mount --bind {root} {root}"]
    for path in ("/dev", *shared):
        target = f"{root}{path}"
        lines.append(
            f"[ -d {path} ] && mkdir -p {target} || {{ mkdir -p {Path(target).parent}; touch {target}; }}"
        )
        lines.append(f"mount --rbind {path} {target}")
    if read_only:
        lines.append(f"mount -o remount,ro,bind {root}")
    lines.append(f"mount -t proc proc {root}/proc")
    lines.append(f"exec {shlex.join(command)}")
    return ["unshare", "--mount", "sh", "-ec", "\n".join(lines)]


class Build:
    """The stages, each a root in `folder`."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.roots: dict[str, Path] = {}
        self.environment: dict[str, str] = {}
        self.folder = "/"
        self.user = "0"
        self.command: list[str] = []
        self.health: list[str] = []
        self.ignored = dockerfile.Ignored(IMAGE.with_name("Dockerfile.dockerignore").read_text())

    def run(self) -> Path:
        for stage in dockerfile.read(IMAGE):
            say(f"FROM {stage.image}")
            base = self.options.slim if "slim" in stage.image else self.options.full
            self.root = self.options.folder / stage.name
            self.roots[stage.name] = self.root
            if stage.name in self.options.reuse:
                say("    as it is")
                continue
            shutil.rmtree(self.root, ignore_errors=True)
            subprocess.run(["cp", "-a", base, self.root], check=True)
            self.environment, self.folder, self.user = {"PATH": PATH}, "/", "0"
            for instruction, text in stage.steps:
                say(f"{instruction} {text}")
                began = time.monotonic()
                getattr(self, f"do_{instruction.lower()}")(text)
                if instruction in ("RUN", "COPY"):
                    say(f"    {time.monotonic() - began:.1f} s")
        return self.root

    def do_run(self, text: str) -> None:
        index = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        variables = [f"{name}={value}" for name, value in {**index, **self.environment}.items()]
        inside = ["chroot", f"--userspec={self.user}", str(self.root), "env", "-i", *variables]
        command = in_root(self.root, [*inside, "/bin/sh", "-c", text], shared=self.options.share)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{done.stdout}\n{done.stderr}\nRUN ended with {done.returncode}")

    def do_copy(self, text: str) -> None:
        words = shlex.split(text)
        source = None
        if words[0].startswith("--from="):
            source = self.roots[words.pop(0).removeprefix("--from=")]
        *names, target = words
        for name in names:
            if source:
                self.copy(source / name.lstrip("/"), target)
            else:
                self.copy_context(name, target)

    def copy(self, source: Path, target: str) -> None:
        destination = self.root / target.lstrip("/")
        destination.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", source, destination], check=True)

    def copy_context(self, name: str, target: str) -> None:
        """As docker does: the content of a folder, of files that are not ignored."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "-z", name],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        count = 0
        for path in filter(None, listed.split("\0")):
            if self.ignored(path) or not (ROOT / path).is_file():
                continue
            file = self.root / target.lstrip("/") / Path(path).relative_to(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, file)
            count += 1
        say(f"    {count} files")
        assert count, f"COPY {name}: nothing"

    def do_env(self, text: str) -> None:
        self.environment.update(dockerfile.variables(text, self.environment))

    def do_workdir(self, text: str) -> None:
        self.folder = text
        (self.root / text.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def do_user(self, text: str) -> None:
        self.user = text

    def do_expose(self, text: str) -> None:
        pass

    def do_healthcheck(self, text: str) -> None:
        self.health = dockerfile.health_check(text)[1]

    def do_cmd(self, text: str) -> None:
        self.command = dockerfile.command(text)


class Container:
    """A command as PID 1 of the image."""

    def __init__(
        self, build: Build, machine: Machine, command: list[str], **variables: str
    ) -> None:
        self.build, self.machine, self.command = build, machine, command
        run = [*self.inside(variables), *command]
        start = in_root(
            build.root, ["unshare", "--pid", "--fork", "--kill-child", *run], read_only=True
        )
        self.process: Process = machine.start(*start)
        self.process.expect("running on")

    def inside(self, variables: dict[str, str]) -> list[str]:
        build = self.build
        user = f"--userspec={build.user}:{build.user}"
        values = {**build.environment, **variables}
        pairs = [f"{name}={value}" for name, value in values.items()]
        enter = ["chroot", user, build.root, "env", "-i", *pairs, "env", f"--chdir={build.folder}"]
        return list(map(str, enter))

    def healthy(self) -> int:
        """The exit status of HEALTHCHECK."""
        start = in_root(self.build.root, [*self.inside({}), *self.build.health], read_only=True)
        done = subprocess.run(self.machine.command(*start), capture_output=True, text=True)
        return done.returncode

    def get(self, port: int, path: str = "/") -> tuple[int, bytes]:
        with self.machine.inside():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                return response.status, response.read()
            finally:
                connection.close()

    def first(self) -> int:
        """PID 1 of the container, in the numbers of this machine."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def stop(self) -> tuple[int, float]:
        """SIGTERM, as docker stop sends it; exit status and seconds."""
        began = time.monotonic()
        os.kill(self.first(), signal.SIGTERM)
        status = self.process.wait()
        self.machine.processes.remove(self.process)
        return status, time.monotonic() - began


def check(truth: object, text: str) -> None:
    say(f"    {'ok' if truth else 'NOT'}: {text}")
    if not truth:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--slim", type=Path, required=True)
    parser.add_argument("--full", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for the stages' roots")
    parser.add_argument("--share", action="append", default=[], metavar="PATH")
    parser.add_argument(
        "--reuse", action="append", default=[], metavar="STAGE", help="as last time"
    )
    options = parser.parse_args()
    if reason := unavailable():
        parser.error(reason)
    build = Build(options)
    root = build.run()
    size = int(subprocess.check_output(["du", "-sm", root / "venv"]).split()[0])
    say(f"the virtual environment has {size} MB")
    check(not list(root.rglob("venv/**/pip")), "there is no pip in it")
    check(not shutil.which("gcc", path=str(root / "usr/bin")), "there is no compiler")
    with Network("10.85.0") as network:
        commands = [
            (build.command, 8077),
            ([*build.command, "--workers", "2"], 8077),
            (LINE_OF_OTHERS, 8077),
            (["fastserve", "examples.push:app", "--host", "0.0.0.0"], 8000),
        ]
        for command, port in commands:
            say(shlex.join(command))
            container = Container(build, network.machine("container"), command)
            for line in container.process.lines:
                say(f"    | {line}")
            status, body = container.get(port)
            check(status == 200, f"GET / answers {status}: {body[:80]!r}")
            check(container.healthy() == 0, "HEALTHCHECK says healthy")
            processes = [
                Path(f"/proc/{pid}/status").read_text()
                for pid in network.machine("container").pids()
            ]
            users = {
                line.split()[1]
                for text in processes
                for line in text.splitlines()
                if line.startswith("Uid") and "\nName:\tunshare" not in "\n" + text
            }
            check(users <= {build.user}, f"processes run as {users}")
            status, seconds = container.stop()
            check(status == 0, f"after SIGTERM: status {status} within {seconds:.1f} s")
    say("all is well")


if __name__ == "__main__":
    sys.exit(main())
