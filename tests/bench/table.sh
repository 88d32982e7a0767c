# shellcheck shell=bash disable=SC2016,SC2154 # backquotes are Markdown; variables are set by those who source it
# The table as Markdown and as a chart, of what is kept in $results. Sourced by tests/bench/run.

# write_table NAME: NAME.md and NAME.svg
write_table() {
    local row missing=() kept=() files
    for row in "${rows[@]}"; do
        files=("$results/$row".*.tsv)
        if [ -e "${files[0]}" ]; then kept+=("${files[@]}"); else missing+=("$row"); fi
    done
    [ ${#kept[@]} -gt 0 ] || die "nothing is measured yet"
    with_runs "${kept[@]}" >"$scratch/rows"
    {
        echo '# Beside what people would use instead'
        echo
        echo 'Written by `make bench`; how it measures is in `tests/bench/`, the peers are explained in'
        echo '`tests/bench/peers/`. A ratio is the median of the pairs, then the least and the most of them; the costs'
        echo 'beside it are medians too. *Met* compares the median.'
        echo 'An absolute time is of one run; only ratios can be compared with those of another.'
        echo
        echo "![the same as a chart: each row as a share of its aim]($(basename "$1").svg)"
        echo
        echo '| row | case | beside | unit | weir | the other | ratio | from, to | aim | met | run |'
        echo '|---|---|---|---|---|---|---|---|---|---|---|'
        markdown_rows "$scratch/rows"
        echo
        [ ${#missing[@]} = 0 ] || printf 'Not measured: %s.\n\n' "${missing[*]}"
        list_runs "${kept[@]}"
    } >"$1.md"
    awk -f "$here"/svg.awk -f "$here"/chart.awk "$scratch/rows" >"$1.svg"
}

# Fields: row, run, case, beside, unit, weir, the other, ratio, least, most, aim; "-" is none.
markdown_rows() {
    awk -F '\t' 'function number(text) { return text == "-" ? text : sprintf("%.2f", text) } {
        is_met = ($8 == "-" ? $6 : $8) <= $11 + 0
        printf "| %s | %s | %s | %s | %.2f | %s | %s | %s | %s | %s | %s |\n", $1, $3, $4, $5, $6, number($7),
            number($8), $9 == "-" ? $9 : number($9) ", " number($10), $11, is_met ? "yes" : "no", $2 }' "$1"
}
