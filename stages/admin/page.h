/* The page for people, and what it loads: files of stages/admin/page/, built into the program. All
 * that the page shows, its script reads from /metrics and /readyz. Pure; owns nothing. */
#ifndef WEIR_ADMIN_PAGE_H
#define WEIR_ADMIN_PAGE_H

#include "common/http_server.h"

/* The file for this path (http.h): the page itself for the empty one. NULL: there is none. */
const struct page_file *page_find(struct bytes path);

/* Appends the response that holds it. It may load nothing but these files and ask nobody but this
 * stage, and no other page may frame it (Content Security Policy, level 3). */
void page_respond(struct http_server *http, const struct page_file *file, uint32_t form,
                  bool closes, struct buffer *out);

#endif
