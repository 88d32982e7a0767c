/* The way of a read command through the stage: its question, when its turn has come, and its reply.
 * The handlers themselves are in resp_command.h. */
#ifndef WEIR_RESP_KEYS_H
#define WEIR_RESP_KEYS_H

#include "stages/resp_frontend/resp_state.h"

/* For a handler: asks for several keys. */
enum server_take resp_ask_gather(struct resp_call *call, enum resp_shape shape, size_t count,
                                 const struct bytes *keys, const int64_t note[2]);

/* The server's hooks `ask` and `respond`. */
enum status resp_keys_ask(struct resp_frontend *frontend, uint64_t token, uint32_t form,
                          struct bytes key, int64_t deadline);
void resp_keys_respond(struct resp_frontend *frontend, uint32_t form, const struct answer *answer,
                       struct server_output *out);

/* The reply to INFO, once all reactors have been asked for their metrics (resp_server_info.c). */
void resp_info_put(struct resp_frontend *frontend, const struct gather *gather, bool is_resp3,
                   struct buffer *out);

#endif
