#!/bin/sh
# Builds the peers that no package brings into the folder given. What cannot be built is said, and reported as absent.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

if command -v go >/dev/null; then
    GOBIN=$folder go install github.com/centrifugal/centrifugo/v6@v6.9.1
else
    echo 'Go is missing: no Centrifugo' >&2
fi
if command -v mvn >/dev/null; then
    mvn --quiet --batch-mode --file "$here/spring/pom.xml" package
    cp "$here/spring/target/spring-peer.jar" "$folder/"
else
    echo 'Maven is missing: no Spring application' >&2
fi
