#!/bin/sh
# Finds a JDK of version 17 or newer, or installs Debian's, for the Java program of docs/clients.md.
#
#   jdk.sh
#
# Prints the path of its `java`, which has to be on PATH.
set -eu

say() { printf '%s\n' "jdk: $*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# A JDK and no mere JRE: running a source file wants the compiler.
is_enough() {
    "$1" --list-modules 2>/dev/null | sed -n 's/^jdk\.compiler@\([0-9]*\).*/\1/p' | {
        read -r version && [ "$version" -ge 17 ]
    }
}

find_java() {
    java=$(command -v java || true)
    if [ -n "$java" ] && is_enough "$java"; then echo "$java"; fi
}

program=$(find_java)
if [ -z "$program" ]; then
    command -v apt-get >/dev/null 2>&1 || fail "none found and no apt-get to install one; install JDK 17 or newer"
    say "installing Debian's package"
    {
        as_root apt-get update -q && as_root apt-get install -q -y --no-install-recommends default-jdk-headless
    } >&2 || fail "apt-get could not install default-jdk-headless; install JDK 17 or newer"
    program=$(find_java)
fi
[ -n "$program" ] || fail "the package was installed, but brought no JDK 17; put one on PATH"
echo "$program"
