#include "common/reactor_inbox.h"

#include "common/check.h"
#include "common/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct reactor_inboxes {
    pthread_mutex_t lock; /* for who adds */
    struct reactor_inbox *servers;
};

struct reactor_inboxes *reactor_inboxes_create(void)
{
    struct reactor_inboxes *inboxes = memory_alloc(1, sizeof *inboxes);
    CHECK(pthread_mutex_init(&inboxes->lock, NULL) == 0);
    return inboxes;
}

static void free_list(struct reactor_inbox *inbox)
{
    while (inbox != NULL) {
        struct reactor_inbox *next = inbox->next;
        free_list(atomic_load(&inbox->askers));
        free(inbox->address);
        free(inbox);
        inbox = next;
    }
}

void reactor_inboxes_destroy(struct reactor_inboxes **inboxes)
{
    free_list((*inboxes)->servers);
    pthread_mutex_destroy(&(*inboxes)->lock);
    free(*inboxes);
    *inboxes = NULL;
}

struct reactor_inbox *reactor_inbox_of_server(struct reactor_inboxes *inboxes, const char *address)
{
    pthread_mutex_lock(&inboxes->lock);
    struct reactor_inbox *server = inboxes->servers;
    while (server != NULL && strcmp(server->address, address) != 0)
        server = server->next;
    if (server == NULL) {
        server = memory_alloc(1, sizeof *server);
        server->address = memory_copy_text(address);
        server->next = inboxes->servers;
        inboxes->servers = server;
    }
    pthread_mutex_unlock(&inboxes->lock);
    return server;
}

struct reactor_inbox *reactor_inbox_add_asker(struct reactor_inboxes *inboxes,
                                              struct reactor_inbox *server, uint64_t name)
{
    struct reactor_inbox *asker = memory_alloc(1, sizeof *asker);
    asker->name = name;
    pthread_mutex_lock(&inboxes->lock);
    asker->next = atomic_load(&server->askers);
    atomic_store(&server->askers, asker);
    pthread_mutex_unlock(&inboxes->lock);
    return asker;
}

struct reactor_inbox *reactor_inbox_of_asker(const struct reactor_inbox *server, uint64_t name)
{
    struct reactor_inbox *asker = atomic_load(&server->askers);
    while (asker != NULL && asker->name != name)
        asker = asker->next;
    return asker;
}

void reactor_inbox_open(struct reactor_inbox *inbox, void *reader, struct reactor_bell *bell)
{
    inbox->reader = reader;
    atomic_store(&inbox->bell, bell);
}
