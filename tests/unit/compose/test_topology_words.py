"""How the end-to-end harness reads the compose file, and what it changes in a command: no more than it has to."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.topology.compose_file import MissingVariable, substitute
from tests.e2e.topology.image import Image
from tests.e2e.topology.native import Translation

pytestmark = pytest.mark.unit

VARIABLES = {"A": "1", "EMPTY": "", "TOKEN": "t"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$A ${A} $$A", "1 1 $A"),
        ("${A:-2} ${B:-2} ${B-2} ${EMPTY:-2} ${EMPTY-2}", "1 2 2 2 "),
        ("${B:-azureml://:${TOKEN}@azureml:8790?backend=local}", "azureml://:t@azureml:8790?backend=local"),
        ("${B}${A:?is needed}${B:-}", "1"),
        ("no variable, 5 $", "no variable, 5 $"),
    ],
)
def test_variables(text: str, filled: str) -> None:
    assert substitute(text, VARIABLES) == filled


@pytest.mark.parametrize("text", ["${B:?say so}", "${B?say so}", "${EMPTY:?say so}"])
def test_a_required_variable(text: str) -> None:
    with pytest.raises(MissingVariable, match="say so"):
        substitute(text, VARIABLES)


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("postgresql://airflow:pw@postgres:5432/airflow", "postgresql://airflow:pw@127.0.0.1:15432/airflow"),
        ("redis://:pw@redis:6379/0", "redis://:pw@127.0.0.1:16379/0"),
        ("azureml://:t@azureml:8790?backend=local", "azureml://:t@127.0.0.1:18790?backend=local"),
        ("--advertise-host=azureml", "--advertise-host=127.0.0.1"),
        ("--home=/opt/azureml", "--home=/root/opt/azureml"),
        ("azureml_local", "azureml_local"),
        ("redis-server /data/redis.conf --dir /data", "redis-server /root/data/redis.conf --dir /root/data"),
        ("postgres", "postgres"),
        ("--host=0.0.0.0", "--host=127.0.0.1"),
        ("listen_addresses=*", "listen_addresses=127.0.0.1"),
        ("/var/lib/postgresql/data", "/root/var/lib/postgresql/data"),
        ("a5432f", "a5432f"),
        ("86400", "86400"),
    ],
)
def test_words_for_this_machine(there: str, here: str) -> None:
    translate = Translation(
        hosts=("postgres", "redis", "azureml"),
        ports={5432: 15432, 6379: 16379, 8790: 18790},
        root=Path("/root"),
        folders=("/var/lib/postgresql/data", "/opt/azureml", "/data"),
    )
    assert translate(there) == here


def test_the_image(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM a AS first\nCOPY lost /lost\nFROM b\nRUN x \\\n  && y\nCOPY --from=first /lost /lost\n"
        "COPY dags /opt/dags\n"
        "COPY start.sh /opt/start.sh\nENV A=1 B=two\n"
    )
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "x.py").touch()
    (tmp_path / "start.sh").touch()
    image = Image.read(tmp_path / "Dockerfile")
    assert image.environment == {"A": "1", "B": "two"}
    image.unpack(tmp_path, tmp_path / "root")
    found = {str(path.relative_to(tmp_path / "root")) for path in (tmp_path / "root").rglob("*") if path.is_file()}
    assert found == {"opt/dags/x.py", "opt/start.sh"}
