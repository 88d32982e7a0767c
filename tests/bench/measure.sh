# shellcheck shell=bash disable=SC2034,SC2154 # variables are also used and set by those who source it
# What a request costs several servers, measured in turn: sourced by tests/bench/run,
# tests/bench/placements and tests/bench/growth.
#
# A probe is a function that gets NAME ARGUMENT..., drives the server of that name for a while, checks
# that it answered well, and sets `cost`: what is compared. The commonest one is cpu_per_request, whose
# load sets `requests` to how many were answered. Time is the server's own, user and system, of all its
# threads and processes, from /proc.

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

# resident NAME: bytes of the server's processes that are in memory
resident() {
    local process
    for process in ${pid[$1]}; do
        sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$process/status"
    done | awk '{ sum += $1 } END { print sum * 1024 }'
}

# cpu_per_request NAME LOAD ARGUMENT...: microseconds of the server's CPU time
cpu_per_request() {
    local before after
    # shellcheck disable=SC2086 # a server may be several processes
    before=$(cpu ${pid[$1]})
    "$2" "$1" "${@:3}"
    # shellcheck disable=SC2086
    after=$(cpu ${pid[$1]})
    cost=$(awk -v used=$((after - before)) -v requests="$requests" 'BEGIN { printf "%.3f", used / requests }')
}

# compare AIM NAME PROBE ARGUMENT...: weir beside the server NAME, by the median of the ratios of all
# pairs, of which a first one, which warms both up, is not counted; an AIM of 0 is none. Prints a line
# for each pair, and sets `median`, `least` and `most`, and of the costs themselves the medians
# `our_cost` and `other_cost`.
compare() {
    local aim=$1 other=$2 pair theirs ratio ratios='' ours_all='' theirs_all=''
    shift 2
    printf '%8s %14s %14s %8s\n' pair "$other" weir ratio
    for pair in $(seq 0 "$pairs"); do
        "$1" "$other" "${@:2}"
        theirs=$cost
        "$1" weir "${@:2}"
        [ "$pair" -gt 0 ] || continue
        ratio=$(awk -v o="$cost" -v t="$theirs" 'BEGIN { print o / t }')
        ratios+="$ratio " ours_all+="$cost " theirs_all+="$theirs "
        printf '%8d %14.3f %14.3f %8.2f\n' "$pair" "$theirs" "$cost" "$ratio"
    done
    read -r median least most < <(spread "$ratios")
    read -r our_cost _ < <(spread "$ours_all")
    read -r other_cost _ < <(spread "$theirs_all")
    printf '  median %.2f, from %.2f to %.2f' "$median" "$least" "$most"
    [ "$aim" = 0 ] || printf '; aim: at most %.2f' "$aim"
    echo
}

# spread "NUMBER...": the median, the least and the most
spread() {
    tr ' ' '\n' <<<"$1" | grep . | sort -g | awk '{ r[NR] = $1 } END {
        print NR % 2 ? r[(NR + 1) / 2] : (r[NR / 2] + r[NR / 2 + 1]) / 2, r[1], r[NR] }'
}
