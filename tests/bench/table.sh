# shellcheck shell=bash disable=SC2016,SC2154 # backquotes are Markdown; variables are set by those who source it
# The table as Markdown, of what build/bench/ holds. Sourced by tests/bench/run.

# versions: of all that took part
versions() {
    echo "kernel $(uname -r)"
    redis-server --version | sed 's/.*v=\([0-9.]*\).*/redis \1/'
    wrk --version 2>&1 | sed -n 's/^wrk \([^ ]*\).*/wrk \1/p'
    { nginx -v 2>&1 || true; } | sed -n 's|.*nginx/|nginx |p'
    { h2load --version 2>&1 || true; } | sed -n 's|^h2load nghttp2/|h2load |p'
    dpkg-query -W -f '${Package} ${Version}\n' webdis libnginx-mod-http-lua lua-resty-lrucache 2>/dev/null || true
}

# write_table FILE
write_table() {
    local row missing=()
    for row in "${rows[@]}"; do
        [ -s "$results/$row" ] || missing+=("$row")
    done
    mkdir -p "$(dirname "$1")"
    {
        echo '# Beside what people would use instead'
        echo
        echo 'Written by `make bench`; how it measures is in `tests/bench/`, the peers are explained in'
        echo '`tests/bench/peers/`. A ratio is the median of the pairs, then the least and the most of them; the costs'
        echo 'beside it are medians too. *Met* compares the median.'
        echo 'An absolute time is of one run; only ratios can be compared with those of another.'
        echo
        [ ${#missing[@]} = 0 ] || echo "Not measured yet: ${missing[*]}."
        echo "Machine: $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)."
        echo "Versions: $(versions | paste -s -d ',' | sed 's/,/, /g')."
        echo
        echo '| row | case | beside | unit | weir | the other | ratio | from, to | aim | met |'
        echo '|---|---|---|---|---|---|---|---|---|---|'
        for row in "${rows[@]}"; do
            [ ! -s "$results/$row" ] || awk -F '\t' -v row="$row" '{
                is_met = ($6 == "-" ? $4 : $6) <= $9 + 0
                range = $7 == "-" ? "-" : sprintf("%.2f, %.2f", $7, $8)
                ratio = $6 == "-" ? "-" : sprintf("%.2f", $6)
                other = $5 == "-" ? "-" : sprintf("%.2f", $5)
                printf "| %s | %s | %s | %s | %.2f | %s | %s | %s | %s | %s |\n", row, $1, $2, $3, $4, other,
                    ratio, range, $9, is_met ? "yes" : "no" }' "$results/$row"
        done
    } >"$1"
}
