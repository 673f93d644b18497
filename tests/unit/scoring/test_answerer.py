"""Which requests are scored in a thread, and what the answer looks like."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from azureml_local.scoring.answer import Answerer
from azureml_local.scoring.labels import Label
from azureml_local.scoring.model import Scored

pytestmark = pytest.mark.unit


class ModelThatTellsItsThread:
    """Gives one label per row, and two unseen categories in all."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.version = 7

    def score(self, rows: list[Any], method: str) -> Scored:
        self.thread = threading.current_thread()
        labels: list[Label] = [method] * len(rows)
        return Scored(labels, 2)


@pytest.mark.parametrize(
    ("rows", "spaces", "in_thread"), [(1, 0, False), (200, 0, False), (201, 0, True), (1, 65_536, True)]
)
def test_long_work_goes_to_a_thread(rows: int, spaces: int, in_thread: bool) -> None:
    model: Any = ModelThatTellsItsThread()
    body = b'{"data": [%b]}' % b",".join([b"{}"] * rows) + b" " * spaces
    answerer = Answerer()
    answer = asyncio.run(answerer.answer(model, body, "object"))
    answerer.close()
    assert (answer.rows, answer.unseen, answer.model_version) == (rows, 2, 7)
    assert (model.thread is not threading.main_thread()) == in_thread


def test_both_formats() -> None:
    model: Any = ModelThatTellsItsThread()
    body = b'{"data": [{}, {}], "method": "predict_proba"}'
    expected = {"result": ["predict_proba"] * 2}
    as_object = asyncio.run(Answerer().answer(model, body, "object"))
    as_string = asyncio.run(Answerer().answer(model, body, "string"))
    assert json.loads(as_object.body) == expected
    assert json.loads(json.loads(as_string.body)) == expected
