from __future__ import annotations

from typing import Any

import pytest

from azureml_workspace.azure_v1.automl_checks import check_submission, refuse_what_only_the_local_one_has
from azureml_workspace.data.profile import ColumnProfile, DataProfile
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLConfig, AutoMLSettings, ColumnKind, CustomPipeline, PipelineStep

pytestmark = pytest.mark.unit

ROWS = 400
OWN = CustomPipeline(name="own", steps=(PipelineStep(estimator="sklearn.naive_bayes.GaussianNB"),))


def column(name: str, kind: ColumnKind = "string", *, nulls: int = 0, distinct: int = 2) -> ColumnProfile:
    return ColumnProfile(
        name=name, kind=kind, nulls=nulls, distinct=distinct, constant=distinct < 2, id_like=False, examples=()
    )


def check(
    *, label: ColumnProfile | None = None, rows: int = ROWS, is_own_cloud: bool = False, **given: Any
) -> ColumnProfile:
    arguments: dict[str, Any] = {
        "experiment_name": "bank",
        "dataset_name": "shop",
        "dataset_version": 1,
        "label_column_name": "bought",
        "experiment_timeout_minutes": 15,
    }
    columns = (column("visits", "integer", distinct=20), column("colour", distinct=3), label or column("bought"))
    profile = DataProfile(rows=rows, source_bytes=1, duplicate_rows=0, columns=columns)
    return check_submission(AutoMLSettings(**{**arguments, **given}), profile, is_own_cloud=is_own_cloud)


def test_what_can_work_is_let_through() -> None:
    assert check(allowed_models=("KNN", "LightGBM"), exclude_columns=("visits",)).name == "bought"
    assert check(label=column("bought", nulls=350)).nulls == 350


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"allowed_models": ("Magic",)}, "allowed_models names 'Magic'"),
        ({"blocked_models": ("Magic",)}, "blocked_models names 'Magic'"),
        ({"label_column_name": "nothing"}, "no such column. Choose one of 'visits'"),
        ({"exclude_columns": ("nothing",)}, "exclude_columns names 'nothing'"),
        ({"exclude_columns": ("visits", "colour")}, "no column is left"),
        ({"label": column("bought", nulls=ROWS)}, "null in all 400 rows"),
        ({"label": column("bought", nulls=351)}, "49 rows with a label"),
        ({"rows": 49}, "49 rows with a label"),
        ({"label": column("bought", distinct=1)}, "one class only"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        check(**given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"class_weights": "balanced"}, "class_weights is 'balanced'.*the local backend alone weighs classes"),
        ({"class_weights": {"yes": 2.0}}, "class_weights is \"{'yes': 2.0}\""),
        ({"custom_pipelines": (OWN,)}, "custom_pipelines holds 'own'.*only the local backend does"),
    ],
)
def test_what_only_the_local_one_has_is_refused(given: dict[str, Any], words: str) -> None:
    config = AutoMLConfig(dataset_name="shop", label_column_name="bought", **given)
    with pytest.raises(InvalidRequest, match=words):
        refuse_what_only_the_local_one_has(config)
    refuse_what_only_the_local_one_has(AutoMLConfig(dataset_name="shop", label_column_name="bought"))


def test_azures_least_time_holds_in_its_own_clouds_alone() -> None:
    with pytest.raises(InvalidRequest, match="at least 15"):
        check(experiment_timeout_minutes=14)
    check(experiment_timeout_minutes=14, is_own_cloud=True)
