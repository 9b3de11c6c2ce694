#!/usr/bin/env bash
# Feeds the parsers with made-up input for as long as it is told; what ends one of them is kept in its corpus.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

seconds=30 parser='' seed=$RANDOM$RANDOM
while [ $# -gt 0 ]; do
    case $1 in
        --seconds | --parser | --seed)
            [ $# -ge 2 ] || { echo "olim fuzz: $1 needs a value" >&2; exit 64; }
            printf -v "${1#--}" '%s' "$2"
            shift 2
            ;;
        --help)
            cat <<'TEXT'
usage: ./olim fuzz [--seconds N] [--parser NAME] [--seed N]

Gives every parser of bytes from outside (each directory of Tests/FuzzTests/Corpus names one) N seconds of input made from its
corpus, 30 unless told. An input that crashes a parser is kept as Corpus/NAME/crash-SEED, and is a test from then on.
TEXT
            exit 0
            ;;
        *) echo "olim fuzz: there is no option \"$1\"; see --help" >&2; exit 64 ;;
    esac
done

require_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
require_swift
corpus=$OLIM_ROOT/Tests/FuzzTests/Corpus
if [ -n "$parser" ] && [ ! -d "$corpus/$parser" ]; then
    echo "olim fuzz: there is no parser \"$parser\", only: $(cd "$corpus" && echo *)" >&2
    exit 64
fi
say "Building"
swift build --build-tests
trail=$(mktemp -d)
trap 'rm -rf "$trail"' EXIT
say "Fuzzing with seed $seed"
status=0
OLIM_FUZZ_SECONDS=$seconds OLIM_FUZZ_PARSER=$parser OLIM_FUZZ_SEED=$seed OLIM_FUZZ_TRAIL=$trail SWIFT_BACKTRACE=enable=no \
    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(nproc) swift test --skip-build --filter FuzzTests || status=$?
# Only what was under way when the process ended has left its input.
for input in "$trail"/*; do
    [ -e "$input" ] || continue
    kept=$corpus/$(basename "$input")/crash-$seed
    cp "$input" "$kept"
    say "The last input of $(basename "$input") is kept as ${kept#"$OLIM_ROOT/"}"
done
exit "$status"
