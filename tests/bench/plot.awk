# How a cost grows, as a plot: awk -f svg.awk -f plot.awk CURVE.tsv. Lines that begin with "#" say what it
# is of: title, x, y, and scale, which is "log" or "linear" for x and then for y. Then, between tabs: x,
# its label, series, median, least, most, and a note that is drawn at the point, or "-". The first line,
# which is of the run, is shown below.

BEGIN {
    FS = "\t"
    left = 80; right = 740; top = 90; bottom = 380 # pixels
}

NR == 1 { run = $1 ", " $2 "; " $3; next }

/^# / { name = $1; sub(/^# /, "", name); about[name] = $2; next }

{
    if (!($3 in class_of)) {
        series[++series_count] = $3
        class_of[$3] = $3 == "floor" ? "third" : series_count == 1 ? "first" : "second"
    }
    count++
    x[count] = $1; label[count] = $2; of[count] = $3; median[count] = $4; least[count] = $5; most[count] = $6
    note[count] = $7
    if (count == 1 || $1 < x_least) x_least = $1
    if (count == 1 || $1 > x_most) x_most = $1
    if (count == 1 || $5 < y_least) y_least = $5
    if (count == 1 || $6 > y_most) y_most = $6
}

function place(value, low, high, scale) {
    return scale == "log" ? log(value / low) / log(high / low) : (value - low) / (high - low)
}

function x_of(value) { return left + place(value, x_least, x_most, scales[1]) * (right - left) }

function y_of(value) { return bottom - place(value, y_low, y_high, scales[2]) * (bottom - top) }

# A step of 1, 2 or 5 times a power of ten, so that there are four to ten of them.
function nice_step(range,    step) {
    step = exp(int(log(range / 10) / log(10) - 1) * log(10))
    while (range / step > 10)
        step *= range / step > 50 ? 10 : range / step > 20 ? 5 : 2
    return step
}

function draw_y(    value, step) {
    if (scales[2] == "log") {
        for (y_low = 1; y_low > y_least; y_low /= 10) { }
        for (y_high = 1; y_high < y_most; y_high *= 10) { }
    } else {
        step = nice_step(y_most)
        y_low = 0
        y_high = step * (int(y_most / step) + 1)
    }
    for (value = y_low; value <= y_high * 1.001; value = scales[2] == "log" ? value * 10 : value + step) {
        svg_line(left, y_of(value), right, y_of(value), "grid")
        svg_text(left - 10, y_of(value) + 4, "faint end", sprintf("%g", value))
    }
}

function draw_series(name, position,    i, points) {
    for (i = 1; i <= count; i++)
        if (of[i] == name)
            points = points sprintf("%.1f,%.1f ", x_of(x[i]), y_of(median[i]))
    printf "<polyline points=\"%s\" class=\"%s curve\"/>\n", points, class_of[name]
    for (i = 1; i <= count; i++) {
        if (of[i] != name)
            continue
        svg_line(x_of(x[i]), y_of(least[i]), x_of(x[i]), y_of(most[i]), class_of[name])
        svg_dot(x_of(x[i]), y_of(median[i]), class_of[name])
        if (note[i] != "-")
            svg_text(x_of(x[i]), y_of(most[i]) - 8, "faint middle", note[i])
    }
    svg_dot(left + position * 160 + 4, top - 24, class_of[name])
    svg_text(left + position * 160 + 14, top - 20, "", name)
}

END {
    split(about["scale"], scales, " ")
    svg_begin(780, 470, about["title"])
    svg_text(12, 24, "title", about["title"])
    svg_text(12, 44, "faint", about["y"])
    draw_y()
    for (i = 1; i <= count; i++)
        if (!(x[i] in is_labelled)) {
            is_labelled[x[i]] = 1
            svg_text(x_of(x[i]), bottom + 20, "faint middle", label[i])
        }
    svg_text((left + right) / 2, bottom + 42, "middle", about["x"])
    for (i = 1; i <= series_count; i++)
        draw_series(series[i], i - 1)
    svg_text(12, 460, "faint", run)
    svg_end()
}
