# cloudrock-slurm as a container: the pull or the push side, and the command line.
#
#   docker build -t cloudrock-slurm .
#
# It needs SLURM in another container (docs/docker.md): that one's engine by its socket, and settings by --env-file.
# examples/docker-compose has all of it together.
FROM debian:bookworm-slim

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 python3-venv \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 cloudrock \
 && useradd --uid 10001 --gid cloudrock --no-create-home --home-dir /var/lib/cloudrock-slurm \
      --shell /usr/sbin/nologin cloudrock \
 && install --directory --owner=cloudrock --group=cloudrock --mode=0770 /var/lib/cloudrock-slurm /run/cloudrock-slurm \
 && python3 -m venv /opt/cloudrock-slurm

ENV PATH=/opt/cloudrock-slurm/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PREFECT_HOME=/tmp/prefect \
    MPLCONFIGDIR=/tmp/matplotlib \
    PREFECT_SERVER_EPHEMERAL_ENABLED=false \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1 \
    CLOUDROCK_STATE_DIR=/var/lib/cloudrock-slurm \
    SLURM_TRES_CONFIG_PATH=/etc/cloudrock-slurm/config-components.yaml

# Every package by version and hash; this layer changes with the lock only.
COPY requirements-service.lock /tmp/
RUN pip install --quiet --no-cache-dir --no-deps --require-hashes -r /tmp/requirements-service.lock

COPY . /usr/src/cloudrock-slurm
RUN pip install --quiet --no-cache-dir --no-deps --no-build-isolation /usr/src/cloudrock-slurm \
 && install -D --mode=0644 /usr/src/cloudrock-slurm/config-components.yaml "$SLURM_TRES_CONFIG_PATH"

WORKDIR /etc/cloudrock-slurm
USER cloudrock
CMD ["python3", "-m", "cloudrock_slurm.main"]
