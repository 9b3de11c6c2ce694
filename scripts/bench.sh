#!/usr/bin/env bash
# Builds in release mode, installs the peers that the chosen suites need, and measures all of them in one run.
# With OLIM_BIN it measures the programs in that directory instead of building them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

require_packages "${BUILD_PACKAGES[@]}" python3 python3-venv
export PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = guard ]; then
    shift
    [[ " $* " != *" --help "* ]] || exec python3 Benchmarks/guard.py --help
    build_testable SimulationTests
    run_guard "$@"
    exit
fi
if [ "${1:-}" = daily ]; then
    shift
    require_packages postgresql
    build_release olim-gateway olim-worker olim-simulator
    OLIM_BIN=$(release_directory)
    export OLIM_BIN
    exec python3 Benchmarks/daily.py "$@"
fi
[[ " $* " != *" --help "* ]] || exec python3 Benchmarks/bench.py --help
suites=" $(python3 Benchmarks/bench.py --needs "$@") "

# Whether one of these suites is to run.
needed() {
    local suite
    for suite in "$@"; do [[ $suites != *" $suite "* ]] || return 0; done
    return 1
}

if [ -z "${OLIM_BIN:-}" ]; then
    build_release olim-gateway olim-worker olim-simulator CountingWorker
    OLIM_BIN=$(release_directory)
fi
export OLIM_BIN
export OLIM_PEERS=$OLIM_ROOT/.build/bench-peers
mkdir -p "$OLIM_PEERS"

if needed socket memory; then
    python=$OLIM_PEERS/python
    if ! cmp -s Benchmarks/peers/requirements.txt "$python/requirements.txt"; then
        say "Installing the peers"
        rm -rf "$python"
        python3 -m venv "$python"
        "$python/bin/pip" install --quiet --disable-pip-version-check -r Benchmarks/peers/requirements.txt
        cp Benchmarks/peers/requirements.txt "$python/"
    fi
    export OLIM_PEERS_PYTHON=$python/bin/python
fi

if needed queue; then
    require_packages gcc libc6-dev redis-server libhiredis-dev nats-server libnats-dev
    build_peer redis_stream -lhiredis
    build_peer nats_jetstream -lnats
fi

if needed gateway; then
    require_packages gcc libc6-dev
    build_peer floor -lz -lzstd
fi

if needed growth; then build_counters; fi

if needed queue activity; then
    require_packages "${TEST_PACKAGES[@]}"
    # What is measured by itself is in executables, which only tests can link.
    build_testable GatewayProcessTests WorkerProcessTests
    OLIM_TESTS=$(testable_directory)/olimPackageTests.xctest
    export OLIM_TESTS
fi
exec python3 Benchmarks/bench.py "$@"
