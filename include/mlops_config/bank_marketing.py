"""The worked example: will a client of a bank subscribe a term deposit, from one phone call's data.

The data is the UCI Bank Marketing set (Moro, Rita, Cortez: "A Data-Driven Approach to Predict the Success of Bank
Telemarketing", 2014, CC BY 4.0) in the training split that Azure's public AutoML samples use.

This module is imported whenever the scheduler parses the DAG, so it imports next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS = (
    "age",
    "job",
    "marital",
    "education",
    "default",
    "housing",
    "loan",
    "contact",
    "month",
    "day_of_week",
    "duration",
    "campaign",
    "pdays",
    "previous",
    "poutcome",
    "emp.var.rate",
    "cons.price.idx",
    "cons.conf.idx",
    "euribor3m",
    "nr.employed",
    "y",
)


@dataclass(frozen=True, kw_only=True)
class BankMarketing:
    """What the example is called and where its data is.

    `rows` and `columns` describe the public file and serve to recognise it: there is no checksum, because copies
    of it that differ in line ends hold the same data. The asset is what stands in Airflow for the registered model:
    it gets an event for each new version.
    """

    url: str = (
        "https://automlsamplenotebookdata.blob.core.windows.net/automl-sample-notebook-data/bankmarketing_train.csv"
    )
    rows: int = 32_950
    columns: tuple[str, ...] = COLUMNS
    label: str = "y"
    classes: tuple[str, ...] = ("no", "yes")
    dataset_name: str = "bank-marketing"
    experiment_name: str = "bank-marketing-automl"
    model_name: str = "bank-marketing"
    service_name: str = "bank-marketing"
    pipeline_name: str = "bank-marketing-train"
    model_asset_name: str = "bank-marketing-model"
    model_asset_uri: str = "azureml://models/bank-marketing"


BANK_MARKETING = BankMarketing()
