#!/usr/bin/env bash
# Installs what is missing, builds, and runs the gateway and its workers until Ctrl-C.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

workers=2
seconds=0
while [ $# -gt 0 ]; do
    case $1 in
        --workers) workers=${2:?"--workers needs a number"}; shift 2 ;;
        --for) seconds=${2:?"--for needs a number of seconds"}; shift 2 ;;
        --help)
            cat <<'TEXT'
usage: ./olim up [--workers N] [--for SECONDS]

Runs one gateway and N workers (2) with SQLite until Ctrl-C, or for that many seconds. With DISCORD_TOKEN set, or in .env, they talk
to Discord; without it a simulator with a small made-up community is started too.
TEXT
            exit 0
            ;;
        *) printf 'olim up: unknown option "%s"\n' "$1" >&2; exit 64 ;;
    esac
done

has_token() {
    [ -n "${DISCORD_TOKEN:-}${DISCORD_TOKEN_FILE:-}" ] && return
    [ -f .env ] && grep -qE '^[[:space:]]*(export[[:space:]]+)?DISCORD_TOKEN(_FILE)?=.' .env
}

products=(olim-gateway olim-worker olimctl)
has_token || products+=(olim-simulator)
build_release "${products[@]}"
bin=$(release_directory)

# --- Supervision: what systemd or Docker does in earnest, in a few lines -------------------------------------------

declare -A name_of=()   # process id -> name
declare -A command_of=() # name -> the command line that starts it

# Every line of a program goes to the terminal behind the program's name.
label() {
    local name=$1 colour=$2
    stdbuf -oL sed -u "s/^/$(printf '\033[%sm%-9s\033[0m │ ' "$colour" "$name")/"
}

# start NAME COLOUR COMMAND...: in a session of its own, so that Ctrl-C reaches this script alone and the order of stopping is ours.
start() {
    local name=$1 colour=$2
    shift 2
    command_of[$name]="$colour $(printf '%q ' "$@")"
    setsid "$@" > >(label "$name" "$colour") 2>&1 &
    name_of[$!]=$name
}

stop() {
    local name pid deadline
    trap '' INT TERM
    echo
    # Workers finish what they hold while the gateway still takes their acknowledgements; Discord goes last.
    for name in timer tail worker gateway simulator; do
        for pid in "${!name_of[@]}"; do
            if [[ ${name_of[$pid]} == "$name"* ]]; then kill -TERM "$pid" 2>/dev/null || true; fi
        done
        deadline=$((SECONDS + 30))
        for pid in "${!name_of[@]}"; do
            [[ ${name_of[$pid]} == "$name"* ]] || continue
            while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
            kill -KILL "$pid" 2>/dev/null || true
        done
    done
    say "Stopped."
}
trap 'exit 0' INT TERM
trap stop EXIT

await() {
    local what=$1 deadline=$((SECONDS + 30))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || fail "$what did not come up within 30 s; its lines above say why"
        sleep 0.05
    done
}

# --- The processes ---------------------------------------------------------------------------------------------

export LOG_FORMAT=${LOG_FORMAT:-text}
if has_token; then
    say "Talking to Discord. Ctrl-C ends it."
else
    say "No DISCORD_TOKEN: a simulated Discord with a small made-up community. Ctrl-C ends it."
    export STATE_DIRECTORY=$OLIM_ROOT/state/simulated QUEUE_SOCKET=$OLIM_ROOT/run/simulated/queue.sock
    mkdir -p "$STATE_DIRECTORY" "${QUEUE_SOCKET%/*}"
    port_file=${QUEUE_SOCKET%/*}/simulator.port
    rm -f "$port_file"
    export DISCORD_TOKEN=simulated-token
    start simulator 35 "$bin/olim-simulator" --port 0 --port-file "$port_file" --scenario community
    await "the simulator" test -s "$port_file"
    DISCORD_API_URL=http://127.0.0.1:$(cat "$port_file")/api/v10
    export DISCORD_API_URL
fi

start gateway 36 "$bin/olim-gateway"
for ((number = 1; number <= workers; number++)); do
    start "worker-$number" 32 env WORKER_NAME="worker-$number" "$bin/olim-worker"
done
await "the gateway" "$bin/olimctl" status
start tail 90 "$bin/olimctl" tail

if [ "$seconds" -gt 0 ]; then
    sleep "$seconds" &
    name_of[$!]=timer
fi

# Restarts what dies, as the unit files do: on everything but 64, 77 and 78 (docs/operations.md, Exit codes).
while :; do
    status=0
    wait -n -p pid "${!name_of[@]}" || status=$?
    name=${name_of[$pid]}
    unset "name_of[$pid]"
    case $name:$status in
        timer:*) exit 0 ;;
        *:64 | *:77 | *:78) fail "$name ended with $status, which a restart does not mend; its last line says why" ;;
    esac
    say "$name ended with $status and is started again"
    sleep 1
    eval "start $name ${command_of[$name]}"
done
