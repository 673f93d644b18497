"""The body that the printed curl line sends: the example of the service's own contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azureml_endpoint.contract import ServiceContract
from scripts.run.layout import Layout
from scripts.run.result import write_json

ROWS = 2


def write_sample_request(layout: Layout, service: Mapping[str, Any]) -> None:
    """Write `{"data": [...]}` with real rows. :raises EndpointError: the service does not answer."""
    contract = ServiceContract.fetch(service["scoring_uri"], swagger_uri=service["swagger_uri"])
    write_json(layout.sample_request, {"data": list(contract.sample_rows()[:ROWS])})
