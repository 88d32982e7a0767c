/* A survey: one question to every reactor, or to the first, and the answers of those that gave one.
 * One at a time. Embedded; runs in its stage's thread. */
#ifndef WEIR_ADMIN_SURVEY_H
#define WEIR_ADMIN_SURVEY_H

#include "common/stage.h"

struct survey {
    struct ask_port *asks;
    uint32_t round;   /* of questions: an answer to an earlier one is too late */
    uint64_t token;   /* of the request that wants to know */
    int64_t deadline; /* mono ns; NEVER: no survey is under way */
    size_t reactors;  /* that are asked: the first ones */
    size_t missing;   /* answers */
    struct part {
        bool has_come;
        struct buffer text;
    } * parts; /* one for each shard of the port */
};

void survey_init(struct survey *survey, struct ask_port *asks);
void survey_fini(struct survey *survey);

/* Asks the first `reactors` of them for `key` on behalf of `token`. STATUS_AWAY: none of them can
 * be asked. */
enum status survey_start(struct survey *survey, uint64_t token, struct bytes key, size_t reactors,
                         int64_t deadline);

/* Takes an answer. Whether it was the last one missing. */
bool survey_take(struct survey *survey, uint64_t token, const struct answer *answer);

/* Whether its time is over; what has come by then is all there is. */
bool survey_is_overdue(const struct survey *survey, int64_t now);

void survey_end(struct survey *survey);

#endif
