# shellcheck shell=bash disable=SC2016,SC2154 # backquotes are Markdown; variables are set by those who source it
# What was found, kept in a small file for each thing measured, so that one can be measured anew and
# tables stay whole. Each begins with the run it is of: when, how, machine and versions, between tabs.
# Sourced by tests/bench/run, tests/bench/placements and tests/bench/growth.

# describe_run HOW: sets `run`, the line that what this run finds begins with
describe_run() {
    run=$(printf '%s\t%s\t%s\t%s' "$(date -u '+%F %H:%M UTC')" "$1" "$(machine)" \
        "$(versions | paste -s -d ',' | sed 's/,/, /g')")
}

machine() { echo "$(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"; }

# versions: of all that took part. Those of weir of the same version are told apart by a sum over what
# they were built from.
versions() {
    echo "$("$weir" --version) of sources $(cat common/*.[ch] stages/*.[ch] stages/*/*.[ch] | cksum | cut -d ' ' -f 1)"
    echo "kernel $(uname -r)"
    redis-server --version | sed 's/.*v=\([0-9.]*\).*/redis \1/'
    wrk --version 2>&1 | sed -n 's/^wrk \([^ ]*\).*/wrk \1/p'
    { nginx -v 2>&1 || true; } | sed -n 's|.*nginx/|nginx |p'
    { h2load --version 2>&1 || true; } | sed -n 's|^h2load nghttp2/|h2load |p'
    dpkg-query -W -f '${Package} ${Version}\n' webdis libnginx-mod-http-lua lua-resty-lrucache 2>/dev/null || true
}

# keep FILE: what is on stdin, as found by this run
keep() {
    mkdir -p "$(dirname "$1")"
    { echo "$run"; cat; } >"$1"
}

# number_runs FILE...: the runs that the kept files are of, without repetition, by their time
number_runs() {
    awk 'FNR == 1' "$@" /dev/null | sort -u
}

# list_runs FILE...: the same as Markdown
list_runs() {
    echo 'Runs:'
    echo
    number_runs "$@" | awk -F '\t' '{ printf "%d. %s, %s; %s; %s.\n", NR, $1, $2, $3, $4 }'
}

# with_runs FILE...: the lines of the kept files, each behind its file's name, up to the first dot, and
# its run's number
with_runs() {
    number_runs "$@" | awk -v OFS='\t' '
        FILENAME == "-" { number[$0] = FNR; next }
        FNR == 1 { run = number[$0]; name = FILENAME; sub(/.*\//, "", name); sub(/\..*/, "", name); next }
        { print name, run, $0 }' - "$@"
}
