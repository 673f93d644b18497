"""The real server that may write no file larger than LIMIT bytes: for it, the disk is full.

`python limited_server.py LIMIT --home H ...`
"""

from __future__ import annotations

import resource
import sys

from azureml_local.cli import main

if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.exit(main(["serve", *sys.argv[2:]]))
