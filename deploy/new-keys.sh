#!/bin/sh
# Makes the key pair of a trial without an identity provider, with the service's own image: signing.jwk is secret and
# signs tokens (docker compose run --rm ops token), jwks.json is public and is what the services check them with.
#   deploy/new-keys.sh [FOLDER]
set -eu
folder=${1:-$(dirname "$0")/keys}
image=$(docker compose --project-directory "$(dirname "$0")/.." config --images ops)
mkdir -p "$folder"
docker run --rm --user "$(id -u):$(id -g)" --volume "$(cd "$folder" && pwd):/keys" "$image" keys /keys >/dev/null
chmod 644 "$folder/jwks.json"
echo "$folder/jwks.json"
