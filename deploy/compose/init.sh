#!/bin/sh
# Makes an access key for docker compose: its digest goes into deploy/compose/signalbox.toml, the key itself into
# deploy/prometheus/key, which Prometheus reads (and you: curl -H "Authorization: Bearer $(cat deploy/prometheus/key)" …).
set -eu
cd "$(dirname "$0")/.."
if [ -e prometheus/key ]; then
  echo "deploy/prometheus/key exists already; remove it to make a new key" >&2
  exit 1
fi
umask 077
od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > prometheus/key
chmod 644 prometheus/key # Prometheus runs as another user in its container
cat > compose/signalbox.toml <<TOML
# Made by init.sh. deploy/signalbox.example.toml lists every setting.

[[access.keys]]
name = "admin"
sha256 = "$(sha256sum < prometheus/key | cut -d' ' -f1)"
roles = ["admin"]
TOML
chmod 644 compose/signalbox.toml
echo "The admin key is in deploy/prometheus/key. Next: docker compose up --build"
