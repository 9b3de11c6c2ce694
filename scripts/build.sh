#!/usr/bin/env bash
# Builds the four programs in release mode and says where they are.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

build_release olim-gateway olim-worker olimctl olim-simulator
say "Built in $(release_directory)"
