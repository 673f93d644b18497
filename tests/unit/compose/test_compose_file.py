"""docker-compose.yaml: valid by the Compose Specification, and what it promises beside."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.e2e.topology.compose_file import MissingVariable, Service, load

from scripts.make_env import filled, variables

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yaml"
EXAMPLE = ROOT / ".env.example"
SCHEMA = Path(__file__).with_name("compose_spec") / "compose-spec.json"
USED = re.compile(r"(?<!\$)\$\{([A-Z_]+)")
NAMED_IN_EXAMPLE = re.compile(r"^(?:# )?([A-Z_]+)=", re.MULTILINE)

ONE_SHOT = {"airflow-init"}


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return variables(filled(EXAMPLE.read_text()))


@pytest.fixture(scope="module")
def services(environment: dict[str, str]) -> dict[str, Service]:
    return load(FILE, environment)


def test_it_keeps_the_compose_specification(content: dict[str, Any]) -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(content)] == []
    content = {**content, "services": {"x": {"image": "x", "restarts": "always"}}}
    assert list(validator.iter_errors(content)), "the schema refuses nothing"


def test_the_example_explains_every_variable_and_no_other() -> None:
    used = set(USED.findall(FILE.read_text())) | {"COMPOSE_PROFILES"}
    assert set(NAMED_IN_EXAMPLE.findall(EXAMPLE.read_text())) == used


def test_defaults_in_the_example_are_those_of_the_file() -> None:
    text = FILE.read_text()
    for name, value in re.findall(r"^# ([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE):
        if name != "AIRFLOW_CONN_AZUREML_DEFAULT":
            assert f"${{{name}:-{value}}}" in text


@pytest.mark.parametrize("name", [name for name, value in variables(EXAMPLE.read_text()).items() if not value])
def test_a_missing_secret_is_an_error_that_says_what_to_do(name: str, environment: dict[str, str]) -> None:
    for without in ({**environment, name: ""}, {key: value for key, value in environment.items() if key != name}):
        with pytest.raises(MissingVariable, match=f"{name} .*make env"):
            load(FILE, without)


def test_no_secret_stands_in_the_file() -> None:
    bare = load(FILE, dict.fromkeys(USED.findall(FILE.read_text()), "SET"))
    for service in bare.values():
        for name, value in service.environment.items():
            if re.search("PASSWORD|SECRET|TOKEN|KEY|AUTH$", name):
                assert value == "SET", name
        assert not re.search(r"://\w*:(?!SET@)[^@/\s]+@", " ".join(service.environment.values()))


def test_no_secret_is_on_a_command_line(services: dict[str, Service], environment: dict[str, str]) -> None:
    secrets = [value for name, value in environment.items() if name != "COMPOSE_PROFILES"]
    for service in services.values():
        assert not [secret for secret in secrets if secret in " ".join([*service.command, *service.health])]


def test_every_service_is_watched_and_started_again(content: dict[str, Any], services: dict[str, Service]) -> None:
    for name, described in content["services"].items():
        assert described["init"] is True, name
        assert described["logging"]["options"]["max-size"], name
        if name in ONE_SHOT:
            assert described["restart"] == "no"
        else:
            assert described["restart"] == "unless-stopped", name
            assert services[name].health, name


def test_nobody_is_root(content: dict[str, Any]) -> None:
    for name, described in content["services"].items():
        assert described["user"].partition(":")[0] not in {"", "0", "root"}, name
        assert described["cap_drop"] == ["ALL"], name
        assert described["security_opt"] == ["no-new-privileges:true"], name
    assert "USER 50000:50000" in (ROOT / "Dockerfile").read_text()


def test_images_are_versions(services: dict[str, Service]) -> None:
    for service in services.values():
        assert re.search(r":\d[\w.-]*$", service.image), service.image
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {base for base in bases if ":" in base} == {"python:3.11-slim-bookworm"}


def test_ports_are_for_this_machine_alone(content: dict[str, Any]) -> None:
    published = {name for name, described in content["services"].items() if "ports" in described}
    assert published == {"airflow-apiserver", "azureml"}
    for name in published:
        for port in content["services"][name]["ports"]:
            assert re.match(r"\$\{\w+:-127\.0\.0\.1\}:", port), port


def test_the_databases_are_out_of_reach(content: dict[str, Any]) -> None:
    assert content["networks"]["database"]["internal"] is True
    for name in ("postgres", "redis"):
        assert content["services"][name]["networks"] == ["database"]
    assert "database" not in content["services"]["azureml"]["networks"]


def test_services_start_after_what_they_need(services: dict[str, Service]) -> None:
    needed = {
        "postgres": "service_healthy",
        "redis": "service_healthy",
        "airflow-init": "service_completed_successfully",
    }
    for name in services:
        if name.startswith("airflow-") and name not in {*ONE_SHOT, "airflow-worker"}:
            assert services[name].depends_on == needed, name


def test_workers_stop_before_what_their_tasks_need(services: dict[str, Service]) -> None:
    """Compose stops in the reverse order of dependencies."""
    worker = services["airflow-worker"]
    assert worker.depends_on["airflow-apiserver"] == "service_healthy"
    assert worker.depends_on["azureml"] == "service_started"
    assert not [other.name for other in services.values() if "airflow-worker" in other.depends_on]


def test_one_variable_leads_to_another_workspace(environment: dict[str, str]) -> None:
    name = "AIRFLOW_CONN_AZUREML_DEFAULT"
    for service in load(FILE, {**environment, name: "azureml://elsewhere"}).values():
        assert service.environment.get(name) in {None, "azureml://elsewhere"}
    local = load(FILE, environment)
    assert local["airflow-worker"].environment[name] == (
        f"azureml://:{environment['AZUREML_TOKEN']}@azureml:8790?backend=local"
    )
    assert name not in local["airflow-dag-processor"].environment, "who never calls the workspace has no token for it"
    assert local["azureml"].profiles == [environment["COMPOSE_PROFILES"]]
    assert all("azureml" in service.optional for service in local.values() if "azureml" in service.depends_on)


def test_the_image_gets_what_the_builder_may_see() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {word.partition("/")[0] for words in copied for word in words.split()}
    assert sources == allowed
    assert all((ROOT / source).exists() for source in sources)


def test_every_file_of_a_package_is_in_the_image() -> None:
    """The project is installed as a wheel, which leaves out what is no Python and not named in pyproject.toml."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packaged = {
        path
        for folder in ("plugins", "include")
        for package, patterns in named.items()
        for pattern in patterns
        for path in (ROOT / folder / package.replace(".", "/")).glob(pattern)
    }
    files = {path for folder in ("plugins", "include") for path in (ROOT / folder).rglob("*") if path.is_file()}
    left_out = {
        path for path in files - packaged if path.suffix not in {".py", ".pyc"} and ".egg-info" not in str(path)
    }
    assert left_out == set()


def test_the_connection_to_azure_of_the_documentation_gets_there_whole(environment: dict[str, str]) -> None:
    page = (ROOT / "docs" / "compose.md").read_text()
    (value,) = re.findall(r"^AIRFLOW_CONN_AZUREML_DEFAULT='(.*azure_v1.*)'$", page, re.MULTILINE)
    services = load(FILE, environment | {"AIRFLOW_CONN_AZUREML_DEFAULT": value})
    given = json.loads(services["airflow-worker"].environment["AIRFLOW_CONN_AZUREML_DEFAULT"])
    assert (given["conn_type"], given["extra"]["backend"]) == ("azureml", "azure_v1")
    assert set(given["extra"]) >= {"tenant_id", "subscription_id", "resource_group", "workspace_name"}
