# One image for every service of docker-compose.yaml but Postgres and Redis. Layers go from what changes least to what
# changes most: a change of the code installs no dependency again.
FROM python:3.11-slim-bookworm AS tools
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /build/tools
COPY docker/build-requirements.txt /build/
RUN /build/tools/bin/pip install --require-hashes --only-binary=:all: -r /build/build-requirements.txt

FROM tools AS dependencies
RUN python -m venv /opt/venv
COPY requirements.txt /build/
# Every file is checked against the lock, and none is compiled here.
RUN /build/tools/bin/pip --python /opt/venv/bin/python install --require-hashes --only-binary=:all: -r /build/requirements.txt

FROM tools AS wheel
COPY pyproject.toml requirements.in README.md /build/project/
COPY plugins /build/project/plugins
COPY include /build/project/include
RUN /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels /build/project

FROM python:3.11-slim-bookworm
# libgomp1: LightGBM's threads.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 50000 airflow \
    && useradd --uid 50000 --gid airflow --create-home airflow \
    # Named volumes take the owner of the folder that they cover.
    && install --directory --owner=airflow --group=airflow \
    /opt/airflow /opt/airflow/data /opt/airflow/logs /opt/airflow/plugins /opt/azureml
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=wheel /build/wheels /opt/wheels
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-index /opt/wheels/*.whl
COPY docker/init.sh /opt/airflow/init.sh
COPY dags /opt/airflow/dags
ENV PATH=/opt/venv/bin:$PATH AIRFLOW_HOME=/opt/airflow PYTHONUNBUFFERED=1
USER 50000:50000
WORKDIR /opt/airflow
# Every service has its own health check, in docker-compose.yaml.
HEALTHCHECK NONE
CMD ["airflow", "version"]
