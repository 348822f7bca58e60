#!/usr/bin/env bash
# Runs the simulator of the pure cores over many seeds, with optimisations.
#
#   deploy/simular.sh [CUÁNTAS [PRIMERA]]      100000 seeds from 1 unless told otherwise
#   deploy/simular.sh 1 SEMILLA                one seed; a failing one prints the end of its run
#
# Stops at the first seed that breaks a promise (exit 101) and says how to see it again.
# BIBLIOTECA_RASTRO sets how many lines of its run are printed (120).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export BIBLIOTECA_SEMILLAS="${1:-100000}" BIBLIOTECA_SEMILLA="${2:-1}"
exec cargo test --locked --profile largas --test simulador -- --nocapture --exact \
    every_promise_holds_under_every_schedule
