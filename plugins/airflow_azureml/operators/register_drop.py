"""Register a drop as a dataset version, if it is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.log import mask_secret

from airflow_azureml import _arguments as arguments
from airflow_azureml._dag_runs import name_of_run
from airflow_azureml._drop_key import LATEST, drop_key_of
from airflow_azureml._drop_storage import storage_of
from airflow_azureml._validation_arguments import validation_settings
from airflow_azureml.addresses import secrets_of
from airflow_azureml.drop_results import RegisteredDropResult
from airflow_azureml.links import AzureMLDatasetLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from azureml_drops.drop_settings import DropSettings
from azureml_drops.finding import find_drop, find_drops
from azureml_drops.ledger import DropEvent, DropStatus, note_unless, now
from azureml_drops.registered import DropQuarantined, RegisteredDrop, says_the_same, short_reason
from azureml_drops.registration import Registrar, note_missing
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_drops.finding import FoundDrop
    from azureml_drops.storage import DropStorage

ON_BAD_DROP = ("fail", "skip")


class AzureMLRegisterDropOperator(AzureMLBaseOperator):
    """Find a drop, validate it, and register it as the next version of its dataset.

    A drop that is not there is noted as missing, and one with the content of another drop as a duplicate; both skip the
    task. A drop that validation refuses is quarantined: it is not registered, its report is kept, and the task fails
    (or is skipped) with the reasons. What became of a drop is kept in the workspace, so that the same again is found
    and nothing is done twice. Returns a `RegisteredDropResult`.

    :param drops: where the drops are: a path or URI with `{date}`, `{date:%Y%m%d}` or `{key}` in it; with a slash at
        the end, a drop is a folder of CSV files.
    :param name: name of the dataset that the drops are versions of.
    :param drop_key: which drop: a date as 2026-11-27 or another key, or `latest`. Default: the DAG run's partition
        key, or else the day on which its data interval starts.
    :param label_column_name: the column to be predicted (default: nothing is asked of labels).
    :param separator: one character (default a comma); the two characters `\\t` are a tab.
    :param encoding: a Python codec name (default utf-8).
    :param validation: thresholds by name, in the place of those of `ValidationSettings`.
    :param on_bad_drop: `fail` (default) or `skip` the task when validation refuses the drop.
    :param accept_refused: register the drop though validation refuses it: how a person releases a quarantined drop.
    :param settle_seconds: a drop with a file that was written within so many seconds is not there yet (default 0).
    :param source_conn_id: connection for an object storage URI (default: the storage's own default).
    :param max_download_mb: largest drop that is fetched (default 1024).
    :param download_timeout: seconds for fetching it (default 300).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "drops",
        "name",
        "drop_key",
        "label_column_name",
        "separator",
        "encoding",
        "validation",
        "on_bad_drop",
        "accept_refused",
        "settle_seconds",
        "source_conn_id",
        "max_download_mb",
        "download_timeout",
    )
    operator_extra_links = (AzureMLDatasetLink(),)

    def __init__(
        self,
        *,
        drops: str,
        name: str,
        drop_key: str | None = None,
        label_column_name: str | None = None,
        separator: str = ",",
        encoding: str = "utf-8",
        validation: Mapping[str, Any] | str | None = None,
        on_bad_drop: str = "fail",
        accept_refused: bool | str = False,
        settle_seconds: float | str = 0,
        source_conn_id: str | None = None,
        max_download_mb: float | str = 1024,
        download_timeout: float | str = 300,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.drops = drops
        self.name = name
        self.drop_key = drop_key
        self.label_column_name = label_column_name
        self.separator = separator
        self.encoding = encoding
        self.validation = validation
        self.on_bad_drop = on_bad_drop
        self.accept_refused = accept_refused
        self.settle_seconds = settle_seconds
        self.source_conn_id = source_conn_id
        self.max_download_mb = max_download_mb
        self.download_timeout = download_timeout

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render, and mask what must not be in an address before Airflow stores what was rendered."""
        super().render_template_fields(context, jinja_env)
        self._mask()

    def perform(self, context: Context) -> RegisteredDropResult:
        """Find, validate, register."""
        self._mask()  # a mapped task is rendered without the method above
        settings = self._settings()
        on_bad_drop = arguments.choice("on_bad_drop", self.on_bad_drop, ON_BAD_DROP)
        conn_id = arguments.optional(arguments.text, "source_conn_id", self.source_conn_id)
        registrar = Registrar(
            workspace=self.hook.workspace,
            storage=storage_of(settings.parsed, conn_id),
            settings=settings,
            by=name_of_run(context),
            accept_refused=arguments.flag("accept_refused", self.accept_refused),
        )
        key = drop_key_of(self.drop_key, settings.parsed, context)
        found = self._find(registrar.storage, settings, key)
        done = self._registered(registrar, found) if found else self._missing(registrar, key)
        AzureMLDatasetLink().push(self, context, done.dataset, done.version)
        self._skip_what_is_not_new(done, on_bad_drop)
        if done.version is None:
            raise AssertionError("a drop that is registered has a version")
        self.log.info(
            "Drop %s is %s version %d: %d rows, %s%s.",
            done.key,
            done.dataset,
            done.version,
            done.rows,
            done.fingerprint,
            f", in the place of version {done.replaces}" if done.replaces else "",
        )
        return RegisteredDropResult(
            name=done.dataset,
            version=done.version,
            rows=done.rows,
            fingerprint=done.fingerprint,
            drop_key=done.key,
            replaces=done.replaces,
            report=done.report,
            file_found=found is not None,
            source_conn_id=conn_id,
            settings=settings,
        )

    def _settings(self) -> DropSettings:
        settings = DropSettings(
            dataset=arguments.text("name", self.name),
            pattern=arguments.text("drops", self.drops),
            label=arguments.optional(arguments.text, "label_column_name", self.label_column_name) or "",
            separator=arguments.separator(self.separator),
            encoding=arguments.text("encoding", self.encoding),
            validation=validation_settings(self.validation),
            max_download_mb=arguments.number("max_download_mb", self.max_download_mb),
            download_timeout=arguments.number("download_timeout", self.download_timeout),
        )
        settings.validate()
        return settings

    def _find(self, storage: DropStorage, settings: DropSettings, key: str) -> FoundDrop | None:
        settle = arguments.number("settle_seconds", self.settle_seconds)
        if key != LATEST:
            return find_drop(settings.parsed, storage, key, settle_seconds=settle)
        found = find_drops(settings.parsed, storage, settle_seconds=settle)
        if not found:
            raise AirflowSkipException(f"There is no drop at {settings.pattern} yet.")
        self.log.info("The latest of %d drops is %s.", len(found), found[-1].key)
        return found[-1]

    def _registered(self, registrar: Registrar, found: FoundDrop) -> RegisteredDrop:
        try:
            return registrar.register(found)
        except InvalidRequest as error:
            event = DropEvent(status=DropStatus.FAILED, at=now(), reason=short_reason(str(error)), by=registrar.by)
            note_unless(
                registrar.workspace,
                registrar.settings.dataset,
                found.key,
                event,
                lambda record: says_the_same(event, record),
            )
            raise

    def _missing(self, registrar: Registrar, key: str) -> RegisteredDrop:
        done = note_missing(registrar.workspace, registrar.settings, key, registrar.by)
        if done is None:
            raise AirflowSkipException(
                f"Drop {key} is missing: nothing is at {registrar.settings.parsed.path_of(key)}."
            )
        self.log.info("The file of drop %s is not there any more; it was registered before.", key)
        return done

    def _mask(self) -> None:
        for secret in secrets_of(str(self.drops)):
            mask_secret(secret)

    def _skip_what_is_not_new(self, done: RegisteredDrop, on_bad_drop: str) -> None:
        if done.status is DropStatus.DUPLICATE:
            raise AirflowSkipException(
                f"Drop {done.key} holds the content of drop {done.duplicate_of}; it is not trained on again."
            )
        if done.status is DropStatus.QUARANTINED:
            message = (
                f"Drop {done.key} is quarantined: {done.reason} The report is document {done.report} of the workspace. "
                "Put a better file in its place, change the thresholds, or set accept_refused to take it as it is."
            )
            if on_bad_drop == "skip":
                raise AirflowSkipException(message)
            raise DropQuarantined(message)
        if done.status is not DropStatus.REGISTERED:
            raise AssertionError(f"registering a drop does not end as {shown(str(done.status))}")
