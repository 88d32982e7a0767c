#include "stages/admin/purge.h"

#include "common/http.h"
#include "common/http_bearer.h"
#include "common/http_percent.h"

#include <sodium.h>
#include <stdlib.h>

#define PATH     "purge"
#define PATH_KEY "purge/"

/* Tells the answers of the stage's port from those of the control ports, whose rounds stay below.
 */
#define TOKEN (UINT64_C(1) << 63)

bool purge_init(struct purge *purge, const struct stage_setup *setup, struct error *error)
{
    const char *path = settings_text(setup->settings, "token_file");
    struct error reason;
    *purge = (struct purge){.asks = setup->asks};
    if (!path)
        return true;
    char *token = password_read(path, &reason);
    if (!token)
        return error_set(error, "token_file: %s", reason.text);
    password_hash(bytes_of_text(token), purge->token_hash);
    purge->has_token = true;
    sodium_memzero(token, strlen(token));
    free(token);
    return true;
}

static bool is_of_key(struct bytes path)
{
    const size_t size = sizeof(PATH_KEY) - 1;
    return path.size >= size && memcmp(path.data, PATH_KEY, size) == 0;
}

bool purge_is_for(struct bytes path)
{
    return is_of_key(path) || bytes_are_equal(path, bytes_of_text(PATH));
}

/* The key behind PATH_KEY; `room` is of HTTP_MAX_TARGET bytes. */
static bool decode(struct bytes path, char *room, struct bytes *key)
{
    const size_t skipped = sizeof(PATH_KEY) - 1;
    key->data = room;
    return http_percent_decode((struct bytes){path.data + skipped, path.size - skipped}, room,
                               &key->size);
}

const char *purge_refuse(const struct purge *purge, struct bytes path, struct bytes head,
                         int *status)
{
    char room[HTTP_MAX_TARGET];
    struct bytes key;
    *status = 403;
    if (!purge->has_token)
        return "nothing is purged here: the admin stage has no token_file";
    if (!purge->asks)
        return "nothing is purged here: the admin stage does not say which stage it asks";
    const struct bytes token = http_bearer_parse(head);
    *status = 401;
    if (token.size == 0 || !password_is(purge->token_hash, token))
        return "say the token: Authorization: Bearer TOKEN";
    *status = 400;
    if (is_of_key(path) && !decode(path, room, &key))
        return "a % is not followed by two hex digits";
    *status = 0;
    return NULL;
}

static void ask_shard(struct purge *purge, size_t shard, const struct ask *ask)
{
    enum status status = port_ask_shard(purge->asks, shard, TOKEN | purge->round, ask);
    if (status == STATUS_VALUE)
        purge->missing++;
    else
        purge->status = status;
}

enum status purge_start(struct purge *purge, uint64_t request, struct bytes path, int64_t deadline)
{
    char room[HTTP_MAX_TARGET];
    struct ask ask = {.deadline = deadline, .flags = ASK_PURGE_ALL};
    purge->request = request;
    purge->missing = 0;
    purge->status = STATUS_NONE;
    purge->round++;
    if (is_of_key(path)) {
        ask.flags = ASK_PURGE;
        decode(path, room, &ask.key); /* which purge_refuse has tried */
        ask_shard(purge, PORT_BY_KEY, &ask);
    } else {
        for (size_t i = 0; i < purge->asks->shards; i++)
            ask_shard(purge, i, &ask);
    }
    return purge->missing > 0 ? STATUS_VALUE : purge->status;
}

bool purge_take(struct purge *purge, uint64_t token, const struct answer *answer, bool *is_done)
{
    *is_done = false;
    if ((token & TOKEN) == 0)
        return false;
    if ((uint32_t)token != purge->round || purge->missing == 0)
        return true;
    if (answer->status != STATUS_NONE && purge->status == STATUS_NONE)
        purge->status = answer->status;
    *is_done = --purge->missing == 0;
    return true;
}
