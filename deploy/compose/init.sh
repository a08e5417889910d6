#!/bin/sh
# Makes the keys for docker compose, since inside its container Signalbox listens beyond loopback:
# - for the API: its digest goes into deploy/compose/signalbox.toml, the key itself into deploy/prometheus/key, which
#   Prometheus reads (and you: curl -H "Authorization: Bearer $(cat deploy/prometheus/key)" …);
# - for the Step Functions endpoint: into deploy/compose/signalbox.toml and, for SDKs and the AWS CLI, deploy/compose/aws.env.
set -eu
cd "$(dirname "$0")/.."
if [ -e prometheus/key ]; then
  echo "deploy/prometheus/key exists already; remove it to make a new key" >&2
  exit 1
fi
umask 077
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
secret > prometheus/key
engine_secret=$(secret)
chmod 644 prometheus/key # Prometheus runs as another user in its container
cat > compose/signalbox.toml <<TOML
# Made by init.sh. deploy/signalbox.example.toml lists every setting.

[[access.keys]]
name = "admin"
sha256 = "$(sha256sum < prometheus/key | cut -d' ' -f1)"
roles = ["admin"]

[[engine.access_keys]]
id = "signalbox"
secret = "$engine_secret"
TOML
cat > compose/aws.env <<ENV
AWS_ACCESS_KEY_ID=signalbox
AWS_SECRET_ACCESS_KEY=$engine_secret
AWS_DEFAULT_REGION=us-east-1
AWS_ENDPOINT_URL_SFN=http://127.0.0.1:8083
ENV
chmod 644 compose/signalbox.toml
echo "The admin key is in deploy/prometheus/key, what SDKs need in deploy/compose/aws.env. Next: docker compose up --build"
