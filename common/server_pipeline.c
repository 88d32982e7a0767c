#include "common/server_pipeline.h"

void server_pipeline_push(struct server_pipeline *pipeline, struct server_request *request)
{
    if (pipeline->last)
        pipeline->last->next = request;
    else
        pipeline->first = request;
    pipeline->last = request;
    pipeline->queued++;
}

struct server_output *server_pipeline_output(struct server_pipeline *pipeline,
                                             struct server_request *request)
{
    return request == pipeline->first ? &pipeline->output : &request->response;
}

size_t server_pipeline_bytes(const struct server_pipeline *pipeline)
{
    size_t bytes = server_output_size(&pipeline->output);
    for (const struct server_request *request = pipeline->first; request; request = request->next)
        bytes += server_output_size(&request->response);
    return bytes;
}

static void pop(struct server_pipeline *pipeline, struct server_requests *requests)
{
    struct server_request *request = pipeline->first;
    pipeline->first = request->next;
    if (!pipeline->first)
        pipeline->last = NULL;
    pipeline->queued--;
    pipeline->unwritten++;
    server_requests_give(requests, request);
}

void server_pipeline_finish(struct server_pipeline *pipeline, struct server_request *request,
                            struct server_requests *requests)
{
    request->state = REQUEST_DONE;
    if (request != pipeline->first)
        return;
    pop(pipeline, requests);
    while (pipeline->first && pipeline->first->state == REQUEST_DONE) {
        server_output_append(&pipeline->output, &pipeline->first->response);
        pop(pipeline, requests);
    }
}
