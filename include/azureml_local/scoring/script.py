"""Somebody's own entry script, `init()` and `run(data)`, in the place of a model package.

It has what Azure gives it: the model's files in `AZUREML_MODEL_DIR`, the variables of its environment, and on the path
the folder that it was uploaded with. It runs in this process, with the packages of this one: nobody builds others.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from azureml_local.scoring.config import ScriptConfig
from azureml_workspace.errors import InvalidRequest

log = logging.getLogger(__name__)

_MODULE = "entry_script"


class ScriptModel:
    """A script that was loaded and whose `init()` has ended. Threads may share it: it runs in one at a time."""

    def __init__(self, model_dir: Path, name: str, version: int, script: ScriptConfig) -> None:
        """Load the script and call its `init()`.

        :raises InvalidRequest: it cannot be loaded, lacks one of the two functions, or `init()` failed; the log has the
            traceback.
        """
        self.model_dir = model_dir
        self.name = name
        self.version = version
        self.script = script
        self._lock = threading.Lock()
        os.environ.update(script.variables | {"AZUREML_MODEL_DIR": str(model_dir), "AML_APP_ROOT": script.folder})
        module = _loaded(script)
        self._run = _function(module, "run", parameters=1)
        _told(_function(module, "init", parameters=0), "init() failed")

    def answer(self, body: bytes | bytearray) -> bytes:
        """What `run` gives for the body of a request, as JSON; text becomes a JSON string, as on Azure.

        :raises InvalidRequest: the body is not UTF-8. Whatever `run` raises is not caught.
        """
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"the body is not UTF-8 ({error.reason} at byte {error.start}).") from None
        with self._lock:  # a script need not be made for more than one request at a time
            try:
                return json.dumps(self._run(text)).encode()
            finally:
                sys.stdout.flush()  # what it printed belongs into the log now


def _loaded(script: ScriptConfig) -> ModuleType:
    """:raises InvalidRequest:"""
    folder, path = Path(script.folder), Path(script.folder) / script.entry
    _forget_earlier(folder)
    sys.path[:0] = dict.fromkeys((str(path.parent), str(folder)))
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise InvalidRequest(f"the entry script {script.entry!r} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader
    _told(lambda: loader.exec_module(module), "the entry script cannot be loaded")
    return module


def _forget_earlier(folder: Path) -> None:
    """Modules that an earlier script of this service brought: the new one brings its own under the same names."""
    beside = str(folder.parent) + os.sep
    sys.path[:] = [place for place in sys.path if not place.startswith(beside)]
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(beside):
            del sys.modules[name]


def _function(module: ModuleType, name: str, *, parameters: int) -> Callable[..., Any]:
    """:raises InvalidRequest: the script has no such function, or one that takes something else."""
    found = getattr(module, name, None)
    if not callable(found):
        raise InvalidRequest(f"the entry script has no function {name}().")
    taken = len(inspect.signature(found).parameters)
    if taken != parameters:
        raise InvalidRequest(f"{name}() of the entry script takes {taken} arguments; it has to take {parameters}.")
    return found  # type: ignore[no-any-return]


def _told(call: Callable[[], object], what: str) -> None:
    """:raises InvalidRequest: the script's code failed."""
    try:
        call()
    except (Exception, SystemExit) as error:
        log.exception("%s", what)
        raise InvalidRequest(f"{what}: {type(error).__name__}: {error}") from error
    finally:
        sys.stdout.flush()
