# The table as a chart: awk -f svg.awk -f chart.awk ROWS, whose fields are in table.sh. Each row is drawn
# as a share of its aim, with its spread, so that all have one scale: left of the line the aim is met.

BEGIN {
    FS = "\t"
    left = 250; right = 650; top = 64; step = 26 # pixels
    most_share = 2                               # what is beyond is drawn at the edge
}

{
    value = $8 == "-" ? $6 : $8
    name[NR] = $4 == "-" ? $1 : $1 " beside " $4
    share[NR] = value / $11
    least[NR] = ($9 == "-" ? value : $9) / $11
    most[NR] = ($10 == "-" ? value : $10) / $11
    figures[NR] = $8 == "-" ? sprintf("%.0f of %s %s", value, $11, $5) : sprintf("%.2f of %s", value, $11)
}

function x_of(share) {
    return left + (share < most_share ? share : most_share) / most_share * (right - left)
}

function draw_row(row, y,    class) {
    svg_text(left - 12, y + 4, "end", name[row])
    class = share[row] <= 1 ? "first" : "second"
    svg_line(x_of(least[row]), y, x_of(most[row]), y, class)
    svg_dot(x_of(share[row]), y, share[row] <= 1 ? class : class " hollow")
    svg_text(right + 12, y + 4, "", figures[row])
}

END {
    bottom = top + NR * step
    svg_begin(800, bottom + 40, "weir beside what people would use instead, as shares of the aims")
    svg_text(12, 24, "title", "Median and spread of each row, as a share of its aim")
    svg_text(12, 44, "faint", "Left of the line, filled: met. Hollow: not met. At the right the ratio, or the number, and its aim.")
    for (share_of_aim = 0; share_of_aim <= most_share; share_of_aim += 0.5) {
        svg_line(x_of(share_of_aim), top - 8, x_of(share_of_aim), bottom, share_of_aim == 1 ? "aim" : "grid")
        svg_text(x_of(share_of_aim), bottom + 18, "faint middle",
            share_of_aim == 1 ? "the aim" : sprintf("%g", share_of_aim))
    }
    for (row = 1; row <= NR; row++)
        draw_row(row, top + (row - 0.5) * step)
    svg_end()
}
