"""The compose file: against the schema of the specification, and that its parts fit each other."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from fastserve.config import Config

from . import dockerfile

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "compose" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
SERVERS = [name for name in SERVICES if name.startswith("web")]
OPTIONS = {
    name.removeprefix("FASTSERVE_").lower(): value
    for name, value in SERVICES["web1"]["environment"].items()
    if name.startswith("FASTSERVE_")
}


def seconds(text):
    return float(re.fullmatch(r"(\d+)s", text)[1])


@pytest.mark.skipif(not find_spec("check_jsonschema"), reason="check-jsonschema is missing")
def test_schema():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, FILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_balancer_and_prometheus_know_the_servers():
    port, metrics = OPTIONS["port"], OPTIONS["metrics"].rpartition(":")[2]
    haproxy = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    found = re.findall(r"^    server (\w+) (\w+):(\d+) check$", haproxy, re.MULTILINE)
    assert found == [(name, name, port) for name in SERVERS]
    assert f"default-server port {metrics} " in haproxy
    prometheus = yaml.safe_load((FILE.parent / "prometheus.yml").read_text())
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in prometheus["scrape_configs"]
    }
    assert jobs["fastserve"] == [f"{name}:{metrics}" for name in SERVERS]
    host, _, port = jobs["haproxy"][0].partition(":")
    assert host in SERVICES
    assert f"bind :{port}" in haproxy


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing")
def test_prometheus_takes_its_file():
    command = ["promtool", "check", "config", FILE.parent / "prometheus.yml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_are_there():
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (FILE.parent / source).is_file()
    build = SERVICES["web1"]["build"]
    context = (FILE.parent / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()


def test_who_is_waited_for_has_a_health_check():
    (_, image) = dockerfile.read(ROOT / "deploy" / "image" / "Dockerfile")
    assert "HEALTHCHECK" in dict(image.steps)
    for service in SERVICES.values():
        for name in service.get("depends_on", {}):
            assert name in SERVERS or "healthcheck" in SERVICES[name]


def test_times_add_up():
    drain, graceful = float(OPTIONS["drain_delay"]), float(OPTIONS["timeout_graceful_shutdown"])
    assert seconds(SERVICES["web1"]["stop_grace_period"]) == drain + 2 * graceful + 10
    haproxy = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    interval, fall = re.search(r"inter (\d+)s fall (\d+)", haproxy).groups()
    timeout = re.search(r"timeout check +(\d+)s", haproxy)[1]
    assert drain > int(interval) * int(fall) + int(timeout)


def test_the_options_exist():
    assert OPTIONS.keys() <= Config.__dataclass_fields__.keys()
