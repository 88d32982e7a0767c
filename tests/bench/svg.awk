# What the charts are drawn with: SVG that follows the reader's light or dark scheme. Text is placed by
# its base line. Used by chart.awk and plot.awk.

function svg_begin(width, height, title) {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
        width, height, width, height
    printf "<title>%s</title>\n", svg_escape(title)
    print "<style>"
    print "  text { font: 13px system-ui, sans-serif; }"
    print "  .title { font-weight: 600; font-size: 15px; }"
    print "  .faint { font-size: 12px; }"
    print "  .end { text-anchor: end; }"
    print "  .middle { text-anchor: middle; }"
    print "  line, polyline, circle { stroke-width: 2; }"
    print "  line.grid { stroke-width: 1; }"
    svg_colours("#ffffff", "#1f2328", "#59636e", "#d1d9e0", "#0969da", "#bc4c00", "#6e7781")
    print "  @media (prefers-color-scheme: dark) {"
    svg_colours("#0d1117", "#f0f6fc", "#9198a1", "#3d444d", "#58a6ff", "#f0883e", "#9198a1")
    print "  }"
    print "</style>"
    printf "<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n", width, height
}

# Plain rules rather than variables, which not every viewer knows.
function svg_colours(paper, ink, faint, grid, first, second, third) {
    printf "  text { fill: %s; } .faint { fill: %s; } .paper { fill: %s; }\n", ink, faint, paper
    printf "  .aim { stroke: %s; } .grid { stroke: %s; }\n", ink, grid
    printf "  .first { stroke: %s; fill: %s; } ", first, first
    printf ".second { stroke: %s; fill: %s; } ", second, second
    printf ".third { stroke: %s; fill: %s; }\n", third, third
    printf "  .hollow { fill: %s; } .curve { fill: none; }\n", paper
}

function svg_end() { print "</svg>" }

function svg_escape(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}

function svg_text(x, y, class, text) {
    printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class, svg_escape(text)
}

function svg_line(x1, y1, x2, y2, class) {
    printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2, class
}

function svg_dot(x, y, class) {
    printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" class=\"%s\"/>\n", x, y, class
}
