# shellcheck shell=bash disable=SC2034,SC2154 # variables are also used and set by those who source it
# How a cached GET's cost grows, a curve for each thing that can grow: sourced by tests/bench/growth.
# What is not said otherwise: HTTP, 64 connections, 64-byte values, all stages in one reactor.

curves=(connections value-size keys shards skew)
growing='CPU per request, µs: median, least and most'

# describe TITLE X SCALE_X SCALE_Y: begins a curve
describe() {
    printf '# %s\t%s\n' title "$1" x "$2" y "$growing" scale "$3 $4" >"$curve_file"
    printf '\n%s\n%30s %-12s %10s %10s %10s %8s\n' "$1" "$2" series median least most hits
}

# point X LABEL CONNECTIONS KEYS SKEW NAME...: what a request costs each of the servers, in turn; the
# curve is of series[NAME], or else NAME. Beside it stands what share was answered from memory, where
# that was not all.
declare -A series=()
point() {
    local x=$1 label=$2 name round median least most hits
    local -A costs=() before=()
    for name in "${@:6}"; do
        start_load "$name" "$3" "$4" "$5"
        before[$name]=$(lookups "$name")
    done
    for ((round = 0; round < rounds; round++)); do
        for name in "${@:6}"; do
            cpu_per_request "$name" steady_load
            costs[$name]+="$cost "
        done
    done
    stop_loads
    for name in "${@:6}"; do
        read -r median least most < <(spread "${costs[$name]}")
        hits=$(hit_share "${before[$name]}" "$(lookups "$name")")
        printf '%30s %-12s %10.2f %10.2f %10.2f %8s\n' "$label" "${series[$name]-$name}" \
            "$median" "$least" "$most" "$hits"
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$x" "$label" "${series[$name]-$name}" \
            "$median" "$least" "$most" "$hits" >>"$curve_file"
    done
}

# lookups NAME: how many found their key in memory, and how many did not
lookups() {
    [ -n "${port[$1.admin]-}" ] || return 0
    curl -s "http://127.0.0.1:${port[$1.admin]}/metrics" | awk '
        /^weir_cache_hits_total/ { hits += $2 } /^weir_cache_misses_total/ { misses += $2 }
        END { print hits + 0, misses + 0 }'
}

hit_share() {
    awk -v before="$1" -v after="$2" 'BEGIN {
        split(before, b, " "); split(after, a, " "); hits = a[1] - b[1]; all = hits + a[2] - b[2]
        print (all == 0 || hits > 0.999 * all) ? "-" : sprintf("%.0f %%", 100 * hits / all) }'
}

# start_growing NAME SHARDS together|apart [ARGUMENT...]: a weir with so many shards, in one reactor or
# each in one of its own
start_growing() {
    local shards='' reactors='' i between=', '
    [ "$3" = together ] || between='], ['
    for ((i = 0; i < $2; i++)); do
        shards+="${shards:+, }inproc://cache-$i"
        reactors+="${reactors:+$between}cache$([ "$2" = 1 ] || echo ".$i")"
    done
    sed "s|@SHARDS@|$shards|; s|@REACTORS@|$reactors|" "$here"/growth.yml >"$scratch/growth-$1.yml"
    start_weir "$1" "$scratch/growth-$1.yml" "${@:4}"
}

curve_connections() {
    local count
    describe 'Cost by the number of connections' connections log linear
    start_redis 1
    fill_redis 1
    start_growing weir 1 together
    start_floor
    for count in 1 4 16 64 256 1000 4000 10000; do
        point $count $count $count 1 0 weir floor
    done
}

curve_value_size() {
    local size sizes=(16 64 256 1024 4096 16384 65536 262144 1048576 4194304 16777216)
    local labels=('16 B' '64 B' '256 B' '1 KiB' '4 KiB' '16 KiB' '64 KiB' '256 KiB' '1 MiB' '4 MiB' '16 MiB')
    describe 'Cost by the size of the value' 'size of the value' log log
    for size in "${!sizes[@]}"; do
        start_redis 1
        redis_cli eval "redis.call('SET', '0000000000', string.rep('v', ARGV[1]))" 0 "${sizes[$size]}" >/dev/null
        start_growing weir 1 together
        start_floor "${sizes[$size]}"
        point "${sizes[$size]}" "${labels[$size]}" 64 1 0 weir floor
        stop_all
    done
}

# Drawn with equal chances, so that the more there are the fewer are in the processor's caches.
curve_keys() {
    local keys held=0
    describe 'Cost by the number of keys, all of them held' keys log linear
    start_redis 1
    fill_redis 10000000
    start_growing weir 1 together
    for keys in 1000 10000 100000 1000000 10000000; do
        read_all "${port[weir.resp]}" $((keys - held)) "$held"
        held=$keys
        point $keys "10^$((${#keys} - 1))" 64 $keys 0 weir
    done
}

curve_shards() {
    local shards
    local -A series=([together]='one reactor' [apart]='a reactor each')
    describe 'Cost by the number of shards, 10,000 keys' shards linear linear
    for shards in 1 2 3 4 5 6 7 8; do
        start_redis 1
        fill_redis 10000
        start_growing together "$shards" together
        start_growing apart "$shards" apart
        read_all "${port[together.resp]}" 10000
        read_all "${port[apart.resp]}" 10000
        point "$shards" "$shards" 64 10000 0 together apart
        stop_all
    done
}

curve_skew() {
    local skew keys=1000000
    local -A series=([all]='all keys held' [tenth]='a tenth held')
    describe 'Cost by skew: a million keys, chosen by the law of Zipf' 'exponent (0: all are as likely)' linear linear
    start_redis 1
    fill_redis $keys
    start_growing all 1 together
    start_growing tenth 1 together --capacity $((keys / 10))
    read_all "${port[all.resp]}" $keys
    read_all "${port[tenth.resp]}" $((keys / 10))
    for skew in 0 0.2 0.4 0.6 0.8 1.0 1.2; do
        point "$skew" "$skew" 64 $keys "$skew" all tenth
    done
}
