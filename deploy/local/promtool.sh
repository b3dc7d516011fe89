#!/bin/sh
# Checks what Prometheus reads: its configuration, the alert rules, and by their tests that each alert fires when it
# should and only then.
#
#   promtool.sh FOLDER
#
# promtool is on PATH or in FOLDER, where it is put from Debian's package `prometheus` without installing that. What
# cannot be checked here is said and left out, never counted as checked.
set -eu

folder=${1:?usage: promtool.sh FOLDER}

fetch() {
    command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || return 1
    unpacked=$(mktemp -d)
    (cd "$unpacked" && apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb .) >/dev/null 2>&1 &&
        mkdir -p "$folder" && cp "$unpacked/usr/bin/promtool" "$folder/"
    found=$?
    rm -rf "$unpacked"
    return $found
}

if ! promtool=$(command -v promtool); then
    promtool=$folder/promtool
    if [ ! -x "$promtool" ] && ! fetch; then
        echo "promtool is not here and cannot be fetched: deploy/prometheus/ is NOT checked" >&2
        exit 0
    fi
fi
"$promtool" check config deploy/prometheus/prometheus.yaml
"$promtool" test rules deploy/prometheus/alerts.test.yaml
