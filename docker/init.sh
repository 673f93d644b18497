#!/usr/bin/env bash
# Run once per start by the service airflow-init: brings the database to this Airflow's shape and makes the first login.
# Safe to repeat: a login that exists stays as it is, with its password.
set -euo pipefail

airflow db migrate
# On standard input: a command line can be read by every process of the machine.
printf '%s\n' "$ADMIN_PASSWORD" "$ADMIN_PASSWORD" |
  airflow users create --role Admin --username admin --firstname Admin --lastname Admin --email admin@example.invalid
