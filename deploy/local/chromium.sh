#!/bin/sh
# Finds Chromium, or installs Debian's package, for the browser tests.
#
#   chromium.sh
#
# Prints the program's path. Flags of countries are emoji, so their font comes along where apt-get is at hand.
set -eu

say() { printf '%s\n' "chromium: $*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

find_chromium() {
    if [ -n "${CHROMIUM:-}" ]; then
        echo "$CHROMIUM"
        return
    fi
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name"; then return; fi
    done
}

program=$(find_chromium)
if [ -z "$program" ]; then
    command -v apt-get >/dev/null 2>&1 || fail "none found and no apt-get to install one; install Chromium, or set CHROMIUM"
    say "installing Debian's package"
    {
        as_root apt-get update -q &&
            as_root apt-get install -q -y --no-install-recommends chromium fonts-noto-color-emoji fonts-dejavu-core
    } >&2 || fail "apt-get could not install the package chromium; install Chromium, or set CHROMIUM"
    program=$(find_chromium)
fi
[ -n "$program" ] || fail "the package was installed, but it brought no program"
echo "$program"
