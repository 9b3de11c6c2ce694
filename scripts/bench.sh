#!/usr/bin/env bash
# Builds in release mode, installs the peers that the chosen suites need, and measures all of them in one run.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

require_packages "${BUILD_PACKAGES[@]}" python3 python3-venv
if [ "${1:-}" = daily ]; then
    shift
    require_packages postgresql
    build_release olim-gateway olim-worker olim-simulator
    OLIM_BIN=$(release_directory)
    export OLIM_BIN PYTHONDONTWRITEBYTECODE=1
    exec python3 Benchmarks/daily.py "$@"
fi
[[ " $* " != *" --help "* ]] || exec python3 -B Benchmarks/bench.py --help
suites=$(python3 -B Benchmarks/bench.py --needs "$@")
build_release olim-gateway olim-simulator CountingWorker
OLIM_BIN=$(release_directory)
export OLIM_BIN PYTHONDONTWRITEBYTECODE=1

if [[ $suites == *socket* ]]; then
    peers=$OLIM_ROOT/.build/bench-peers
    if ! cmp -s Benchmarks/peers/requirements.txt "$peers/requirements.txt"; then
        say "Installing the peers"
        rm -rf "$peers"
        python3 -m venv "$peers"
        "$peers/bin/pip" install --quiet --disable-pip-version-check -r Benchmarks/peers/requirements.txt
        cp Benchmarks/peers/requirements.txt "$peers/"
    fi
    export OLIM_PEERS_PYTHON=$peers/bin/python
fi

if [[ $suites == *queue* ]]; then
    require_packages gcc libc6-dev redis-server libhiredis-dev nats-server libnats-dev
    export OLIM_PEERS=$OLIM_ROOT/.build/bench-queues
    mkdir -p "$OLIM_PEERS"
    cc -O2 -Wall -Wextra -Werror -o "$OLIM_PEERS/redis_stream" Benchmarks/peers/redis_stream.c -lhiredis
    cc -O2 -Wall -Wextra -Werror -o "$OLIM_PEERS/nats_jetstream" Benchmarks/peers/nats_jetstream.c -lnats
fi

if [[ $suites == *queue* || $suites == *activity* ]]; then
    require_packages "${TEST_PACKAGES[@]}"
    # What is measured by itself is in executables, which only tests can link.
    build_testable
    OLIM_TESTS=$(swift build "${TESTABLE[@]}" --show-bin-path)/olimPackageTests.xctest
    export OLIM_TESTS
fi
exec python3 Benchmarks/bench.py "$@"
