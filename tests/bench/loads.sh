# shellcheck shell=bash disable=SC2034,SC2154 # variables are also used and set by those who source it
# The loads and probes (see measure.sh) of tests/bench/run, tests/bench/placements and
# tests/bench/growth.

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

# read_all PORT KEYS [FIRST]: one GET over the Redis protocol for each of so many keys of fill_redis, each
# answered with 64 bytes
read_all() {
    local descriptor first=${3:-0}
    exec {descriptor}<>"/dev/tcp/127.0.0.1/$1"
    seq -f 'GET %010.0f' "$first" $((first + $2 - 1)) |
        awk '{ printf "*2\r\n$3\r\nGET\r\n$10\r\n%s\r\n", $2 }' >&"$descriptor" &
    [ "$(head -c $(($2 * 71)) <&"$descriptor" | grep -c '^0123456789abcdef')" = "$2" ] ||
        die "not every key was answered"
    wait $!
    exec {descriptor}>&-
}

# start_load NAME CONNECTIONS KEYS SKEW: load.c (see there), its connections to the server NAME open and
# warm; steady_load drives it
declare -A to=() from=()
loads=()
start_load() {
    local in out seconds=0.3
    mkfifo "$scratch/$1.to" "$scratch/$1.from"
    exec {in}<>"$scratch/$1.to" {out}<>"$scratch/$1.from"
    to[$1]=$in from[$1]=$out
    taskset -c 1 build/plain/load "${port[$1]}" "${@:2}" <&"$in" >&"$out" 2>"$scratch/$1.load.log" &
    loads+=($!) children+=($!)
    hear "$1" >/dev/null
    steady_load "$1"
}

# steady_load NAME
steady_load() {
    echo "$seconds" >&"${to[$1]}"
    requests=$(hear "$1")
}

# highest_rate NAME: requests a second that its load gets answered, the best of three
highest_rate() {
    local time best=0
    for time in 1 2 3; do
        steady_load "$1"
        [ "$requests" -le "$best" ] || best=$requests
    done
    echo $((best / seconds))
}

# paced_latency NAME RATE: the 99th percentile, in microseconds, at so many requests a second
paced_latency() {
    local answers
    echo "$seconds $2" >&"${to[$1]}"
    read -r answers cost < <(hear "$1")
    [ "$answers" -ge $(($2 * seconds - 1)) ] || die "$1 was asked only $answers times"
}

# h2load_rate NAME: requests a second that h2load gets answered over 64 connections
h2load_rate() {
    taskset -c 1 h2load --h1 -t 1 -c 64 -D "$seconds" "http://127.0.0.1:${port[$1]}/bench" >"$scratch/h2load" 2>&1
    sed -n 's/^finished in .*, \([0-9]*\)[.0-9]* req.*/\1/p' "$scratch/h2load"
}

# h2load_latency NAME RATE: the 99th percentile, in microseconds, at so many requests a second
h2load_latency() {
    rm -f "$scratch/requests"
    taskset -c 1 h2load --h1 -t 1 -c 64 -D "$seconds" --rps "$(awk -v rate="$2" 'BEGIN { print rate / 64 }')" \
        --log-file "$scratch/requests" "http://127.0.0.1:${port[$1]}/bench" >"$scratch/h2load" 2>&1
    awk '$2 != 200 { exit 1 }' "$scratch/requests" || die "h2load met errors at $1"
    cost=$(cut -f 3 "$scratch/requests" | sort -n | awk '{ r[NR] = $1 } END { print r[int(NR * 0.99)] }')
}

# hear NAME: what its load says next
hear() {
    local said
    read -r -t 60 -u "${from[$1]}" said || die "the load of $1 failed: $(<"$scratch/$1.load.log")"
    echo "$said"
}

stop_loads() {
    local name load in out
    for load in "${loads[@]}"; do
        kill "$load"
        wait "$load" || true
    done
    children=("${children[@]:0:${#children[@]}-${#loads[@]}}") # they were started last
    for name in "${!to[@]}"; do
        in=${to[$name]} out=${from[$name]}
        exec {in}>&- {out}>&-
        rm "$scratch/$name.to" "$scratch/$name.from"
    done
    to=() from=() loads=()
}
