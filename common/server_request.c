#include "common/server_request.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdlib.h>

#define BLOCK          256       /* requests */
#define MAX_GENERATION INT32_MAX /* see SERVER_TOKEN_SPARE */

void server_requests_fini(struct server_requests *requests)
{
    for (size_t i = 0; i < requests->block_count; i++) {
        for (size_t k = 0; k < BLOCK; k++) {
            buffer_fini(&requests->blocks[i][k].key);
            buffer_fini(&requests->blocks[i][k].note);
            server_output_fini(&requests->blocks[i][k].response);
        }
        free(requests->blocks[i]);
    }
    free(requests->blocks);
    *requests = (struct server_requests){0};
}

static void grow(struct server_requests *requests)
{
    requests->blocks =
        memory_resize(requests->blocks, requests->block_count + 1, sizeof(*requests->blocks));
    struct server_request *block = memory_alloc(BLOCK, sizeof(*block));
    size_t first = requests->block_count * BLOCK;
    CHECK(first + BLOCK <= UINT32_MAX);
    requests->blocks[requests->block_count++] = block;
    for (size_t i = BLOCK; i-- > 0;) {
        block[i].index = (uint32_t)(first + i);
        block[i].next = requests->free;
        requests->free = &block[i];
    }
}

struct server_request *server_requests_take(struct server_requests *requests)
{
    if (!requests->free)
        grow(requests);
    struct server_request *request = requests->free;
    requests->free = request->next;
    request->next = NULL;
    return request;
}

void server_requests_give(struct server_requests *requests, struct server_request *request)
{
    CHECK(!wheel_is_started(&request->timer) && !request->link);
    buffer_fini(&request->key);
    buffer_fini(&request->note);
    server_output_fini(&request->response);
    *request = (struct server_request){
        .index = request->index,
        .generation = (request->generation + 1) & MAX_GENERATION,
        .next = requests->free,
    };
    requests->free = request;
}

struct server_request *server_requests_find(const struct server_requests *requests, uint64_t token)
{
    size_t index = (uint32_t)token;
    if (index / BLOCK >= requests->block_count)
        return NULL;
    struct server_request *request = &requests->blocks[index / BLOCK][index % BLOCK];
    bool is_it = request->state != REQUEST_FREE && request->generation == token >> 32;
    return is_it ? request : NULL;
}
