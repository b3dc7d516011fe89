#!/bin/sh
# Starts nats-server in its container: start.sh FILE-IN-THIS-FOLDER
#
# nats-server reads passwords from its environment and not from files; secrets come as files. So they are in the
# environment of this one process and in no description of its container.
set -eu

for user in gateway persister operator; do
    name=NATS_$(echo "$user" | tr '[:lower:]' '[:upper:]')_PASSWORD
    export "$name=$(cat "/run/secrets/nats_$user")"
done
exec nats-server --config "/etc/nats/$1"
