/* HTTP on a server (server.h): what is the same for every stage that speaks it. Takes requests off
 * the input and refuses the bad ones, formats responses, and counts them by status. */
#ifndef WEIR_HTTP_SERVER_H
#define WEIR_HTTP_SERVER_H

#include "common/http.h"
#include "common/http_response.h"
#include "common/server.h"

#define HTTP_PLAIN "text/plain; charset=utf-8"

struct http_server {
    struct clock *clock; /* set before use */
    bool takes_post;     /* set before use: what its stage has a use for POST for */
    struct http_date date;
    uint64_t responses[HTTP_STATUSES]; /* by http_status_index */
};

/* A connection's memory, which the stage's protocol has as its session. */
struct http_session {
    struct http_seen seen; /* of the request that is coming in */
};

/* For the hook `take`. SERVER_ASK: a good request is in `request`, and all of `taken` but the key
 * is set; the stage may also reply to it. Otherwise there is nothing more to do. */
enum server_take http_server_take(struct http_server *http, struct http_session *session,
                                  struct bytes input, struct http_request *request,
                                  struct server_taken *taken, struct buffer *reply);

/* For the hook `take`: replies with an error and ends the connection behind it. */
enum server_take http_server_reject(struct http_server *http, int status, const char *text,
                                    struct server_taken *taken, struct buffer *reply);

/* For the hook `refuse`. */
void http_server_refuse(struct http_server *http, enum server_refusal refusal, struct buffer *out);

/* From this bit on, the form of a request (of struct server_taken) is for the stage to use. */
#define HTTP_SERVER_SPARE_FORM 4u

/* Append a response, or its head, in the way that `form` says; this sets head->connection. */
void http_server_head(struct http_server *http, struct http_head *head, uint32_t form, bool closes,
                      struct buffer *out);
void http_server_text(struct http_server *http, int status, const char *type, struct bytes body,
                      uint32_t form, bool closes, struct buffer *out);
/* `text` is one line, without its newline. */
void http_server_error(struct http_server *http, int status, const char *text, uint32_t form,
                       bool closes, struct buffer *out);
/* The same, with further header lines. */
void http_server_error_with(struct http_server *http, int status, const char *text,
                            struct bytes fields, uint32_t form, bool closes, struct buffer *out);

/* 405: there is only `allow`, such as "POST", for this target. */
void http_server_error_method(struct http_server *http, const char *allow, uint32_t form,
                              bool closes, struct buffer *out);

/* weir_<name>_requests_total, by status. */
void http_server_measure(const struct http_server *http, const char *name, struct metrics *metrics);

/* Whether the client wants to see no body. */
bool http_server_is_head(uint32_t form);

#endif
