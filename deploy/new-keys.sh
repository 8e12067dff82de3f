#!/bin/sh
# Makes the key pair of a trial without an identity provider, with the services' own image, in deploy/keys (or in the
# folder PHONGTRAO_KEYS): signing.jwk is secret and signs (deploy/token.sh), with jwks.json the services check.
set -eu
cd "$(dirname "$0")/.."
keys=${PHONGTRAO_KEYS:-$PWD/deploy/keys}
mkdir -p "$keys"
docker compose run --rm --no-deps -T --user "$(id -u):$(id -g)" --volume "$keys:/keys" ops keys /keys >/dev/null
chmod 644 "$keys/jwks.json"
echo "$keys/jwks.json"
