# shellcheck shell=bash disable=SC2154 # variables are also set by those who source it
# What a request costs two servers, measured in turn: sourced by tests/bench/run and
# tests/bench/placements.
#
# A load is a function that gets PORT ARGUMENT..., drives the server there for a while, checks that it
# answered well, and sets `requests` to how many it answered. Time is the server's own, user and
# system, of all its threads and processes, from /proc.

die() { echo "bench: $*" >&2; exit 1; }

# await COMMAND...: until the command prints something, which it then prints
await() {
    local found
    for _ in $(seq 500); do
        found=$("$@" 2>/dev/null) && [ -n "$found" ] && { echo "$found"; return; }
        sleep 0.02
    done
    die "nothing came of: $*"
}

# cpu PID...: microseconds of CPU time that the processes have used
tick=$((1000000 / $(getconf CLK_TCK)))
cpu() {
    local process stat fields sum=0
    for process in "$@"; do
        stat=$(<"/proc/$process/stat")
        read -ra fields <<<"${stat##*) }" # behind the name, which may hold anything
        sum=$((sum + (fields[11] + fields[12]) * tick))
    done
    echo $sum
}

# measure NAME LOAD ARGUMENT...: sets `cost` to microseconds of the server's CPU time per request
measure() {
    local before after
    # shellcheck disable=SC2086 # a server may be several processes
    before=$(cpu ${pid[$1]})
    "$2" "${port[$1]}" "${@:3}"
    # shellcheck disable=SC2086
    after=$(cpu ${pid[$1]})
    cost=$(awk -v used=$((after - before)) -v requests="$requests" 'BEGIN { printf "%.3f", used / requests }')
}

# compare TITLE AIM NAME LOAD ARGUMENT...: weir beside the server NAME, by the median of the ratios of
# all pairs; an AIM of 0 is none
compare() {
    local title=$1 aim=$2 other=$3 ours theirs pair ratios=()
    shift 3
    printf '\n%s\n%8s %14s %14s %8s\n' "$title" pair "$other µs/req" 'weir µs/req' ratio
    for pair in $(seq "$pairs"); do
        measure "$other" "$@"
        theirs=$cost
        measure weir "$@"
        ours=$cost
        ratios+=("$(awk -v o="$ours" -v t="$theirs" 'BEGIN { print o / t }')")
        printf '%8d %14.3f %14.3f %8.2f\n' "$pair" "$theirs" "$ours" "${ratios[-1]}"
    done
    printf '%s\n' "${ratios[@]}" | sort -n | awk -v aim="$aim" '{ r[NR] = $1 } END {
        median = NR % 2 ? r[(NR + 1) / 2] : (r[NR / 2] + r[NR / 2 + 1]) / 2
        printf "  median %.2f, from %.2f to %.2f", median, r[1], r[NR]
        printf aim ? "; aim: at most %.2f\n" : "\n", aim }'
}
