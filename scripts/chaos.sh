#!/usr/bin/env bash
# Builds in release mode, and kills and disturbs the real processes under load; Tests/Chaos/chaos.py does the work.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

if [ "${1:-}" != --help ]; then
    require_packages "${BUILD_PACKAGES[@]}" postgresql python3
    say "Checking that the ledger sees every kind of fault"
    python3 -B -m unittest discover --quiet --start-directory Tests/Chaos
    build_release olim-gateway olim-worker olimctl olim-simulator
fi
OLIM_BIN=$(release_directory)
export OLIM_BIN
exec python3 -B Tests/Chaos/chaos.py "$@"
