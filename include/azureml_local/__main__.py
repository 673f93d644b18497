"""Entry point of `python -m azureml_local`."""

import sys

from azureml_local.cli import main

sys.exit(main())
