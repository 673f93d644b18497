"""What a service serves at this moment. Requests read it once each, so a change falls between two requests."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec

from azureml_local.insights.inputs import InputLog
from azureml_local.insights.writer import RequestLog
from azureml_local.scoring.config import INPUTS_FILE, INSIGHTS_FILE, ServiceConfig
from azureml_local.scoring.keys import KeyRing
from azureml_local.scoring.model import LoadedModel
from azureml_local.scoring.script import ScriptModel
from azureml_local.scoring.swagger import ServedModel, build_script_swagger, build_swagger

log = logging.getLogger(__name__)


@dataclass
class Serving:
    """The mutable heart of the process; only the event loop's thread changes it.

    `config` is the deployment that is served, with `model`; a refused one leaves both as they were.
    """

    service_dir: Path
    config: ServiceConfig
    model: LoadedModel | ScriptModel
    keys: KeyRing
    insights: RequestLog | None = None
    inputs: InputLog | None = None
    swagger: bytes = b""

    def __post_init__(self) -> None:
        self.describe()

    def describe(self) -> None:
        """Make `swagger` anew from the configuration and the model."""
        served = ServedModel(
            service_name=self.config.name,
            model_name=self.model.name,
            model_version=self.model.version,
            auth_enabled=self.config.auth_enabled,
        )
        if isinstance(self.model, ScriptModel):
            document = build_script_swagger(served)
        else:
            signature, result = self.model.signature, self.model.sample_result
            document = build_swagger(
                served, signature=signature, sample_result=result, response_format=self.config.response_format
            )
        self.swagger = msgspec.json.encode(document)

    async def switch_insights(self, config: ServiceConfig) -> None:
        """Turn request telemetry and the keeping of inputs on or off, as `config` says."""
        await self._switch_requests(config.app_insights_enabled)
        await self._switch_inputs(config.keeps_inputs)

    async def stop_insights(self) -> None:
        """Turn both off, and wait until what was recorded is on disk."""
        await self._switch_requests(on=False)
        await self._switch_inputs(on=False)

    async def _switch_requests(self, on: bool) -> None:
        if on == (self.insights is not None):
            return
        if on:
            self.insights = RequestLog(self.service_dir / INSIGHTS_FILE)
        else:
            closing, self.insights = self.insights, None
            if closing is not None:
                await asyncio.to_thread(closing.close)
        log.info("Application Insights %s", "on" if on else "off")

    async def _switch_inputs(self, on: bool) -> None:
        if on == (self.inputs is not None):
            return
        if on:
            self.inputs = InputLog(self.service_dir / INPUTS_FILE)
        else:
            closing, self.inputs = self.inputs, None
            if closing is not None:
                await asyncio.to_thread(closing.close)
        log.info("a sample of the inputs is %s", "kept" if on else "not kept any more")
