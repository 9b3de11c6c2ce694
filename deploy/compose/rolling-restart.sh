#!/usr/bin/env bash
# Replaces the workers one after another with those of the current image: as many new ones as there are old ones are started first,
# then the old ones are asked to finish what they hold. Usage: rolling-restart.sh [COMPOSE_FILE]
set -euo pipefail
file=${1:-$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/compose.yaml}
compose=(docker compose -f "$file")
mapfile -t old < <("${compose[@]}" ps -q worker)
[ ${#old[@]} -gt 0 ] || { echo "no worker is running" >&2; exit 69; }
"${compose[@]}" up -d --no-deps --no-recreate --scale "worker=$((2 * ${#old[@]}))" worker
for id in $("${compose[@]}" ps -q worker); do
    [[ " ${old[*]} " == *" $id "* ]] && continue
    for ((second = 0; ; second++)); do
        [ "$(docker inspect -f '{{.State.Health.Status}}' "$id")" = healthy ] && break
        [ $second -lt 120 ] || { echo "worker $id is not healthy; the old workers go on" >&2; exit 69; }
        sleep 1
    done
done
for id in "${old[@]}"; do
    docker stop -t 35 "$id" >/dev/null
    docker rm "$id" >/dev/null
    echo "worker ${id:0:12} is replaced"
done
