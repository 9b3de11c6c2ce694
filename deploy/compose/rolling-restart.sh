#!/usr/bin/env bash
# Replaces the workers of a running composition by those of the present image, the new ones first; with --gateway, the gateway.
#   COMPOSE_FILE=deploy/compose/compose.same-network.yaml deploy/compose/rolling-restart.sh
# COMPOSE is the command of another tool ("podman-compose"), CONTAINER_TOOL the one that stops containers ("podman").
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
export COMPOSE_FILE=${COMPOSE_FILE:-$PWD/compose.yaml}
read -ra compose <<<"${COMPOSE:-docker compose}"
tool=${CONTAINER_TOOL:-docker}
deadline=${ROLLING_DEADLINE:-120}

usage() { echo "usage: deploy/compose/rolling-restart.sh [--gateway]" >&2; exit 64; }
containers() { "$tool" ps -q --filter label=com.docker.compose.project=olim --filter "label=com.docker.compose.service=$1"; }
health() { "$tool" inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$1"; }

# Waits until the container's own health check passes.
wait_until_healthy() {
    local status
    for _ in $(seq "$deadline"); do
        status=$(health "$1")
        case $status in
            healthy) return ;;
            exited | dead) break ;;
        esac
        sleep 1
    done
    echo "$1 is $status, not healthy; nothing was stopped. Its log:" >&2
    "$tool" logs --tail 20 "$1" >&2
    exit 69
}

case ${1:-} in
    --gateway)
        "${compose[@]}" up -d --no-deps --force-recreate gateway
        gateway=$(containers gateway)
        wait_until_healthy "$gateway"
        echo "the gateway is new, and its sessions are resumed"
        ;;
    "")
        mapfile -t old < <(containers worker)
        [ ${#old[@]} -gt 0 ] || { echo "no worker is running" >&2; exit 69; }
        # Twice as many for a moment: what runs is left alone, what is added is of the present image.
        "${compose[@]}" up -d --no-deps --no-recreate --scale "worker=$((2 * ${#old[@]}))" worker
        mapfile -t all < <(containers worker)
        for worker in "${all[@]}"; do
            [[ " ${old[*]} " == *" $worker "* ]] || wait_until_healthy "$worker"
        done
        # SIGTERM: they finish what they hold. They are the older ones, which --scale would keep.
        "$tool" stop --time 35 "${old[@]}" >/dev/null
        "$tool" rm "${old[@]}" >/dev/null
        echo "${#old[@]} workers are new"
        ;;
    *) usage ;;
esac
