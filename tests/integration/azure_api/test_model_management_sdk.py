"""Models and web services through the unmodified SDK, and what the native control plane sees of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.contract.conftest import automl_settings, settle, write_rows
from tests.sdk_script import run_sdk

from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import ComputeTarget, DatasetSource, DeploySettings, Run
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    root = tmp_path_factory.mktemp("models")
    started = AzureServer(root / "home", state_dir=root / "sdk")
    try:
        yield started.start()
    finally:
        started.stop()


@pytest.fixture(scope="module")
def trained(server: AzureServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A completed AutoML run, made natively."""
    workspace = server.workspace()
    path = tmp_path_factory.mktemp("data") / "shop.csv"
    write_rows(path, 400)
    dataset = workspace.register_dataset("shop", DatasetSource(path=str(path)))
    workspace.ensure_compute(ComputeTarget(name="main", max_nodes=1))
    run = workspace.submit_automl(automl_settings(dataset, compute_target="main"), submission_key="models")
    run = settle(lambda: workspace.get_run(run.run_id), lambda seen: seen.status.is_terminal, seconds=90)
    assert run.status == "Completed", run.error
    return run


def test_models_of_a_run(server: AzureServer, trained: Run, tmp_path: Path) -> None:
    workspace = server.workspace()
    workspace.register_model("native", trained.run_id, tags={"made": "natively"})
    best = trained.properties["best_child_run_id"]
    answers = run_sdk(
        server,
        tmp_path,
        f"""
        from pathlib import Path
        from azureml.core import Experiment, Model, Run
        from azureml.train.automl.run import AutoMLRun

        AutoMLRun(Experiment(ws, "{trained.experiment_name}"), "{trained.run_id}").register_model("by-automl")
        model = Model(ws, "native")
        answer([model.id, model.tags, model.run_id, model.experiment_name])
        made = Run.get(ws, "{best}").register_model(
            "by-sdk", model_path="outputs/model.pkl", tags={{"a": "b"}}, properties={{"p": "q"}}
        )
        answer([made.id, made.tags, made.properties, made.run_id])
        answer(sorted(found.id for found in Model.list(ws)))
        answer([found.id for found in Model.list(ws, tags=[["a", "b"]])])
        answer(sorted(ws.models))
        made.add_tags({{"c": "d"}})
        answer(Model(ws, "by-sdk", version=1).tags)
        answer([Path(model.download(folder, exist_ok=True)).stat().st_size for folder in ("one", "two")])
        try:
            Model(ws, "nobody")
        except Exception as error:
            answer(str(error))
        """.replace(
            "from azureml.core import Model, Run",
            "from pathlib import Path\n        from azureml.core import Model, Run",
        ),
    )
    assert answers[0] == ["native:1", {"made": "natively"}, trained.run_id, trained.experiment_name]
    assert answers[1] == ["by-sdk:1", {"a": "b"}, {"p": "q"}, best]
    assert answers[2] == ["by-automl:1", "by-sdk:1", "native:1"]
    assert answers[3] == ["by-sdk:1"]
    assert answers[4] == ["by-automl", "by-sdk", "native"]
    assert answers[5] == {"a": "b", "c": "d"}
    size = (server.home / "models" / "native" / "1" / "model.pkl").stat().st_size
    assert answers[6] == [size, size]
    assert "ModelNotFound" in answers[7]
    seen = workspace.get_model("by-sdk")
    assert (seen.run_id, seen.tags) == (trained.run_id, {"a": "b", "c": "d"})


def test_models_of_own_files(server: AzureServer, trained: Run, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "weights.bin").write_bytes(b"weights")
    (tmp_path / "own" / "words.txt").write_text("words")
    (tmp_path / "own.pkl").write_bytes(b"one file")
    answers = run_sdk(
        server,
        tmp_path,
        """
        from pathlib import Path
        from azureml.core import Model

        def files(folder):
            found = [file for file in Path(folder).rglob("*") if file.is_file()]
            return {str(file.relative_to(folder)): file.read_text() for file in found}

        one = Model.register(ws, "own.pkl", "own-files", tags={"kind": "file"})
        two = Model.register(ws, "own", "own-files")
        answer([one.id, two.id, one.tags, one.run_id])
        one.download("got-one")
        two.download("got-two")
        answer([files("got-one"), files("got-two")])
        one.delete()
        answer([found.id for found in Model.list(ws, name="own-files")])
        """,
    )
    assert answers[0] == ["own-files:1", "own-files:2", {"kind": "file"}, None]
    assert answers[1] == [{"own.pkl": "one file"}, {"own/weights.bin": "weights", "own/words.txt": "words"}]
    assert answers[2] == ["own-files:2"]
    workspace = server.workspace()
    seen = workspace.get_model("own-files")
    assert (seen.version, seen.run_id) == (2, "")
    with pytest.raises(NotFound):
        workspace.get_model("own-files", 1)
    with pytest.raises(InvalidRequest, match="entry script"):
        workspace.deploy(DeploySettings(service_name="own-files", model_name="own-files", model_version=2))


def test_a_web_service_from_its_deployment_to_its_end(server: AzureServer, trained: Run, tmp_path: Path) -> None:
    workspace = server.workspace()
    workspace.register_model("served", trained.run_id)
    best = trained.properties["best_child_run_id"]
    answers = run_sdk(
        server,
        tmp_path,
        f"""
        from azureml.core import Environment, Model, Run
        from azureml.core.model import InferenceConfig
        from azureml.core.webservice import AciWebservice, AksWebservice, Webservice

        model, run = Model(ws, "served"), Run.get(ws, "{best}")
        run.download_file("outputs/scoring_file_v_1_0_0.py", "score.py")
        run.download_file("outputs/conda_env_v_1_0_0.yml", "conda.yml")
        environment = Environment.from_conda_specification("serving", "conda.yml")
        inference = InferenceConfig(entry_script="score.py", environment=environment)
        configuration = AciWebservice.deploy_configuration(
            cpu_cores=0.5, memory_gb=1.5, auth_enabled=True, tags={{"a": "b"}}, description="words",
            primary_key="p" * 32, secondary_key="s" * 32,
        )

        def refusal(deploy):
            try:
                deploy()
            except Exception as error:
                answer(str(error))

        service = Model.deploy(ws, "by-sdk", [model], inference, configuration)
        service.wait_for_deployment(show_output=True)
        answer([service.state, service.tags, service.description, service.compute_type, list(service.get_keys())])
        answer(service.run(json.dumps({{"data": [{{"visits": 20, "colour": "red", "price": 0.5}}]}})))
        refusal(lambda: Model.deploy(ws, "by-sdk", [model], inference, configuration))
        aks = AksWebservice.deploy_configuration()
        refusal(lambda: Model.deploy(ws, "other", [model], inference, aks))

        service.update(enable_app_insights=True, tags={{"c": "d"}})
        service.wait_for_deployment()
        service.regen_key("Primary")
        found = Webservice(ws, "by-sdk")
        answer([found.enable_app_insights, found.tags, found.get_keys()[0] != "p" * 32, found.get_keys()[1]])
        answer(found.run(json.dumps({{"data": [{{"visits": 0, "colour": "blue", "price": 0.5}}]}})))
        answer(found.get_logs(num_lines=1).splitlines())
        answer([found.container_resource_requirements.cpu, found.container_resource_requirements.memory_in_gb])
        answer([sorted(ws.webservices), [one.name for one in Webservice.list(ws, model_name="served")]])
        refusal(model.delete)
        """,
    )
    assert answers[0] == ["Healthy", {"a": "b"}, "words", "ACI", ["p" * 32, "s" * 32]]
    assert answers[1] == '{"result":["yes"]}'
    assert "there is a web service 'by-sdk' already" in answers[2]
    assert "web services here are of type ACI" in answers[3]
    assert answers[4] == [True, {"c": "d"}, True, "s" * 32]
    assert answers[5] == '{"result":["no"]}'
    assert len(answers[6]) == 1
    assert answers[7] == [0.5, 1.5]
    assert answers[8] == [["by-sdk"], ["by-sdk"]]
    assert "Response Code: 409" in answers[9]

    seen = workspace.get_service("by-sdk")
    assert (seen.cpu_cores, seen.app_insights_enabled, seen.tags) == (0.5, True, {"c": "d"})
    with pytest.raises(NotFound):
        workspace.get_service("other")
    assert settle(lambda: workspace.service_requests("by-sdk"), lambda told: told.count >= 1).count == 1

    server.terminate()
    server.start()
    (again,) = run_sdk(
        server,
        tmp_path / "again",
        """
        from azureml.core.webservice import Webservice

        service = Webservice(ws, "by-sdk")
        answer([service.description, service.environment.name, service.models[0].id])
        service.delete()
        """,
    )
    assert again == ["words", "serving", "served:1"]
    with pytest.raises(NotFound):
        server.workspace().get_service("by-sdk")


def test_keys_of_a_deployment_over_another_and_an_own_script_for_an_automl_model(
    server: AzureServer, trained: Run, tmp_path: Path
) -> None:
    workspace = server.workspace()
    workspace.register_model("redeployed", trained.run_id)
    azure = server.azure_workspace()
    azure.deploy(DeploySettings(service_name="again", model_name="redeployed", model_version=1))
    settle(lambda: azure.get_service("again"), lambda seen: seen.state is ServiceState.HEALTHY)
    (tmp_path / "mine.py").write_text("def init(): pass\ndef run(data): return 'mine'\n")
    answers = run_sdk(
        server,
        tmp_path,
        """
        import requests
        from azureml.core import Model
        from azureml.core.model import InferenceConfig
        from azureml.core.webservice import AciWebservice, Webservice

        def ask(key):
            body = json.dumps({"data": [{"visits": 20, "colour": "red", "price": 0.5}]})
            reply = requests.post(service.scoring_uri, data=body, headers={"Authorization": f"Bearer {key}"})
            return [reply.status_code, reply.json() if reply.ok else None]

        model, service = Model(ws, "redeployed"), Webservice(ws, "again")
        before = service.get_keys()[0]
        answer(ask(before))
        service.update(
            models=[model], inference_config=InferenceConfig(entry_script="mine.py", environment=service.environment)
        )
        service.wait_for_deployment()
        answer(ask(before))

        inference = InferenceConfig(entry_script="mine.py", environment=service.environment)
        for number in (1, 2):
            configuration = AciWebservice.deploy_configuration(
                cpu_cores=1, memory_gb=number, auth_enabled=True, primary_key="p" * 32, secondary_key=str(number) * 32
            )
            service = Model.deploy(ws, "again", [model], inference, configuration, overwrite=True)
            service.wait_for_deployment()
            answer([list(service.get_keys()), ask("p" * 32), ask(str(number) * 32), ask(before)])
        """,
    )
    assert answers[0] == [200, '{"result":["yes"]}']
    assert answers[1] == [200, "mine"]
    for number, answered in enumerate(answers[2:], 1):
        assert answered == [["p" * 32, str(number) * 32], [200, "mine"], [200, "mine"], [401, None]]
    workspace.delete_service("again")


def test_a_native_web_service_is_the_sdks_too(server: AzureServer, trained: Run, tmp_path: Path) -> None:
    workspace = server.workspace()
    workspace.register_model("native-served", trained.run_id)
    workspace.deploy(
        DeploySettings(service_name="native", model_name="native-served", model_version=1, tags={"a": "b"})
    )
    settle(lambda: workspace.get_service("native"), lambda seen: seen.state is ServiceState.HEALTHY)
    answers = run_sdk(
        server,
        tmp_path,
        """
        from azureml.core.webservice import Webservice

        service = Webservice(ws, "native")
        answer([type(service).__name__, service.state, service.tags, service.models[0].id, service.auth_enabled])
        service.update(description="words")
        answer([Webservice(ws, "native").description, Webservice(ws, "native").state])
        service.delete()
        """,
    )
    assert answers[0] == ["AciWebservice", "Healthy", {"a": "b"}, "native-served:1", True]
    assert answers[1] == ["words", "Healthy"]
    with pytest.raises(NotFound):
        workspace.get_service("native")


def test_a_failed_deployment_says_why(server: AzureServer, trained: Run, tmp_path: Path) -> None:
    """To the adapter, and to who waits for it with the SDK."""
    server.workspace().register_model("broken", trained.run_id)
    graph = server.home / "models" / "broken" / "1" / "model.onnx"
    graph.chmod(0o644)
    graph.write_bytes(b"no graph")
    azure = server.azure_workspace()
    deployment = DeploySettings(service_name="broken", model_name="broken", model_version=1)
    azure.deploy(deployment)
    failed = settle(lambda: azure.get_service("broken"), lambda seen: seen.state is not ServiceState.TRANSITIONING)
    assert failed.state is ServiceState.FAILED
    assert "model.onnx" in failed.error
    assert "the last lines of its log" in failed.error
    # Deployed again it starts afresh, over the failed one.
    assert azure.deploy(deployment).state is not ServiceState.HEALTHY
    (reason,) = run_sdk(
        server,
        tmp_path,
        """
        from azureml.core.webservice import Webservice

        service = Webservice(ws, "broken")
        service._operation_endpoint = service._mms_endpoint.rsplit("/services/", 1)[0] + "/operations/{operation}"
        try:
            service.wait_for_deployment()
        except Exception as error:
            answer(str(error))
        """.replace("{operation}", operation_of(server, "broken")),
    )
    assert "model.onnx" in reason
    azure.delete_service("broken")


def operation_of(server: AzureServer, name: str) -> str:
    """The operation that the last deployment of a service began."""
    found = server.azure_workspace()._azure.json("GET", "modelmanagement", f"/services/{name}")  # type: ignore[attr-defined]
    return str(found["operationId"])


OWN_SCRIPT = """
import json, os
from helper import shout

def init():
    global words
    folder = os.environ["AZUREML_MODEL_DIR"]
    words = open(os.path.join(folder, "own", "words.txt")).read()
    print("init has read", len(words), "characters")

def run(data):
    given = json.loads(data)
    if "fail" in given:
        raise ValueError("as asked")
    return {"said": shout(words), "given": given, "variable": os.environ["SOME_VARIABLE"]}
"""


def test_somebodys_own_script_serves_their_own_model(server: AzureServer, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "words.txt").write_text("hello")
    for folder, helper in (("one", "upper"), ("two", "title")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "score.py").write_text(OWN_SCRIPT)
        (tmp_path / folder / "helper.py").write_text(f"def shout(text): return text.{helper}()")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "score.py").write_text("import no_such_module")
    answers = run_sdk(
        server,
        tmp_path,
        """
        import requests
        from azureml.core import Environment, Model
        from azureml.core.model import InferenceConfig
        from azureml.core.webservice import AciWebservice, Webservice

        model = Model.register(ws, "own", "own-script")
        environment = Environment("own")
        environment.environment_variables = {"SOME_VARIABLE": "value"}

        def inference(folder):
            return InferenceConfig(entry_script="score.py", source_directory=folder, environment=environment)

        def ask(service, body, key):
            headers = {"Authorization": f"Bearer {key}"}
            reply = requests.post(service.scoring_uri, data=json.dumps(body), headers=headers)
            return [reply.status_code, reply.json()]

        configuration = AciWebservice.deploy_configuration(auth_enabled=True, enable_app_insights=True)
        service = Model.deploy(ws, "own-script", [model], inference("one"), configuration)
        service.wait_for_deployment()
        key = service.get_keys()[0]
        answer(ask(service, {"a": 1}, key))
        answer(ask(service, {"fail": 1}, key)[0])
        answer(ask(service, {"a": 1}, "wrong")[0])
        answer(requests.get(service.swagger_uri).json()["definitions"]["ServiceInput"])
        service.update(models=[model], inference_config=inference("two"))
        service.wait_for_deployment()
        answer(ask(Webservice(ws, "own-script"), {"a": 2}, key)[1]["said"])
        service.update(models=[model], inference_config=inference("bad"))
        try:
            service.wait_for_deployment()
        except Exception as error:
            answer(str(error))
        answer(ask(service, {"a": 3}, key)[1]["said"])
        answer(service.get_logs())
        """,
    )
    assert answers[0] == [200, {"said": "HELLO", "given": {"a": 1}, "variable": "value"}]
    assert answers[1:3] == [500, 401]
    assert answers[3] == {"type": "object", "example": {}}
    assert answers[4] == "Hello"
    assert "No module named 'no_such_module'" in answers[5]
    assert answers[6] == "Hello"
    assert "init has read 5 characters" in answers[7]
    assert "ValueError: as asked" in answers[7]

    workspace = server.workspace()
    told = settle(lambda: workspace.service_requests("own-script"), lambda seen: seen.count >= 5)
    assert told.by_status == {"200": 3, "401": 1, "500": 1}
    seen = workspace.get_service("own-script")
    assert (seen.model_name, seen.state) == ("own-script", ServiceState.UNHEALTHY)
    workspace.delete_service("own-script")
    assert not (server.home / "services" / "own-script").exists()


def test_values_that_training_saw(server: AzureServer, trained: Run, tmp_path: Path) -> None:
    """What is sent with a deployment, for the service's telemetry."""
    answers = run_sdk(
        server,
        tmp_path,
        """
        from types import SimpleNamespace
        from azureml_workspace.azure_v1.sdk.categories import categories_of

        session = SimpleNamespace(workspace=ws)
        known = {"dataset": "shop:1", "dataset_rows": "400"}
        answer(categories_of(session, known, ["colour", "bought"]))
        answer(categories_of(session, {**known, "dataset_rows": "1000000"}, ["colour"]))
        answer(categories_of(session, {**known, "dataset": "gone:1"}, ["colour"]))
        """,
    )
    assert answers == [{"colour": ["blue", "green", "red"], "bought": ["no", "yes"]}, {}, {}]
