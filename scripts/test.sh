#!/usr/bin/env bash
# Installs what is missing, checks the format, builds without warnings, runs every test.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

if [ "${1:-}" = --help ]; then
    cat <<'TEXT'
usage: ./olim test [ARGUMENT OF swift test ...]

Runs every test: units, the stores against a throw-away PostgreSQL cluster, the four real programs end to end, and, built in
release mode, more than a million steps of the simulation and a minute of chaos.
For one suite: ./olim test --filter KeyedQueue
TEXT
    exit 0
fi

require_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
require_swift

say "Checking the format"
swift format lint --strict --recursive Package.swift Sources Tests

say "Building (warnings are errors)"
swift build --build-tests

say "Testing"
# A crashed test must end: the backtracer of a crashed process can hang for minutes and hold the pipe open.
export SWIFT_BACKTRACE=enable=no
# The same in each run, so that a seed of a simulation is a whole run.
export SWIFT_DETERMINISTIC_HASHING=1
# Without a bound all tests run at once, with hundreds of processes and connections; deadlines then measure the crowd.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-4}
[ $# -eq 0 ] || exec swift test --skip-build "$@"

# Runs tests; suites that failed run once more by themselves, one test after the other, and that decides: a test whose
# deadline a crowded machine broke passes then, a real fault does not.
run_tests() {
    local log suites status=0
    log=$(mktemp)
    # Ten times what it takes: a test that hangs must not hold CI for ever.
    timeout --kill-after 10 1200 swift test --skip-build "$@" 2>&1 | tee "$log" || status=$?
    if [ "$status" -ne 0 ]; then
        suites=$(sed -nE 's/^.* Suite "?([A-Za-z0-9]+)"? failed after .*/\1/p' "$log" | sort -u | paste -sd '|')
        [ -n "$suites" ] || exit "$status"
        say "Failed: ${suites//|/, }. Once more by themselves"
        SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=1 swift test --skip-build --filter "($suites)"
    fi
    rm -f "$log"
}

# The seeded simulations and the fuzzer fill the processors, and would starve tests that wait for sockets and processes.
run_tests --filter 'Simulation|FuzzTests'
run_tests --skip 'Simulation|FuzzTests'

build_testable SimulationTests
say "Counting what an event costs"
python3 -B -m unittest discover --quiet --start-directory Tests/Benchmarks
# shellcheck disable=SC2119
run_guard

say "Simulating more than a million steps"
timeout --kill-after 10 600 swift test --skip-build "${TESTABLE[@]}" --filter SimulationTests.SimulationTests

say "Chaos: a minute with the real processes"
python3 -B -m unittest discover --quiet --start-directory Tests/Chaos
OLIM_BIN=$(testable_directory)
export OLIM_BIN
timeout --kill-after 10 900 python3 -B Tests/Chaos/chaos.py --minutes 1
