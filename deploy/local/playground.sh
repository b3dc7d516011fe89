#!/bin/sh
# Builds the helper package (clients/js/dist) and the playground (playground/dist) from their lock files, unless they
# are built already.
#
#   playground.sh [if-possible]
#
# Wants Node.js 20.19 or newer with npm. Without one it fails; with `if-possible` it only says so.
set -eu

say() { printf '%s\n' "playground: $*" >&2; }

give_up() {
    say "$*"
    if [ "${mode:-}" = if-possible ]; then
        say "going on without the page; \`make playground\` builds it later"
        exit 0
    fi
    exit 1
}

mode=${1:-}
cd "$(dirname "$0")/../.."

# Whether anything that $1 is built from is newer: the lists and sources are given after it.
is_stale() {
    built=$1
    shift
    [ ! -f "$built" ] || [ -n "$(find "$@" -type f -newer "$built" -print | head -n 1)" ]
}

# Installs what the lock file of folder $1 names. Installing takes seconds even when nothing changed.
install() {
    installed=$1/node_modules/.installed-lock.json
    cmp -s "$1/package-lock.json" "$installed" && return
    npm ci --silent --prefix "$1" >&2 || give_up "npm ci failed in $1; is the network up?"
    cp "$1/package-lock.json" "$installed"
}

node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
    >/dev/null 2>&1 || give_up "Node.js 20.19 or newer is not on PATH"
command -v npm >/dev/null 2>&1 || give_up "npm is not on PATH"

install clients/js
if is_stale clients/js/dist/index.js clients/js/src clients/js/tsconfig.json clients/js/package-lock.json; then
    npm run --silent --prefix clients/js build >&2 || give_up "clients/js does not compile"
fi
install playground
if is_stale playground/dist/index.html clients/js/dist playground/src playground/index.html \
    playground/vite.config.ts playground/package-lock.json; then
    npm run --silent --prefix playground build -- --logLevel warn >&2 || give_up "the page does not compile"
fi
