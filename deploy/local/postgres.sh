#!/bin/sh
# Prints the folder that holds PostgreSQL's server programs (initdb, postgres); installs Debian's package when
# there is none.
#
#   postgres.sh
#
# Standard output is the folder alone; everything said to a person goes to standard error. No server is left
# running: Debian's own cluster, which its package would create and start, is turned off first.
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() { say "postgres: $*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Debian keeps the server programs off PATH, by version; the newest wins.
find_folder() {
    {
        ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin 2>/dev/null |
            sort -t/ -k5 -V -r
        if program=$(command -v postgres); then dirname "$program"; fi
    } | while read -r folder; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            echo "$folder"
            break
        fi
    done
}

install() {
    command -v apt-get >/dev/null 2>&1 ||
        fail "no server programs found and no apt-get to install them; install PostgreSQL 14 or newer"
    say "postgres: installing Debian's package"
    export DEBIAN_FRONTEND=noninteractive
    {
        as_root apt-get update -q &&
            as_root apt-get install -q -y --no-install-recommends postgresql-common &&
            as_root mkdir -p /etc/postgresql-common/createcluster.d &&
            echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.d/no-main-cluster.conf &&
            as_root apt-get install -q -y --no-install-recommends postgresql
    } >&2 || fail "apt-get could not install the package postgresql; install PostgreSQL 14 or newer"
}

folder=$(find_folder)
if [ -z "$folder" ]; then
    install
    folder=$(find_folder)
fi
[ -n "$folder" ] || fail "the package was installed, but it brought no initdb"
echo "$folder"
