#!/usr/bin/env bash
# Formats all Swift files in place with the toolchain's formatter.
set -euo pipefail
exec swift format --in-place --recursive Package.swift Sources Tests
