#!/usr/bin/env bash
# Installs what is missing, checks the format, builds without warnings, runs every test.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

if [ "${1:-}" = --help ]; then
    cat <<'TEXT'
usage: ./olim test [ARGUMENT OF swift test ...]

Runs every test: units, the stores against a throw-away PostgreSQL cluster, and the four real programs end to end.
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
# Without a bound all tests run at once, with hundreds of processes and connections; deadlines then measure the crowd.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-6}
exec swift test --skip-build "$@"
