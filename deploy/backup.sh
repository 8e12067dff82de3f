#!/bin/sh
# Copies all databases as they are at one moment, while everything runs. Postgres is the whole truth: the streams are
# copies of the logs in it. Keep .env with it, for the passwords and the citizens' key, and test what you keep.
#   deploy/backup.sh FILE.tar.gz
set -eu
out=$(realpath "${1:?which file to write}")
cd "$(dirname "$0")/.."
umask 077
docker compose exec -T postgres \
    pg_basebackup --username postgres --pgdata - --format tar --wal-method fetch --checkpoint fast --gzip >"$out.part"
mv "$out.part" "$out"
ls -l "$out"
