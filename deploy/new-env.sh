#!/bin/sh
# Writes .env from .env.example, with a new random secret wherever a value is empty. Never touches an existing file.
#   deploy/new-env.sh [FILE]
set -eu
out=${1:-$(dirname "$0")/../.env}
if [ -e "$out" ]; then
    echo "$out exists; its secrets are those of the running servers. Remove it only together with their volumes." >&2
    exit 1
fi
umask 077
while IFS= read -r line; do
    case $line in
        [A-Z]*=) echo "$line$(od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n')" ;;
        *) printf '%s\n' "$line" ;;
    esac
done <"$(dirname "$0")/../.env.example" >"$out"
echo "$out"
