#!/bin/sh
# Prints a token for a trial, signed with the key that deploy/new-keys.sh made. Arguments: phongtrao token --help
#   deploy/token.sh --persona district
#   deploy/token.sh --role commune_officer --unit 21400
set -eu
cd "$(dirname "$0")/.."
keys=${PHONGTRAO_KEYS:-$PWD/deploy/keys}
exec docker compose run --rm --no-deps -T --user "$(id -u):$(id -g)" --volume "$keys:/keys:ro" \
    ops token --key /keys/signing.jwk "$@"
