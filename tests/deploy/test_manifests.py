"""The manifests are valid for Kubernetes, Compose and systemd, and match the relay's settings, ports and commands."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from llm_relay.program.settings.known_settings import KNOWN_SETTINGS
from tests.support.programs import PROJECT

DEPLOY = PROJECT / "deploy"
KUBERNETES = "1.34"
KUBECTL = shutil.which("kubectl")
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")


def objects() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each Kubernetes object with its kind and name."""
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for one in yaml.safe_load_all(path.read_text()):
                yield f"{one['kind']} {one['metadata']['name']}", one


OBJECTS = dict(objects())
PODS = {name: one["spec"]["template"]["spec"] for name, one in OBJECTS.items() if one["kind"] == "Deployment"}


@pytest.mark.parametrize("name", OBJECTS)
def test_kubernetes_accepts_each_object(name: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], KUBERNETES, strict=True)


@pytest.mark.skipif(KUBECTL is None, reason="needs kubectl")
def test_kustomize_builds_every_object() -> None:
    built = subprocess.run(["kubectl", "kustomize", DEPLOY / "kubernetes"], capture_output=True, text=True, check=True)
    names = {f"{one['kind']} {one['metadata']['name']}" for one in yaml.safe_load_all(built.stdout)}
    assert names == set(OBJECTS)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_and_no_writable_file_system(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_longer_to_stop_than_calls_have_to_drain(name: str) -> None:
    drain_s = 30  # DRAIN_SECONDS
    (container,) = PODS[name]["containers"]
    pause_s = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert PODS[name]["terminationGracePeriodSeconds"] > drain_s + pause_s


def test_every_setting_in_the_manifests_exists() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    ours = [compose["services"][name].get("environment", {}) for name in ("server-b", "gateway")]
    named = {name for environment in ours for name in environment}
    for pod in PODS.values():
        named |= {one["name"] for container in pod["containers"] for one in container["env"]}
    image = (DEPLOY / "Dockerfile").read_text()
    named |= set(re.findall(r"^\s+([A-Z_]+)=", image, re.MULTILINE)) - {"PATH", "PYTHONDONTWRITEBYTECODE"}
    assert named
    assert named <= KNOWN_SETTINGS


def test_compose_starts_each_service_after_its_dependencies() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
    for name in ("server-b", "gateway"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]


def test_the_folders_of_composes_volumes_belong_to_the_images_user() -> None:
    """A new volume takes the owner of the folder in the image. Without such a folder it belongs to root."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    mounted = {
        place
        for service in compose["services"].values()
        for volume in service.get("volumes", ())
        if service["image"] == "relay"
        for name, place in [volume.split(":")[:2]]
        if name in compose["volumes"]
    }
    assert mounted
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    owned = set(re.findall(r"install --directory --owner relay --group relay --mode 700 (\S+)", dockerfile))
    assert mounted <= owned


@pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "systemd.service").read_text()
    # systemd-analyze checks that the program exists and which user runs it.
    tried = unit.replace("/opt/relay/bin/relay", "/bin/true").replace("User=relay\n", "")
    place = tmp_path / "relay.service"
    place.write_text(tried)
    ended = subprocess.run(["systemd-analyze", "verify", place], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
