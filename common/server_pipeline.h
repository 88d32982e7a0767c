/* The requests of one connection in the order in which they came, and their responses in the same
 * order, whatever order they become ready in. Pure. Embedded: a zeroed struct is empty. */
#ifndef WEIR_SERVER_PIPELINE_H
#define WEIR_SERVER_PIPELINE_H

#include "common/server_request.h"

struct server_pipeline {
    struct server_request *first, *last; /* not answered, or behind one that is not */
    size_t queued;                       /* how many those are */
    size_t unwritten;                    /* responses in `output` */
    struct server_output output;         /* responses in order, ready to be written */
};

/* Requests whose responses the client has not been sent. */
static inline size_t server_pipeline_depth(const struct server_pipeline *pipeline)
{
    return pipeline->queued + pipeline->unwritten;
}

/* Bytes of all responses that are ready, those included that wait for one before them. */
size_t server_pipeline_bytes(const struct server_pipeline *pipeline);

void server_pipeline_push(struct server_pipeline *pipeline, struct server_request *request);

/* Where the response to `request`, one that was pushed, is to be appended. */
struct server_output *server_pipeline_output(struct server_pipeline *pipeline,
                                             struct server_request *request);

/* The response has been appended there. The request, and those behind whose turn has come with it,
 * leave the queue and are given back to the pool. */
void server_pipeline_finish(struct server_pipeline *pipeline, struct server_request *request,
                            struct server_requests *requests);

#endif
