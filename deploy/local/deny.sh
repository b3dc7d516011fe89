#!/bin/sh
# Checks licences, sources, duplicates and advisories with cargo-deny (deny.toml), as far as this machine can.
#
#   deny.sh CARGO
#
# cargo-deny is no part of the toolchain, and its advisories are a database that lies elsewhere: what cannot be
# checked here is said and left out, never counted as checked.
set -eu

cargo=${1:?usage: deny.sh CARGO}

if ! "$cargo" deny --version >/dev/null 2>&1; then
    echo "cargo-deny is not installed: licences, sources and advisories are NOT checked" >&2
    exit 0
fi
"$cargo" deny --locked check bans licenses sources
if "$cargo" deny --locked fetch db >/dev/null 2>&1; then
    "$cargo" deny --locked check advisories
elif [ -n "$(ls -A "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" 2>/dev/null)" ]; then
    echo "the advisory database is out of reach: advisories are checked against the copy of an earlier time" >&2
    "$cargo" deny --locked --offline check advisories
else
    echo "the advisory database is out of reach: advisories are NOT checked" >&2
fi
