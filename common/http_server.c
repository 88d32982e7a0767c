#include "common/http_server.h"

#include <stdio.h>

/* struct server_taken's form, for HTTP. */
#define FORM_HEAD 1u
#define FORM_OLD  2u /* the next is HTTP_SERVER_SPARE_FORM */

bool http_server_is_head(uint32_t form)
{
    return form & FORM_HEAD;
}

void http_server_head(struct http_server *http, struct http_head *head, uint32_t form, bool closes,
                      struct buffer *out)
{
    http->responses[http_status_index(head->status)]++;
    head->connection = closes ? HTTP_CLOSES : form & FORM_OLD ? HTTP_STAYS_OPEN : HTTP_AS_USUAL;
    http_format_head(out, &http->date, clock_read(http->clock).wall, head);
}

void http_server_text(struct http_server *http, int status, const char *type, struct bytes body,
                      uint32_t form, bool closes, struct buffer *out)
{
    struct http_head head = {.status = status, .type = type, .length = body.size};
    http_server_head(http, &head, form, closes, out);
    if (!http_server_is_head(form))
        buffer_append(out, body.data, body.size);
}

/* Appends the response of this head whose body is a line of text. */
static void put_line(struct http_server *http, struct http_head head, const char *text,
                     uint32_t form, bool closes, struct buffer *out)
{
    struct bytes line = bytes_of_text(text);
    head.type = HTTP_PLAIN;
    head.length = line.size + 1;
    http_server_head(http, &head, form, closes, out);
    if (http_server_is_head(form))
        return;
    buffer_append(out, line.data, line.size);
    buffer_append(out, "\n", 1);
}

void http_server_error_with(struct http_server *http, int status, const char *text,
                            struct bytes fields, uint32_t form, bool closes, struct buffer *out)
{
    put_line(http, (struct http_head){.status = status, .fields = fields}, text, form, closes, out);
}

void http_server_error_method(struct http_server *http, const char *allow, uint32_t form,
                              bool closes, struct buffer *out)
{
    put_line(http, (struct http_head){.status = 405, .allow = allow},
             "this method does nothing here; the field Allow names what does", form, closes, out);
}

void http_server_error(struct http_server *http, int status, const char *text, uint32_t form,
                       bool closes, struct buffer *out)
{
    http_server_error_with(http, status, text, (struct bytes){0}, form, closes, out);
}

enum server_take http_server_reject(struct http_server *http, int status, const char *text,
                                    struct server_taken *taken, struct buffer *reply)
{
    taken->is_last = true;
    http_server_error(http, status, text, taken->form, true, reply);
    return SERVER_REPLY;
}

enum server_take http_server_take(struct http_server *http, struct http_session *session,
                                  struct bytes input, struct http_request *request,
                                  struct server_taken *taken, struct buffer *reply)
{
    session->seen.takes_post = http->takes_post;
    enum http_verdict verdict = http_parse(input, &session->seen, request);
    if (verdict == HTTP_MORE)
        return SERVER_MORE;
    session->seen = (struct http_seen){0};
    taken->form = (request->is_head ? FORM_HEAD : 0) | (request->is_old ? FORM_OLD : 0);
    taken->size = verdict == HTTP_READY ? request->size : input.size;
    taken->is_last = !request->keeps_alive || (taken->may_be_last && taken->size == input.size);
    if (verdict == HTTP_READY)
        return SERVER_ASK;
    return http_server_reject(http, request->status, request->problem, taken, reply);
}

void http_server_refuse(struct http_server *http, enum server_refusal refusal, struct buffer *out)
{
    if (refusal == SERVER_TOO_MANY)
        http_server_error(http, 503, "too many clients are connected, try again later", 0, true,
                          out);
    else
        http_server_error(http, 408, "the request did not arrive in time", 0, true, out);
}

void http_server_measure(const struct http_server *http, const char *name, struct metrics *metrics)
{
    char full_name[64], labels[32];
    snprintf(full_name, sizeof(full_name), "weir_%s_requests_total", name);
    for (size_t i = 0; i < HTTP_STATUSES; i++) {
        snprintf(labels, sizeof(labels), "status=\"%d\"", http_status_at(i));
        metrics_counter(metrics, full_name, "Requests answered.", labels, http->responses[i]);
    }
}
