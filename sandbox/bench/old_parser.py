"""The parser of the old agents as it was published, for the comparison only: no part of it is kept here.

Run by a Python that has the package `waldur-slurm-agent` (0.2.2), never by ours:
`PYTHON old_parser.py TEXT_FILE LINES`; prints the seconds that its report of the whole text took.
"""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

COMPONENTS = "".join(
    f"{tres}: {{limit: 1, measured_unit: x, unit_factor: 1, accounting_type: usage, label: x}}\n"
    for tres in ("cpu", "gres/gpu", "mem")
)


def main(text_file: str) -> None:
    """Its own `get_usage_report`, with sacct's text handed to it; it logs nothing, which helps it."""
    text = Path(text_file).read_text()
    needed = ("API_URL", "API_TOKEN", "OFFERING_UUID")
    os.environ.update({f"WALDUR_{name}": "https://x/" for name in needed})
    os.environ.update({"WALDUR_SYNC_DIRECTION": "pull", "SLURM_CONTAINER_NAME": "x"})
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(COMPONENTS)
        file.flush()
        os.environ["SLURM_TRES_CONFIG_PATH"] = file.name
        from waldur_slurm.slurm_client import backend  # noqa: PLC0415
    logging.disable(logging.CRITICAL)
    cluster = backend.SlurmBackend()
    cluster.client.execute_command = lambda *_, **__: text
    begun = time.perf_counter()
    cluster.get_usage_report(["all"])
    sys.stdout.write(f"{time.perf_counter() - begun}\n")


if __name__ == "__main__":
    main(sys.argv[1])
