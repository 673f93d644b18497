"""Which of the drops that are there nobody has brought to an end yet."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from azureml_drops.finding import FoundDrop
from azureml_drops.ledger import DropRecord, drop_path
from azureml_workspace.documents import find_document
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Document


class LedgerView:
    """What the ledger says of many drops; a record is read again only when it changed.

    A drop is pending while its ledger knows no end of the content that is there, told by `FoundDrop.content_state`. So
    a drop that nothing happened to is pending, one whose file was written again is pending again until somebody looked
    whether the content is another, and one whose training failed stays pending.

    Keeps a few dozen bytes per drop. Not for several threads.

    :param dataset: whose drops.
    """

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        self._settled: dict[str, tuple[str, frozenset[str]]] = {}
        self._unread: dict[str, str] = {}

    @property
    def is_complete(self) -> bool:
        """Whether every record that there was at the last refresh has been read."""
        return not self._unread

    def refresh(self, workspace: Workspace, keys: Iterable[str], *, most: int | None = None, at_once: int = 1) -> None:
        """Look which records of these drops are new or changed, and read those.

        :param most: read so many at most; the rest waits for the next refresh.
        :param at_once: in so many threads.
        :raises WorkspaceError: what the workspace raises; what was read before is kept.
        """
        etags = self._etags(workspace, keys)
        self._settled = {key: known for key, known in self._settled.items() if key in etags}
        self._unread = {key: etag for key, etag in etags.items() if self._settled.get(key, ("",))[0] != etag}
        # The newest first: in them something happens.
        wanted = sorted(self._unread, reverse=True)[:most]
        for key, document in zip(wanted, self._read(workspace, wanted, at_once), strict=True):
            if document is None:  # removed since the list was made
                self._settled.pop(key, None)
            else:
                self._settled[key] = (document.etag, _settled_states(document))
            del self._unread[key]

    def pending(self, drops: Iterable[FoundDrop]) -> list[FoundDrop]:
        """Those that are, in the order given. A drop whose record was not read yet is not among them."""
        return [
            drop
            for drop in drops
            if drop.key not in self._unread and drop.content_state not in self._settled.get(drop.key, ("", ()))[1]
        ]

    def _etags(self, workspace: Workspace, keys: Iterable[str]) -> dict[str, str]:
        prefix = drop_path(self._dataset, "")
        wanted = set(keys)
        entries = ((entry.path.removeprefix(prefix), entry.etag) for entry in workspace.list_documents(prefix[:-1]))
        return {key: etag for key, etag in entries if key in wanted}

    def _read(self, workspace: Workspace, keys: list[str], at_once: int) -> Iterable[Document | None]:
        paths = [drop_path(self._dataset, key) for key in keys]
        if at_once <= 1 or len(paths) <= 1:
            return (find_document(workspace, path) for path in paths)
        with ThreadPoolExecutor(at_once, thread_name_prefix="drop-ledger") as threads:
            return list(threads.map(lambda path: find_document(workspace, path), paths))


def _settled_states(document: Document) -> frozenset[str]:
    record = DropRecord.from_dict(document.content)
    return frozenset(state for state in record.seen if record.is_settled(state))
