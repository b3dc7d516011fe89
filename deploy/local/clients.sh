#!/bin/sh
# Installs the JavaScript clients of the end-to-end tests, and Node.js itself with apt-get when it is missing.
#
#   clients.sh FOLDER
set -eu

folder=${1:?usage: clients.sh FOLDER}

say() { printf '%s\n' "$*" >&2; }
fail() { say "clients: $*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    command -v apt-get >/dev/null 2>&1 || fail "node and npm are missing; install Node.js 18 or newer"
    say "clients: installing nodejs and npm"
    { as_root apt-get update -q && as_root apt-get install -q -y --no-install-recommends nodejs npm; } >&2 ||
        fail "apt-get could not install nodejs and npm; install Node.js 18 or newer"
fi

# Installing takes seconds even when nothing changed; the copy of the lock file tells that nothing did.
installed=$folder/node_modules/.installed-lock.json
if ! cmp -s "$folder/package-lock.json" "$installed"; then
    npm ci --silent --prefix "$folder" >&2 || fail "npm ci failed in $folder; is the network up?"
    cp "$folder/package-lock.json" "$installed"
fi
