#!/usr/bin/env bash
# Restarts the workers one after another; each is ready before the next one goes, so that no event waits for a program to start.
set -euo pipefail
mapfile -t workers < <(systemctl list-units --plain --no-legend --state=active 'olim-worker@*.service' | cut -d' ' -f1)
[ ${#workers[@]} -gt 0 ] || { echo "no worker is running" >&2; exit 69; }
for worker in "${workers[@]}"; do
    # Type=notify: this returns when the new one is welcome at the gateway.
    systemctl restart "$worker"
    echo "$worker is new"
done
