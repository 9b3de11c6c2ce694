#!/usr/bin/env bash
# Draws what each answer of the bot looks like: docs/gallery.md.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

if [ "${1:-}" = --help ]; then
    cat <<'TEXT'
usage: ./olim gallery

Runs the real programs against a simulated Discord, has every command answered, and draws the answers with a headless
browser: docs/gallery.md and docs/gallery/*.png.
TEXT
    exit 0
fi

require_packages "${BUILD_PACKAGES[@]}" python3 python3-pil chromium fonts-dejavu-core fonts-noto-color-emoji
build_release olim-gateway olim-worker olim-simulator
OLIM_BIN=$(release_directory)
export OLIM_BIN PYTHONDONTWRITEBYTECODE=1
# Debian's own interpreter, which has its packages.
exec /usr/bin/python3 scripts/gallery/gallery.py
