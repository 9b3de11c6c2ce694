#!/bin/bash
# podman on a machine without systemd as its init: with runc and cgroupfs, limits that such a machine may set, and no timers
# for health checks. Where somebody asks for a container's health, what its HEALTHCHECK says is run.
set -euo pipefail
podman=(podman --runtime runc --cgroup-manager cgroupfs)
here=(--no-healthcheck --ulimit nofile=1024:1024 --ulimit nproc=1000:1000)

if [ "${1:-}" = inspect ] && [[ "$*" == *State.Health* ]]; then
    container=${*: -1}
    [ "$("${podman[@]}" inspect --format '{{.State.Status}}' "$container")" = running ] || { echo exited; exit; }
    # --no-healthcheck leaves none in the container; compose.verify.yaml says it once more.
    read -ra check <<<"$("${podman[@]}" inspect --format '{{index .Config.Labels "olim.health"}}' "$container")"
    if "${podman[@]}" exec "$container" "${check[@]}" >/dev/null 2>&1; then echo healthy; else echo starting; fi
    exit
fi
case ${1:-} in
    run | create)
        command=$1 arguments=()
        while [ $# -gt 1 ]; do
            shift
            case $1 in
                --health*=*) ;;
                --health*) shift ;;
                *) arguments+=("$1") ;;
            esac
        done
        exec "${podman[@]}" "$command" "${here[@]}" "${arguments[@]}"
        ;;
    *) exec "${podman[@]}" "$@" ;;
esac
