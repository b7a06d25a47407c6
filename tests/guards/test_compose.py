"""The compose file and the image's, as far as they can be judged without a container engine."""

import base64
import json
import re
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from wkcompose import ROOT, compose, ours, services, with_defaults

from woonketen.contracts.settings import Settings, settings

LONG_RUNNING = [name for name, each in services().items() if each.get("restart") != "no"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def depends(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, how in service.get("depends_on", {}).items():
        yield name, how["condition"]


def test_it_keeps_the_schema_of_the_compose_specification() -> None:
    """The schema comes with check-jsonschema, whose command wants an older click than others do."""
    (folder,) = find_spec("check_jsonschema").submodule_search_locations or [""]  # type: ignore[union-attr]
    schema = json.loads((Path(folder) / "builtin_schemas" / "vendor" / "compose-spec.json").read_text())
    judge = jsonschema_rs.validator_for(schema)
    assert [f"{each.instance_path}: {each.message}" for each in judge.iter_errors(compose())] == []
    broken = compose()
    broken["services"]["db"]["healthchek"] = broken["services"]["db"].pop("healthcheck")
    assert not judge.is_valid(broken)


def test_every_service_that_the_scaled_set_up_needs_is_there() -> None:
    assert set(services()) == {
        "db", "kafka", "init", "admission", "step", "clock", "portal", "proxy", "keycloak",
        "dagster-web", "dagster-daemon",
    }  # fmt: skip
    assert services()["step"]["deploy"]["replicas"] == 2
    assert not any("container_name" in each for each in services().values())  # it could not be scaled


@pytest.mark.parametrize("name", services())
def test_what_a_service_refers_to_is_there(name: str) -> None:
    whole, service = compose(), services()[name]
    for other, condition in depends(service):
        target = services()[other]
        assert condition in ("service_healthy", "service_completed_successfully")
        assert condition != "service_healthy" or "healthcheck" in target
        assert condition != "service_completed_successfully" or target["restart"] == "no"
        assert set(target.get("profiles", [])) <= set(service.get("profiles", []))
    for secret in service.get("secrets", []):
        assert secret in whole["secrets"]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert (ROOT / source).exists() if source.startswith(".") else source in whole["volumes"]
    for value in service.get("environment", {}).values():
        for secret in re.findall(r"/run/secrets/(\w+)", value):
            assert secret in service["secrets"], f"{name} reads a secret that it is not given"


def test_nothing_is_declared_that_nobody_uses() -> None:
    used = [entry for each in services().values() for entry in each.get("secrets", [])]
    assert set(compose()["secrets"]) == set(used)
    mounted = {volume.split(":")[0] for each in services().values() for volume in each.get("volumes", [])}
    assert set(compose()["volumes"]) == {each for each in mounted if not each.startswith(".")}


@pytest.mark.parametrize("name", services())
def test_no_password_stands_in_it(name: str) -> None:
    for key, value in services()[name].get("environment", {}).items():
        if re.search("PASSWORD|SECRET|TOKEN|KEY(?!CLOAK)", key):
            assert re.search("_FILE$", key), f"{key} of {name} is no file"
            assert value.startswith(("/run/secrets/", "/var/lib/woonketen/keys/"))
        assert not re.search(r"://[^/@]*:[^/@]*@", value), f"{key} of {name} holds a password"


@pytest.mark.parametrize("name", services())
def test_it_is_bounded_watched_and_reached_from_this_computer_only(name: str) -> None:
    service = services()[name]
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory"} <= set(limits)
    assert service["logging"]["options"]["max-size"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert name not in LONG_RUNNING or service["healthcheck"]["test"]
    assert with_defaults(service["image"]).partition(":")[2] not in ("", "latest")


@pytest.mark.parametrize("name", ours())
def test_our_own_services_have_no_rights_and_write_only_where_they_may(name: str) -> None:
    service = ours()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "user" not in service  # the image's


def test_the_database_lies_where_the_image_of_postgresql_18_keeps_it() -> None:
    db = services()["db"]
    assert db["image"] == "postgres:18"
    assert db["volumes"] == ["db:/var/lib/postgresql"]


def test_kafka_is_the_jvm_image_and_its_controller_asks_who_is_there() -> None:
    assert services()["kafka"]["image"].startswith("apache/kafka:")
    lines = (ROOT / "deploy" / "kafka" / "server.properties").read_text().splitlines()
    told = dict(each.split("=", 1) for each in lines if "=" in each and not each.startswith("#"))
    assert "PLAINTEXT" not in {each.split(":")[1] for each in told["listener.security.protocol.map"].split(",")}
    assert told["super.users"] == "User:admin"
    assert told["allow.everyone.if.no.acl.found"] == "false"
    assert told["auto.create.topics.enable"] == "false"


@pytest.mark.parametrize("name", ours())
def test_its_environment_is_settings_of_ours(name: str) -> None:
    given = {key: with_defaults(value) for key, value in ours()[name]["environment"].items()}
    known = {f"WOONKETEN_{key.upper()}" for key in Settings.__struct_fields__}
    assert {key for key in given if key.startswith("WOONKETEN_")} <= known
    assert settings({}, given).engine == "kafka"


def test_the_image_has_few_layers_and_a_user_without_rights() -> None:
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert len(re.findall("^(RUN|COPY)", last, re.MULTILINE)) <= 3
    assert re.search(r"^USER 10001$", last, re.MULTILINE)
    assert not re.search("^ADD|:latest|sudo", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE
    volumes = {tuple(volume.split(":")[:2]) for each in ours().values() for volume in each["volumes"]}
    for mounted in {place for source, place in volumes if not (ROOT / source).is_file()}:
        assert mounted in last, f"{mounted} would belong to root"


def test_what_the_image_copies_is_not_ignored() -> None:
    allowed = set((ROOT / ".dockerignore").read_text().splitlines())
    needed = ["src", "contracts", "streams", "projections", "producers", "orchestration", "pyproject.toml",
              "requirements-scaled.lock", "README.md", "LICENSE"]  # fmt: skip
    assert "*" in allowed
    assert {f"!{name}" for name in needed} <= allowed
    assert not any("secrets" in each for each in allowed)


def test_the_images_lock_holds_every_library_of_what_runs_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in ("platform", "portal", "scaled", "stewardship", "build"):
        wanted += project["optional-dependencies"][extra]
    names = {re.split(r"[\[<>=]", each)[0].lower() for each in wanted}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements-scaled.lock").read_text(), re.MULTILINE))
    assert names - locked == set()


def test_secrets_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "make-secrets", tmp_path / "deploy")
    subprocess.run([tmp_path / "deploy" / "make-secrets"], capture_output=True, check=True)
    made = {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(compose()["secrets"])
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert len(set(made.values())) == len(made)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{40,}", each) for name, each in made.items() if name != "kafka_cluster")
    assert len(base64.urlsafe_b64decode(made["kafka_cluster"] + "==")) == 16
    subprocess.run([tmp_path / "deploy" / "make-secrets"], capture_output=True, check=True)
    assert {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()} == made


def test_secrets_stay_out_of_the_repository() -> None:
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
