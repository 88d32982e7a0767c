#include "stages/admin/page.h"

/* Made by scripts/embed. */
extern const char page_html[], page_css[], page_js[], drawing_js[], metrics_js[], numbers_js[];
extern const size_t page_html_size, page_css_size, page_js_size, drawing_js_size, metrics_js_size,
    numbers_js_size;

static const struct page_file {
    const char *path;
    const char *type;
    const char *text;
    const size_t *size; /* bytes */
} files[] = {
    {"", "text/html; charset=utf-8", page_html, &page_html_size},
    {"page.css", "text/css; charset=utf-8", page_css, &page_css_size},
    {"page.js", "text/javascript; charset=utf-8", page_js, &page_js_size},
    {"drawing.js", "text/javascript; charset=utf-8", drawing_js, &drawing_js_size},
    {"metrics.js", "text/javascript; charset=utf-8", metrics_js, &metrics_js_size},
    {"numbers.js", "text/javascript; charset=utf-8", numbers_js, &numbers_js_size},
};

/* The files of two versions must not meet in a browser's cache. The icon is within the page. */
static const char fields[] = "Cache-Control: no-store\r\n"
                             "Referrer-Policy: no-referrer\r\n"
                             "Content-Security-Policy: default-src 'none'; script-src 'self'; "
                             "style-src 'self'; connect-src 'self'; img-src data:; "
                             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                             "require-trusted-types-for 'script'\r\n";

const struct page_file *page_find(struct bytes path)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (bytes_are_equal(path, bytes_of_text(files[i].path)))
            return &files[i];
    return NULL;
}

void page_respond(struct http_server *http, const struct page_file *file, uint32_t form,
                  bool closes, struct buffer *out)
{
    struct http_head head = {
        .status = 200, .type = file->type, .length = *file->size, .fields = bytes_of_text(fields)};
    http_server_head(http, &head, form, closes, out);
    if (!http_server_is_head(form))
        buffer_append(out, file->text, *file->size);
}
