"""The real server with fake jobs: `python fake_job_server.py --home H`, any free ports.

The variable FAKE_SDK_PORTS gives `--sdk-ports`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from azureml_local.azure_api.ports import SdkPorts
from azureml_local.paths import Home
from azureml_local.server.serve import ServeConfig, serve
from azureml_local.services.ports import PortRange

FAKE_JOB = Path(__file__).with_name("fake_job.py")


def fake_job_command(run_dir: Path) -> list[str]:
    return [sys.executable, "-S", str(FAKE_JOB), str(run_dir)]


if __name__ == "__main__":
    sdk_ports = os.environ.get("FAKE_SDK_PORTS")
    serve(
        ServeConfig(
            home=Home.resolve(sys.argv[sys.argv.index("--home") + 1]),
            port=0,
            service_ports=PortRange(0, 0),
            job_command=fake_job_command,
            azureml_sdk=None if sdk_ports is None else SdkPorts.parse(sdk_ports),
            cores=int(os.environ.get("FAKE_CORES", "2")),
        ),
        lambda url: None,
    )
