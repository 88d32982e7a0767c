/* Held by the loop, through its handle, and by the thread; who is last frees it. The thread looks
 * at the handle only under the lock and while the lookup is wanted: afterwards there may be no loop
 * any more. */
#include "common/lookup.h"

#include "common/memory.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

struct lookup {
    char *host, *port;
    lookup_hook *on_found;
    void *owner;
    uv_async_t ended; /* rung by the thread */

    pthread_mutex_t lock; /* for all that follows */
    unsigned holders;
    bool is_wanted;
    int status;                 /* of getaddrinfo */
    struct addrinfo *addresses; /* owned */
};

/* With the lock, which it gives back. */
static void let_go(struct lookup *lookup)
{
    bool is_last = --lookup->holders == 0;
    pthread_mutex_unlock(&lookup->lock);
    if (!is_last)
        return;
    if (lookup->addresses)
        freeaddrinfo(lookup->addresses);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
}

static void *look_up(void *argument)
{
    struct lookup *lookup = argument;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct addrinfo *addresses = NULL;
    int status = getaddrinfo(lookup->host, lookup->port, &hints, &addresses);

    pthread_mutex_lock(&lookup->lock);
    lookup->status = status;
    lookup->addresses = status == 0 ? addresses : NULL;
    if (lookup->is_wanted)
        uv_async_send(&lookup->ended);
    let_go(lookup);
    return NULL;
}

static void on_closed(uv_handle_t *handle)
{
    struct lookup *lookup = handle->data;

    pthread_mutex_lock(&lookup->lock);
    let_go(lookup);
}

static void on_ended(uv_async_t *async)
{
    struct lookup *lookup = async->data;
    struct addrinfo *addresses;
    const char *reason;

    pthread_mutex_lock(&lookup->lock);
    lookup->is_wanted = false;
    addresses = lookup->addresses;
    lookup->addresses = NULL;
    reason = gai_strerror(lookup->status != 0 ? lookup->status : EAI_NONAME);
    pthread_mutex_unlock(&lookup->lock);
    uv_close((uv_handle_t *)async, on_closed);
    lookup->on_found(lookup->owner, addresses, reason);
}

static bool start_thread(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool is_started = pthread_create(&thread, &attributes, look_up, lookup) == 0;
    pthread_attr_destroy(&attributes);
    return is_started;
}

struct lookup *lookup_start(struct uv_loop_s *loop, const char *host, const char *port,
                            lookup_hook *on_found, void *owner)
{
    struct lookup *lookup = memory_alloc(1, sizeof *lookup);

    *lookup = (struct lookup){.host = memory_copy_text(host),
                              .port = memory_copy_text(port),
                              .on_found = on_found,
                              .owner = owner,
                              .holders = 2,
                              .is_wanted = true};
    pthread_mutex_init(&lookup->lock, NULL);
    if (uv_async_init(loop, &lookup->ended, on_ended) != 0) {
        lookup->holders = 1; /* nobody else has it yet */
        pthread_mutex_lock(&lookup->lock);
        let_go(lookup);
        return NULL;
    }
    lookup->ended.data = lookup;
    if (start_thread(lookup))
        return lookup;
    lookup->holders = 1;
    uv_close((uv_handle_t *)&lookup->ended, on_closed);
    return NULL;
}

void lookup_abandon(struct lookup **lookup)
{
    struct lookup *abandoned = *lookup;

    if (!abandoned)
        return;
    *lookup = NULL;
    pthread_mutex_lock(&abandoned->lock);
    abandoned->is_wanted = false;
    pthread_mutex_unlock(&abandoned->lock);
    uv_close((uv_handle_t *)&abandoned->ended, on_closed);
}
