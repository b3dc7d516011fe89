#!/bin/sh
# Installs the client libraries of the end-to-end tests, and what else these have run by Node.js: packages for
# JavaScript in each FOLDER, beside the lock file that names them, and those for Python, which the first FOLDER lists,
# in the virtual environment PYTHON. Installs Node.js and Python themselves with apt-get when they are missing.
#
#   clients.sh PYTHON FOLDER...
set -eu

usage='usage: clients.sh PYTHON FOLDER...'
environment=${1:?$usage}
requirements=${2:?$usage}/requirements.txt
shift

say() { printf '%s\n' "$*" >&2; }
fail() { say "clients: $*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs Debian's packages $2… for want of $1.
packages() {
    wanted=$1
    shift
    command -v apt-get >/dev/null 2>&1 || fail "$wanted is missing; install it"
    say "clients: installing $*"
    { as_root apt-get update -q && as_root apt-get install -q -y --no-install-recommends "$@"; } >&2 ||
        fail "apt-get could not install $*; install $wanted"
}

# Whether the list $1 is the one that $2, a copy, says was installed. Installing takes seconds even when nothing
# changed.
is_installed() { cmp -s "$1" "$2"; }

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    packages "Node.js 18 or newer, with npm," nodejs npm
fi
for folder; do
    list=$folder/package-lock.json
    installed=$folder/node_modules/.installed-lock.json
    if ! is_installed "$list" "$installed"; then
        npm ci --silent --prefix "$folder" >&2 || fail "npm ci failed in $folder; is the network up?"
        cp "$list" "$installed"
    fi
done

has_python() {
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

list=$requirements
installed=$environment/installed-requirements.txt
if ! is_installed "$list" "$installed"; then
    has_python || packages "Python 3.10 or newer, with its module venv," python3 python3-venv
    has_python || fail "python3 is older than 3.10; put a newer one on PATH"
    python3 -m venv --clear "$environment" >&2 || fail "python3 could not make a virtual environment in $environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --require-hashes --requirement "$list" >&2 ||
        fail "pip could not install what $list names; is the network up?"
    cp "$list" "$installed"
fi
