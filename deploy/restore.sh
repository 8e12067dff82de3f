#!/bin/sh
# Puts a backup in place of nothing and starts. On a new machine, or after: docker compose down --volumes
# The volume of NATS must go too: its streams are filled again from the logs, and may not be ahead of them.
#   deploy/restore.sh FILE.tar.gz
set -eu
file=$(realpath "${1:?which file to restore}")
cd "$(dirname "$0")/.."
inside() {
    docker compose run --rm --no-deps -T --entrypoint sh "$@"
}
inside nats -c '[ ! -e /data/jetstream ]' </dev/null && inside postgres -c '[ ! -e "$PGDATA/PG_VERSION" ]' </dev/null || {
    echo "There is data here. If the backup is to replace it: docker compose down --volumes" >&2
    exit 1
}
inside postgres -c 'mkdir -p "$PGDATA" && tar -xz -C "$PGDATA" && chmod 700 "$PGDATA" &&
    chown -R postgres:postgres "$PGDATA"' <"$file"
docker compose up --detach --wait
