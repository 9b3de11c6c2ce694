#!/usr/bin/env bash
# Builds in release mode, installs the peers into a virtual environment, and measures all of them in one run.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

require_packages "${BUILD_PACKAGES[@]}" python3 python3-venv
build_release olim-gateway olim-simulator CountingWorker

peers=$OLIM_ROOT/.build/bench-peers
if ! cmp -s Benchmarks/peers/requirements.txt "$peers/requirements.txt"; then
    say "Installing the peers"
    rm -rf "$peers"
    python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet --disable-pip-version-check -r Benchmarks/peers/requirements.txt
    cp Benchmarks/peers/requirements.txt "$peers/"
fi
OLIM_BIN=$(release_directory)
export OLIM_BIN OLIM_PEERS_PYTHON=$peers/bin/python
exec python3 Benchmarks/bench.py "$@"
