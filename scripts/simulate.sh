#!/usr/bin/env bash
# Builds the simulation and runs it: one seed, or one after another, until a promise breaks.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

usage() {
    cat <<'TEXT'
usage: ./olim simulate [--seed N] [--seeds N] [--steps N] [--durability MODE] [--trace N]

Runs the real decisions of gateway and worker against a model of Discord, with faults, and checks the promises after
every step. A seed is a whole run: the same seed fails in the same step.

  --seed N           the first seed (at random)
  --seeds N          so many seeds, one after another (1)
  --steps N          so many steps of each (1,000,000)
  --durability MODE  memory, journal or fsync (one after another)
  --trace N          events shown before a failure (60)
TEXT
}

export OLIM_SIMULATION_STEPS=1000000
while [ $# -gt 0 ]; do
    case $1 in
        --help) usage; exit 0 ;;
        --seed | --seeds | --steps | --durability | --trace)
            if [ $# -lt 2 ]; then
                usage >&2
                exit 64
            fi
            name=${1#--}
            export "OLIM_SIMULATION_${name^^}=$2"
            shift 2
            ;;
        *) usage >&2; exit 64 ;;
    esac
done

build_testable SimulationTests
# Hashing that is the same in each run, so that a seed is a whole run.
SWIFT_BACKTRACE=enable=no SWIFT_DETERMINISTIC_HASHING=1 \
    swift test --skip-build "${TESTABLE[@]}" --filter SimulateCommand
