"""The manifests: against the schemas of Kubernetes, and that their parts fit each other."""

import re
from pathlib import Path

import pytest
import yaml

from fastserve.config import Config

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
SPARE = 10  # seconds beyond what the server says that a stop can take


def load(name):
    return yaml.safe_load((FOLDER / name).read_text())


RESOURCES = load("kustomization.yaml")["resources"]
DEPLOYMENT = load("deployment.yaml")["spec"]
POD = DEPLOYMENT["template"]
(CONTAINER,) = POD["spec"]["containers"]
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
ENVIRONMENT = {pair["name"]: pair["value"] for pair in CONTAINER["env"]}


@pytest.mark.parametrize("name", RESOURCES)
def test_schema(name):
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is missing")
    validator.validate(load(name), validator.latest_version(), strict=True)


def test_all_resources_are_applied():
    others = {"kustomization.yaml", "adapter-values.yaml"}
    assert {path.name for path in FOLDER.iterdir()} == {*RESOURCES, *others}
    assert {image["name"] for image in load("kustomization.yaml")["images"]} == {CONTAINER["image"]}


def test_selectors_find_the_pods():
    labels = POD["metadata"]["labels"].items()
    spread = POD["spec"]["topologySpreadConstraints"][0]["labelSelector"]
    budget = load("disruption-budget.yaml")["spec"]["selector"]
    for selector in (DEPLOYMENT["selector"], spread, budget):
        assert selector["matchLabels"].items() <= labels
    assert load("service.yaml")["spec"]["selector"].items() <= labels
    target = load("autoscaler.yaml")["spec"]["scaleTargetRef"]["name"]
    assert target == load("deployment.yaml")["metadata"]["name"]


def options():
    """The options of the container, as the command takes them."""
    command = CONTAINER["command"]
    assert command[0] == "fastserve"
    given = {name.lower(): value for name, value in ENVIRONMENT.items()}
    pairs = zip(command[2::2], command[3::2], strict=True)
    given |= {f"fastserve_{name[2:].replace('-', '_')}": value for name, value in pairs}
    return {name.removeprefix("fastserve_"): value for name, value in given.items()}


def test_the_options_exist():
    names = {name.replace("-", "_") for name in Config.__dataclass_fields__}
    assert options().keys() <= names


def test_probes_ask_the_port_of_the_metrics():
    assert options()["port"] == str(PORTS["http"])
    assert options()["metrics"].endswith(f":{PORTS['metrics']}")
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = CONTAINER[name]["httpGet"]
        assert probe["port"] == "metrics"
        assert probe["path"] == ("/live" if name == "livenessProbe" else "/ready")
    (port,) = load("service.yaml")["spec"]["ports"]
    assert port["targetPort"] == "http"  # and the metrics are not for everybody
    assert POD["metadata"]["annotations"]["prometheus.io/port"] == str(PORTS["metrics"])


def test_times_add_up():
    drain = float(options()["drain_delay"])
    graceful = float(options()["timeout_graceful_shutdown"])
    grace = POD["spec"]["terminationGracePeriodSeconds"]
    assert grace == drain + 2 * graceful + SPARE  # requests, and the application's shutdown
    readiness = CONTAINER["readinessProbe"]
    assert drain > readiness["periodSeconds"] * readiness["failureThreshold"]
    # The server gives up a start before Kubernetes does.
    startup = CONTAINER["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= Config("a:b").timeout_startup


def test_nothing_is_permitted_that_is_not_needed():
    pod, container = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"]
    assert pod["runAsUser"] == 10001  # as the Dockerfile has it
    assert not container["allowPrivilegeEscalation"]
    assert container["readOnlyRootFilesystem"]
    assert container["capabilities"]["drop"] == ["ALL"]


def test_the_autoscaler_has_metrics_that_exist():
    exported = (ROOT / "docs" / "metrics.md").read_text()
    rules = load("adapter-values.yaml")["rules"]["custom"]
    for rule in rules:
        series = re.match(r"\w+", rule["seriesQuery"])[0]
        assert f"`{series}`" in exported
    asked = load("autoscaler.yaml")["spec"]["metrics"]
    names = {metric["pods"]["metric"]["name"] for metric in asked if metric["type"] == "Pods"}
    assert names == {rule["name"]["as"] for rule in rules}
