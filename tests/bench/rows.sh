# shellcheck shell=bash disable=SC2034,SC2154 # variables are also used and set by those who source it
# The rows of the table: what each starts, and what it compares. Sourced by tests/bench/run.

rows=(http-64 http-16-deep http-5000 threads two-reactors processes resp-1 resp-16 miss value-1mib
    latency latency-threads p99-half memory-entry memory-connection longest-turn)

# beside TITLE UNIT AIM NAME PROBE ARGUMENT...: compares weir with the server NAME
beside() {
    printf '\n%s, beside %s\n' "$1" "${label:-$4}"
    compare "$3" "$4" "${@:5}"
    printf '%s\t' "$1" "${label:-$4}" "$2" "$our_cost" "$other_cost" "$median" "$least" "$most" "$3" \
        >>"$scratch/row"
    echo >>"$scratch/row"
}

# alone TITLE UNIT AIM FOUND: a number that stands by itself
alone() {
    printf '\n%s: %s %s; aim: at most %s\n' "$1" "$4" "$2" "$3"
    printf '%s\t' "$1" - "$2" "$4" - - - - "$3" >>"$scratch/row"
    echo >>"$scratch/row"
}

cpu=cpu_per_request us='µs CPU'

row_http_64() {
    local title='HTTP, 64 connections'
    start_redis 1
    start_weir weir one-reactor
    start_floor
    beside "$title" "$us" 1.20 floor $cpu wrk_load 64
    has_peer nginx || return 0
    start_nginx
    beside "$title" "$us" 0.80 nginx $cpu wrk_load 64
}

row_http_16_deep() {
    local title='HTTP, 64 connections, 16 requests pipelined'
    start_redis 1
    start_weir weir one-reactor
    start_floor
    beside "$title" "$us" 1.60 floor $cpu wrk_load 64 -s "$here"/pipeline.lua
    has_peer nginx || return 0
    start_nginx
    beside "$title" "$us" 0.12 nginx $cpu wrk_load 64 -s "$here"/pipeline.lua
}

# wrk takes a while to connect them all.
row_http_5000() {
    local seconds=$((seconds + 3))
    start_redis 1
    start_weir weir one-reactor
    start_floor
    beside 'HTTP, 5,000 connections' "$us" 1.25 floor $cpu wrk_load 5000
}

row_threads() {
    start_redis 1
    start_weir weir thread-per-stage
    start_floor
    beside 'HTTP, a thread for each stage, 64 connections' "$us" 1.35 floor $cpu wrk_load 64
}

row_two_reactors() {
    local label='one reactor'
    start_redis 1
    fill_redis 1000
    start_weir weir two-reactors
    start_weir one one-reactor
    beside 'HTTP, two reactors, each a front end and a shard, 64 connections, 1,000 keys' "$us" 1.10 one \
        $cpu keys_load 64 1000
}

row_processes() {
    start_redis 1
    start_weir weir process-per-stage
    start_floor
    beside 'HTTP, a process for each stage over ipc, 64 connections' "$us" 1.60 floor $cpu wrk_load 64
}

row_resp_1() {
    start_redis 0
    start_weir weir one-reactor
    beside 'RESP GET, 64 clients' "$us" 0.85 redis $cpu redis_load 1 60000
}

row_resp_16() {
    start_redis 0
    start_weir weir one-reactor
    beside 'RESP GET, 64 clients, 16 commands pipelined' "$us" 1.00 redis $cpu redis_load 16 400000
}

# A million keys in turn, ten times what is held: each is a miss.
row_miss() {
    has_peer webdis || return 0
    start_redis 1
    fill_redis 1000000
    start_weir weir one-reactor
    start_webdis
    beside 'HTTP, miss, 64 connections' "$us" 0.60 webdis $cpu keys_load 64 1000000
}

row_value_1mib() {
    local key=large
    has_peer nginx || return 0
    start_redis 1
    redis_cli eval "redis.call('SET', 'large', string.rep('0123456789abcdef', 65536))" 0 >/dev/null
    start_weir weir one-reactor
    start_nginx
    beside 'HTTP, a value of 1 MiB, 64 connections' "$us" 1.00 nginx $cpu wrk_load 64
}

row_latency() {
    start_redis 1
    start_weir weir one-reactor
    start_floor
    beside 'Latency, median, one connection' µs 1.15 floor median_latency 1
}

row_latency_threads() {
    start_redis 1
    start_weir weir thread-per-stage
    start_floor
    beside 'Latency, median, one connection, a thread for each stage' µs 2.00 floor median_latency 1
}

# By load.c, which gets at nginx's highest rate and paces evenly. h2load costs more a request than
# either server: the highest rate it sees is its own, its clients ask in bursts, for its timer has ten
# milliseconds, and what a late answer holds up is not late to it. It has a line of its own.
row_p99_half() {
    local title="Latency, 99th percentile, at half of nginx's highest rate" rate
    has_peer nginx || return 0
    start_redis 1
    fill_redis 1
    start_weir weir one-reactor
    start_nginx
    start_load nginx 64 1 0
    start_load weir 64 1 0
    rate=$(($(highest_rate nginx) / 2))
    beside "$title" µs 1.00 nginx paced_latency "$rate"
    stop_loads
    has_peer h2load || return 0
    local label='nginx by h2load'
    rate=$(($(h2load_rate nginx) / 2))
    beside "$title" µs 1.00 nginx h2load_latency "$rate"
}

# How much `resident` grows; beside it what Redis itself takes for the same keys.
row_memory_entry() {
    local keys=1000000 before
    start_redis 1
    before=$(resident redis)
    fill_redis $keys
    echo "  redis-server itself: $((($(resident redis) - before) / keys - 74)) bytes above key and value"
    start_weir weir one-reactor --capacity $keys
    before=$(resident weir)
    read_all "${port[weir.resp]}" $keys
    alone 'Memory, an entry above its key (10 bytes) and value (64), of a million' bytes 40 \
        "$(awk -v grown=$(($(resident weir) - before)) -v keys=$keys 'BEGIN { printf "%.1f", grown / keys - 74 }')"
}

row_memory_connection() {
    local count=10000 before
    start_redis 1
    start_weir weir many-clients
    before=$(resident weir)
    serve idle 1 build/plain/idle "${port[weir]}" $count
    await cat "$scratch/idle.out" >/dev/null
    alone 'Memory, an idle connection that has asked once, of 10,000' bytes 2048 \
        $((($(resident weir) - before) / count))
}

# Of CPU time, as turns.c tells it, which costs each turn a few microseconds; weir's own gauge is of the
# clock, and so counts what a turn waits for the core. What comes before the first wait is the start.
row_longest_turn() {
    local keys=10000000
    start_redis 1
    fill_redis $keys
    LD_PRELOAD=$PWD/build/plain/turns.so start_weir weir large-table --capacity $keys
    read_all "${port[weir.resp]}" $keys
    alone 'Longest turn while the table grows to ten million entries' 'µs CPU' 5000 \
        "$(sed -n 's/^longest turn so far: \([0-9]*\) us$/\1/p' "$scratch/weir.log" | tail -n 1)"
}
