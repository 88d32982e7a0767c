# shellcheck shell=bash disable=SC2034,SC2154 # variables are also used and set by those who source it
# The loads and probes (see measure.sh) of tests/bench/run and tests/bench/placements.

# Where a server has the value: PREFIX key SUFFIX.
prefix_of() { [ "$1" = webdis ] && echo /GET/ || echo /; }
suffix_of() { [ "$1" != webdis ] || echo .txt; }

# wrk_load NAME CONNECTIONS [ARGUMENT...]: asks for "bench", unless the arguments (of wrk) say otherwise
wrk_load() {
    local connections=$2 url
    url=http://127.0.0.1:${port[$1]}$(prefix_of "$1")${key:-bench}$(suffix_of "$1")
    taskset -c 1 wrk -t 1 -c "$connections" -d "${seconds}s" --latency "${@:3}" "$url" "${after_url[@]}" \
        >"$scratch/wrk"
    if grep -E 'Non-2xx|Socket errors' "$scratch/wrk" >&2; then die "wrk met errors at $1"; fi
    requests=$(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$scratch/wrk")
    [ "${requests:-0}" -gt 0 ] || die "$1 answered nothing"
}
after_url=()

# keys_load NAME CONNECTIONS KEYS: asks for KEYS keys in turn, and goes on where it ended
next_key=0
keys_load() {
    local after_url=(-- "$(prefix_of "$1")" "$(suffix_of "$1")" "$next_key" "$3")
    wrk_load "$1" "$2" -s "$here"/keys.lua
    next_key=$(((next_key + requests + 1000) % $3))
}

# redis_load NAME PIPELINE PER_SECOND: as many requests as are about PER_SECOND; it cannot be told a time
redis_load() {
    local at=${port[$1.resp]-${port[$1]}}
    requests=$(($3 * seconds))
    taskset -c 1 redis-benchmark -p "$at" -c 64 -P "$2" -n "$requests" -q get bench >"$scratch/load" 2>&1 ||
        die "redis-benchmark met an error at $1: $(tail -n 1 "$scratch/load")"
}

# median_latency NAME CONNECTIONS: microseconds
median_latency() {
    wrk_load "$1" "$2"
    cost=$(awk '$1 == "50%" { split($2, part, /[a-z]/); unit = $2; gsub(/[0-9.]/, "", unit)
        print part[1] * (unit == "us" ? 1 : unit == "ms" ? 1000 : 1000000) }' "$scratch/wrk")
}

# highest_rate NAME: requests a second over 64 connections, in `rate`
highest_rate() {
    taskset -c 1 h2load --h1 -t 1 -c 64 -D "$seconds" "http://127.0.0.1:${port[$1]}/bench" >"$scratch/h2load" 2>&1
    rate=$(sed -n 's/^finished in .*, \([0-9.]*\) req.*/\1/p' "$scratch/h2load")
}

# late_latency NAME PER_SECOND: the 99th percentile, in microseconds, at a fixed rate over 64
# connections
late_latency() {
    local each
    each=$(awk -v rate="$2" 'BEGIN { print rate / 64 }')
    rm -f "$scratch/requests"
    taskset -c 1 h2load --h1 -t 1 -c 64 -D "$seconds" --rps "$each" --log-file "$scratch/requests" \
        "http://127.0.0.1:${port[$1]}/bench" >"$scratch/h2load" 2>&1
    awk '$2 != 200 { exit 1 }' "$scratch/requests" || die "h2load met errors at $1"
    cost=$(cut -f 3 "$scratch/requests" | sort -n | awk '{ r[NR] = $1 } END { print r[int(NR * 0.99)] }')
}

# read_all PORT KEYS: one GET over the Redis protocol for each key of fill_redis, each answered with 64
# bytes
read_all() {
    local descriptor
    exec {descriptor}<>"/dev/tcp/127.0.0.1/$1"
    seq -f 'GET %010.0f' 0 $(($2 - 1)) |
        awk '{ printf "*2\r\n$3\r\nGET\r\n$10\r\n%s\r\n", $2 }' >&"$descriptor" &
    [ "$(head -c $(($2 * 71)) <&"$descriptor" | grep -c '^0123456789abcdef')" = "$2" ] ||
        die "not every key was answered"
    wait $!
    exec {descriptor}>&-
}
