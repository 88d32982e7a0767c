# shellcheck shell=bash disable=SC2034,SC2154 # variables are also used and set by those who source it
# The servers that are measured: sourced by tests/bench/run, tests/bench/placements and
# tests/bench/growth, after measure.sh.
#
# All of a server's threads and processes share core 0; the load, and a Redis that is only asked by who
# is measured, have core 1. After a start_…, pid[NAME] is all of its processes and port[NAME] where it
# serves HTTP (redis: the Redis protocol); weir's other ports are port[NAME.resp] and port[NAME.admin].

weir=${WEIR_BINARY:-build/weir} floor=build/plain/floor
here=tests/bench
declare -A pid port
children=()

check_machine() {
    local need
    [ "$(uname)" = Linux ] || die "reads /proc and pins with taskset: Linux only"
    for need in wrk curl taskset redis-server redis-cli redis-benchmark; do
        command -v $need >/dev/null || die "$need is missing (make bench-deps)"
    done
    for need in "$weir" "$floor"; do
        [ -x "$need" ] || die "$need is missing: make bench builds it"
    done
    [ "$(nproc)" -ge 2 ] || die "needs two cores, one for the server and one for the load"
}

# make_scratch: sets `scratch`, a folder that goes, with all that was started, when the script ends
make_scratch() {
    scratch=$(mktemp -d)
    trap finish EXIT
}

stop_all() {
    local child
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    wait || true
    children=() pid=() port=()
    rm -rf "${scratch:?}"/*
}

finish() {
    stop_all
    rm -rf "$scratch"
}

# serve NAME CORE COMMAND...: starts one more process of a server, whose log is named after `process`
# where that is set
serve() {
    local file=$scratch/$1${process:+.$process}
    taskset -c "$2" "${@:3}" >"$file.out" 2>"$file.log" &
    pid[$1]+=" $!"
    children+=($!)
}

# Who cannot choose a free port is started on another one where the first is taken.
# serve_on_free_port NAME START: START gets the port; up when it takes connections
serve_on_free_port() {
    local name=$1
    until [ -n "${pid[$name]-}" ] && kill -0 "${pid[$name]}" 2>/dev/null; do
        port[$name]=$((20000 + RANDOM % 10000))
        pid[$name]=''
        "$2" "${port[$name]}"
        await takes_connections_or_is_gone "$name" >/dev/null
    done
}

takes_connections_or_is_gone() {
    kill -0 "${pid[$1]}" || { echo gone; return; }
    (exec 3<>"/dev/tcp/127.0.0.1/${port[$1]}") && echo up
}

# start_floor [SIZE]: answers with SIZE bytes (64)
start_floor() {
    serve floor 0 "$floor" 0 "${1:-64}"
    port[floor]=$(await cat "$scratch/floor.out")
}

redis_cli() { redis-cli -s "$scratch/redis.sock" "$@"; }

# start_redis CORE: with one value of 64 bytes at "bench"
start_redis() {
    redis_core=$1
    serve_on_free_port redis serve_redis
    redis_cli set bench "$(printf '0123456789abcdef%.0s' 1 2 3 4)" >/dev/null
}

serve_redis() {
    serve redis "$redis_core" redis-server --port "$1" --bind 127.0.0.1 --save '' --dir "$scratch" \
        --unixsocket "$scratch/redis.sock"
}

# fill_redis KEYS: values of 64 bytes at the decimals of ten digits from 0 on
fill_redis() {
    redis_cli eval "for i = 0, ARGV[1] - 1 do
        redis.call('SET', string.format('%010d', i), string.rep('0123456789abcdef', 4)) end" \
        0 "$1" >/dev/null
}

# start_weir NAME PLACEMENT [ARGUMENT...]: PLACEMENT is a topology of tests/topologies or of this
# folder, or a file; process-per-stage can also be over tcp (…-tcp) or over tcp with CURVE (…-curve).
start_weir() {
    local name=$1 placement=$2 topology=$scratch/$1.yml process names
    shift 2
    write_topology "$placement" "$topology"
    read -ra names < <(sed -n 's/^# processes: *//p' "$topology" | grep . || echo '')
    [ ${#names[@]} -gt 0 ] || names=('')
    # The values must stay cached for the whole benchmark.
    for process in "${names[@]}"; do
        serve "$name" 0 "$weir" --topology "$topology" ${process:+--process "$process"} --expiry 24h \
            --redis "redis://127.0.0.1:${port[redis]}/0" --http 127.0.0.1:0 --resp 127.0.0.1:0 \
            --admin 127.0.0.1:0 "$@"
    done
    process=${names[0]} # it has the front ends
    port[$name]=$(await listening "$name" http)
    port[$name.resp]=$(await listening "$name" resp)
    port[$name.admin]=$(await listening "$name" admin)
    await curl -fs -o /dev/null -w ready "http://127.0.0.1:${port[$name]}/bench" >/dev/null
}

# listening NAME STAGE: the port of the first one of `process` that says so
listening() {
    local found
    found=$(sed -n "s/.* $2[.0-9]* listening address=127\.0\.0\.1:\([0-9]*\).*/\1/p" "$scratch/$1${process:+.$process}.log")
    echo "${found%%$'\n'*}"
}

# write_topology PLACEMENT FILE: filled in; for tcp with its addresses changed, for CURVE with keys
# added
write_topology() {
    local first=$((20000 + RANDOM % 10000)) name file
    case $1 in
    process-per-stage-*)
        sed "s|ipc://@DIR@/cache|tcp://127.0.0.1:$first|; s|ipc://@DIR@/redis|tcp://127.0.0.1:$((first + 1))|" \
            tests/topologies/process-per-stage.yml >"$2"
        ;;
    *)
        file=tests/topologies/$1.yml
        [ -e "$file" ] || file=$here/$1.yml
        [ -e "$file" ] || file=$1
        sed "s|@DIR@|$scratch|" "$file" >"$2"
        ;;
    esac
    [ "$1" = process-per-stage-curve ] || return 0
    for name in edge store origin; do
        sed -i "s|^\( *$name: *{\)|\1key_file: $scratch/$name/secret.key, public_key: $(key $name), allow_file: $scratch/allowed, |" \
            "$2"
    done
}

# key NAME: makes a pair and prints the public key.
key() {
    "$weir" --make-keys "$scratch/$1" | tee -a "$scratch/allowed"
}

# has_peer NAME: whether the peer is on this machine; says so where it is not
has_peer() {
    case $1 in
    nginx) $here/has-nginx-lua ;;
    *) command -v "$1" ;;
    esac >/dev/null && return
    echo "  $1 is missing (make bench-deps): not compared"
    return 1
}

start_nginx() { serve_on_free_port nginx serve_nginx; }

serve_nginx() {
    sed "s|@PORT@|$1|; s|@REDIS_PORT@|${port[redis]}|" $here/peers/nginx.conf >"$scratch/nginx.conf"
    mkdir -p "$scratch/nginx"
    serve nginx 0 nginx -e stderr -p "$scratch/nginx" -c "$scratch/nginx.conf"
}

start_webdis() { serve_on_free_port webdis serve_webdis; }

serve_webdis() {
    sed "s|@PORT@|$1|; s|@REDIS_PORT@|${port[redis]}|; s|@DIR@|$scratch|" $here/peers/webdis.json \
        >"$scratch/webdis.json"
    serve webdis 0 webdis "$scratch/webdis.json"
}
