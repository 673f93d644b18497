# `make help` lists the targets. Everything they make lives in .local/; nothing needs root or the home directory.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env run up down status airflow test lint types unit bench docs-pictures lock clean setup setup-dev

PYTHON_VENV := .local/venv/bin/python
# Named, and not `.`: outside a git checkout ruff would read the environment in .local too.
SOURCES := plugins include dags scripts tests benchmarks
# Byte code is kept, whatever the caller's shell says: without it every start compiles Airflow again.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV
# State is in this checkout, whatever the shell points `python -m azureml_local` at: all targets mean the same server.
unexport AZUREML_LOCAL_HOME

# $(call given,option,NAME): --option="value" when NAME=value was written after `make`. The shell reads the value from
# the environment, where make puts it, so that a separator such as ';' needs no more quoting than on the command line.
given = $(if $(filter command,$(firstword $(origin $(2)))),--$(1)="$$$(2)")

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make run DATA=path.csv LABEL=column [SEPARATOR=';'] [ENCODING=cp1252] [TIME=minutes] runs it on your own data."
	@echo "  make up [UI_PORT=8080] [AZUREML_PORT=8790] chooses the ports."

run: setup ## a CSV to a benchmarked web service: the whole DAG, here, with no cloud
	@exec $(PYTHON_VENV) -m scripts.run $(strip \
		$(call given,data,DATA) $(call given,label,LABEL) $(call given,separator,SEPARATOR) $(call given,encoding,ENCODING) \
		$(call given,exclude,EXCLUDE) $(call given,metric,METRIC) $(call given,time,TIME) $(call given,dataset,DATASET) $(call given,experiment,EXPERIMENT) \
		$(call given,service,SERVICE) $(call given,requests,REQUESTS) $(call given,concurrency,CONCURRENCY))

up: setup ## the whole Airflow with its UI and the local Azure ML, until `make down`
	@exec $(PYTHON_VENV) -m scripts.up up $(strip $(call given,ui-port,UI_PORT) $(call given,azureml-port,AZUREML_PORT))

down: ## stop Airflow, the local Azure ML, its web services and jobs
	@if [ -x $(PYTHON_VENV) ]; then $(PYTHON_VENV) -m scripts.up down; else echo "nothing was ever started here"; fi

status: ## what is running
	@if [ -x $(PYTHON_VENV) ]; then $(PYTHON_VENV) -m scripts.up status; else echo "nothing was ever started here"; fi

airflow: setup ## Airflow's own command line here: make airflow ARGS="dags list"
	@exec $(PYTHON_VENV) -m scripts.up.command_line $(ARGS)

test: setup-dev ## lint, types and all tests
	@$(MAKE) --no-print-directory lint types
	$(PYTHON_VENV) -m pytest -p tests.plugins.no_skip -n 2 --dist loadfile -q

lint: setup-dev ## ruff
	$(PYTHON_VENV) -m ruff check $(SOURCES)
	$(PYTHON_VENV) -m ruff format --check $(SOURCES)

types: setup-dev ## mypy --strict
	$(PYTHON_VENV) -m mypy plugins include scripts dags

bench: setup-dev ## measure side by side with peers, into benchmarks/RESULTS.md
	$(PYTHON_VENV) -m benchmarks

docs-pictures: setup-dev ## take the pictures of docs/pictures anew from a real run (needs chromium)
	$(PYTHON_VENV) -m tests.docs_pictures $(call given,data,DATA)

lock: ## make requirements.txt anew from requirements.in (needs uv)
	scripts/lock.sh

env: ## make .env for docker-compose.yaml, with random secrets
	@python3 scripts/make_env.py

clean: down ## remove all state but the environment: datasets, runs, models, Airflow's database, logs
	rm -rf .local/azureml .local/airflow .local/up .local/logs .local/data .local/reports .local/last_run.json .local/sample_request.json

setup:
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh --dev
