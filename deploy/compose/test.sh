#!/bin/sh
# Starts docker-compose.yml from nothing, kills every container in turn while clients send and watch through the
# balancer, stops gateways and persisters in order, puts an older backup of the database back, and has the chaos judge
# look at what came of it all: nothing with a RECEIPT lost, nothing doubled or out of order, every subscriber complete
# across its reconnects.
#
#   test.sh CHAOS [compose's own arguments, like --env-file deploy/compose/cluster.env]
#
# SEED decides what the clients do, PORT and DATABASE_PORT where they connect on loopback. Exit code 0: clean.
set -eu

chaos=${1:?usage: test.sh CHAOS [compose arguments]}
shift
export PORT="${PORT:-18080}" DATABASE_PORT="${DATABASE_PORT:-15432}"
project=chat-events-test
compose() { docker compose --project-name "$project" "$@"; }

say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"; }

# Longest wait for a container to be well again, in seconds, and pause between two kills.
well_max=90
pause=5
# How much older the database becomes, in seconds: less than the quarter of an hour that commands are kept for.
backup_age=15

judge=
backup=$(mktemp)
finish() {
    code=$?
    rm -f "$backup"
    [ -z "$judge" ] || kill "$judge" 2>/dev/null || true
    [ "$code" -eq 0 ] || compose "$@" logs --tail 30 || true
    compose "$@" down --volumes --timeout 45 >/dev/null 2>&1 || true
    exit "$code"
}
trap 'finish "$@"' EXIT
trap 'exit 130' INT TERM

set -- "$@" -f docker-compose.yml -f deploy/compose/test.yaml
compose "$@" down --volumes >/dev/null 2>&1 || true
say 'building and starting'
begin=$(date +%s)
compose "$@" up --detach --build --wait
say "everything is well after $(($(date +%s) - begin)) s"
compose "$@" ps --format 'table {{.Name}}\t{{.Status}}'

"$chaos" --gateways "127.0.0.1:$PORT" --minutes 30 --data "${CHAOS_DATA:-.local/chaos-compose}" \
    --database-url "postgres://postgres:$(cat deploy/compose/secrets/database_superuser)@127.0.0.1:$DATABASE_PORT/chat" &
judge=$!
sleep "$pause"

# Waits until a container is well, or runs if nobody looks after its health.
well() {
    waited=0
    until
        state=$(docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1")
        [ "$state" = 'running healthy' ] || [ "$state" = 'running ' ]
    do
        waited=$((waited + 1))
        [ "$waited" -le "$well_max" ] || { say "$1 is still $state after $well_max s"; return 1; }
        sleep 1
    done
}

kills=0
for round in 1 2; do
    # Those that run for good; `migrate` has ended.
    for container in $(compose "$@" ps --services | grep -v '^migrate$' | while read -r service; do
        compose "$@" ps --quiet "$service" </dev/null
    done); do
        name=$(docker inspect --format '{{.Name}}' "$container" | cut -c2-)
        kill -0 "$judge" 2>/dev/null || { say 'the judge is gone'; wait "$judge"; }
        down=$(date +%s)
        docker kill "$container" >/dev/null
        # Killed by hand it stays down, as its restart policy has it. The second time a while later.
        [ "$round" = 1 ] || sleep "$pause"
        docker start "$container" >/dev/null
        well "$container"
        kills=$((kills + 1))
        say "killed $name, well again after $(($(date +%s) - down)) s"
        sleep "$pause"
    done
done

# In order: what a deploy does.
for service in gateway persister; do
    down=$(date +%s)
    for container in $(compose "$@" ps --quiet "$service"); do
        docker stop --time 45 "$container" >/dev/null
        code=$(docker inspect --format '{{.State.ExitCode}}' "$container")
        [ "$code" = 0 ] || { say "a $service stopped with $code"; exit 1; }
        docker start "$container" >/dev/null
        well "$container"
    done
    say "each $service stopped in order and started again, $(($(date +%s) - down)) s for all"
done

# What was answered since the backup is still in the streams, and has to come of them again as it was.
count() { compose "$@" exec -T postgres psql -U postgres -d chat -Atc 'SELECT count(*) FROM events'; }
begin=$(date +%s)
compose "$@" exec -T postgres pg_dump -U postgres -Fc chat >"$backup"
say "backup of $(wc -c <"$backup") octets taken, $(($(date +%s) - begin)) s"
sleep "$backup_age"
down=$(date +%s)
persisters=$(compose "$@" ps --quiet persister)
# shellcheck disable=SC2086 # One word for each container.
docker stop --time 45 $persisters >/dev/null
before=$(count "$@")
compose "$@" exec -T postgres dropdb -U postgres --force chat
compose "$@" exec -T postgres pg_restore -U postgres --create --dbname postgres <"$backup"
say "backup put back: $(count "$@") of $before events"
# shellcheck disable=SC2086
docker start $persisters >/dev/null
for container in $persisters $(compose "$@" ps --quiet gateway); do
    well "$container"
done
say "everything is well again, $(($(date +%s) - down)) s after the persisters were stopped"
sleep "$pause"

say "$kills containers killed; the judge:"
kill -TERM "$judge"
wait "$judge" && code=0 || code=$?
judge=
exit "$code"
