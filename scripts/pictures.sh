#!/usr/bin/env bash
# Draws the pictures of the status page and of olimctl top: docs/pictures/*.png.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

if [ "${1:-}" = --help ]; then
    cat <<'TEXT'
usage: ./olim pictures

Runs the real programs against a simulated Discord for two minutes, with load, and draws with a headless browser what an operator
sees of them: docs/pictures/*.png.
TEXT
    exit 0
fi

require_packages "${BUILD_PACKAGES[@]}" python3 chromium-headless-shell fonts-dejavu-core
build_release olim-gateway olim-worker olimctl olim-simulator
OLIM_BIN=$(release_directory)
export OLIM_BIN PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$OLIM_ROOT/Tests/Browser
exec python3 scripts/pictures/pictures.py
