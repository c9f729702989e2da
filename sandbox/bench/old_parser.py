"""The parser of the old agents as it was published, for the comparison only: no part of it is kept here.

Run by a Python that has the package `waldur-slurm-agent` (0.2.2), never by ours:
`PYTHON old_parser.py TEXT_FILE [quiet]`; prints the CPU seconds that its report of the whole text took.
"""

import logging
import sys
import time
from pathlib import Path

from waldur_slurm.slurm_client import backend


def main(text_file: str, quiet: str = "") -> None:
    """Its own `get_usage_report`, with sacct's text handed to it; what it logs is thrown away."""
    text = Path(text_file).read_text()
    if quiet:
        logging.disable(logging.CRITICAL)
    cluster = backend.SlurmBackend()
    cluster.client.execute_command = lambda *_, **__: text
    begun = time.process_time()
    cluster.get_usage_report(["all"])
    sys.stdout.write(f"{time.process_time() - begun}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
