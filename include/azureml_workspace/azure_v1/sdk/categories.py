"""The values that training saw in text columns, for the service's telemetry of values that it did not."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from azureml_workspace.azure_v1.sdk.session import SdkSession

logger = logging.getLogger(__name__)

_MOST_ROWS = 100_000
"""More would take longer to read than a deployment may wait for the sake of its telemetry."""
_MOST_VALUES = 200
"""A column with more is names or free text, in which new values are nothing to report."""


def categories_of(session: SdkSession, properties: Mapping[str, str], columns: Sequence[str]) -> dict[str, list[str]]:
    """The values by column, for columns of few; empty when the model's properties do not name readable data.

    `properties` are those that `register_model` gave the model: `dataset` is `name:version`, `dataset_rows` its size.
    """
    from azureml.core import Dataset

    name, _, version = properties.get("dataset", "").rpartition(":")
    rows = properties.get("dataset_rows", "")
    if not columns or not name or not version.isdecimal() or not rows.isdecimal() or int(rows) > _MOST_ROWS:
        return {}
    try:
        data = Dataset.get_by_name(session.workspace, name, version=int(version))
        frame = data.keep_columns(list(columns)).to_pandas_dataframe()
    except Exception:  # whatever the SDK's data engine raises: the data may be gone, and the model still be good
        logger.exception("dataset %s:%s cannot be read, so the service will report no unseen values", name, version)
        return {}
    found = {column: frame[column].dropna().unique() for column in columns}
    return {column: sorted(map(str, values)) for column, values in found.items() if len(values) <= _MOST_VALUES}
