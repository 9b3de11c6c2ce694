#!/usr/bin/env bash
# Checks what is in deploy/ as far as a machine can: scripts, unit files, and these at work under a real systemd.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

if [ "${1:-}" = --help ]; then
    cat <<'TEXT'
usage: ./olim verify-deploy

Checks the scripts and unit files of deploy/, then boots a real systemd in a container, installs Olim there, and restarts,
freezes and uninstalls it under load. It needs root, and mounts; CI machines allow neither everywhere, so it is run by hand.
TEXT
    exit 0
fi

require_packages "${BUILD_PACKAGES[@]}" shellcheck systemd systemd-container python3
say "Scripts"
shellcheck -x olim .ci/run scripts/*.sh deploy/systemd/*.sh
say "How much each unit is exposed (at most 2.0)"
for unit in olim-gateway.service olim-worker@.service; do
    systemd-analyze security --offline=true --threshold=20 --no-pager "deploy/systemd/$unit" | tail -1
done
build_release olim-gateway olim-worker olimctl olim-simulator
OLIM_BIN=$(release_directory)
export OLIM_BIN PYTHONDONTWRITEBYTECODE=1
say "Under a real systemd"
as_root env OLIM_BIN="$OLIM_BIN" OLIM_ROOT="$OLIM_ROOT" PYTHONDONTWRITEBYTECODE=1 python3 Tests/Deploy/systemd.py
