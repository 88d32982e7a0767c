/* POST /purge: a key, or every key, is to be forgotten by all caches, whatever their expiry says.
 *
 *     /purge/KEY   KEY is percent-decoded once, as in a GET
 *     /purge       every key
 *
 * It is asked towards the origin, which announces it to every cache of every process. One at a
 * time. Embedded; runs in its stage's thread. */
#ifndef WEIR_ADMIN_PURGE_H
#define WEIR_ADMIN_PURGE_H

#include "common/password.h"
#include "common/stage.h"

struct purge {
    struct ask_port *asks; /* of the stage; NULL: it asks nobody */
    bool has_token;
    unsigned char token_hash[PASSWORD_HASH]; /* of what has to be said */
    uint64_t request;                        /* the token of the one under way, */
    size_t missing;                          /* and how many answers it lacks; 0: none is */
    enum status status;                      /* NONE, or the first failure */
    uint32_t round; /* of purges: an answer to an earlier one is too late */
};

/* Reads the stage's `token_file`; false and an error text where it cannot. */
bool purge_init(struct purge *purge, const struct stage_setup *setup, struct error *error);

/* Whether a request for this path (http.h) is a purge; then why it is refused: `*status` and a line
 * for a person. `*status` is 0 where it is not. `head` is the request's. */
bool purge_is_for(struct bytes path);
const char *purge_refuse(const struct purge *purge, struct bytes path, struct bytes head,
                         int *status);

/* On behalf of `request`. As port_ask: VALUE, and purge_take says when it is done. */
enum status purge_start(struct purge *purge, uint64_t request, struct bytes path, int64_t deadline);

/* Whether `token` is of a purge. Where that was the last answer that the one under way lacked,
 * `*is_done`. */
bool purge_take(struct purge *purge, uint64_t token, const struct answer *answer, bool *is_done);

#endif
