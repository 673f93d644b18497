"""Whether the challenger's data is newer than the champion's, told by the keys of the drops in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from azureml_gate.contestants import DROP_DATASET_TAG, DROP_KEY_TAG
from azureml_workspace.records import ModelVersion


class Age(StrEnum):
    """The challenger's data, beside the champion's."""

    NEWER = "newer"
    SAME = "same"
    OLDER = "older"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The newest drop in a model's training data, and the fingerprint of that data; empty when not known."""

    drop_dataset: str
    drop_key: str
    fingerprint: str


def provenance_of(model: ModelVersion | None) -> Provenance:
    """As the model's tags say."""
    tags = {} if model is None else model.tags
    return Provenance(
        drop_dataset=tags.get(DROP_DATASET_TAG, ""),
        drop_key=tags.get(DROP_KEY_TAG, ""),
        fingerprint=tags.get("dataset_fingerprint", ""),
    )


def age_of(challenger: Provenance, champion: Provenance) -> Age:
    """Keys of the same dataset's drops compare as text, as ISO dates do by time.

    With the same key, or where a key is not known, other training data counts as newer: it is what was delivered since.
    """
    have_keys = challenger.drop_key and champion.drop_key and challenger.drop_dataset == champion.drop_dataset
    if have_keys and challenger.drop_key != champion.drop_key:
        return Age.NEWER if challenger.drop_key > champion.drop_key else Age.OLDER
    known = challenger.fingerprint and champion.fingerprint
    return Age.SAME if known and challenger.fingerprint == champion.fingerprint else Age.NEWER
