#!/usr/bin/env bash
# Draws the pictures of the status page, of olimctl top and of the deployments: docs/pictures/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

if [ "${1:-}" = --help ]; then
    cat <<'TEXT'
usage: ./olim pictures

Runs the real programs against a simulated Discord for two minutes, with load, and draws with a headless browser what an operator
sees of them: docs/pictures/*.png. The deployments that deploy/coolify.md walks through are drawn, too: docs/pictures/*.svg.
TEXT
    exit 0
fi

require_packages "${BUILD_PACKAGES[@]}" python3 chromium-headless-shell fonts-dejavu-core
build_release olim-gateway olim-worker olimctl olim-simulator
OLIM_BIN=$(release_directory)
export OLIM_BIN PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$OLIM_ROOT/Tests/Browser
python3 scripts/pictures/deployments.py
exec python3 scripts/pictures/pictures.py
