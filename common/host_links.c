#include "common/host_links.h"

#include "common/address.h"
#include "common/lock.h"
#include "common/memory.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_keys(struct host_links *links, const struct topology_process *process,
                      struct error *error)
{
    if (process->key_file == NULL)
        return true;
    links->has_keys = true;
    if (!keys_read(process->key_file, &links->own, error))
        return false;
    return !process->has_public_key ||
           memcmp(links->own.public_key, process->public_key, KEY_SIZE) == 0 ||
           error_set(error, "%s: is not the secret of the public_key that the topology names",
                     process->key_file);
}

static bool lock_address(struct host_links *links, const char *address, struct error *error)
{
    const int lock = lock_open(address_rest(address), error);
    if (lock < 0)
        return false;
    links->locks = memory_resize(links->locks, links->lock_count + 1, sizeof *links->locks);
    links->locks[links->lock_count++] = lock;
    return true;
}

/* One instance of this process. */
static bool look_at(struct host_links *links, const struct topology *topology,
                    const struct topology_instance *instance, struct error *error)
{
    const size_t asks = topology->stages[instance->stage].asks;
    for (size_t i = 0; asks != SIZE_MAX && i < topology->stages[asks].instance_count; i++)
        links->are_split |=
            address_scheme(topology->instances[topology->stages[asks].first_instance + i].serves) !=
            ADDRESS_INPROC;
    if (instance->serves == NULL)
        return true;
    links->needs_guard |= instance->is_encrypted;
    links->are_split |= address_scheme(instance->serves) != ADDRESS_INPROC;
    return address_scheme(instance->serves) != ADDRESS_IPC ||
           lock_address(links, instance->serves, error);
}

bool host_links_open(struct host_links *links, const struct topology *topology, struct error *error)
{
    *links = (struct host_links){.has_seed = topology->hash_key_file != NULL};
    if (!read_keys(links, &topology->processes[topology->process], error) ||
        (links->has_seed && !keys_read_seed(topology->hash_key_file, links->seed, error)))
        return false;
    for (size_t i = 0; i < topology->instance_count; i++)
        if (topology->instances[i].process == topology->process &&
            !look_at(links, topology, &topology->instances[i], error))
            return false;
    return true;
}

void host_links_close(struct host_links *links)
{
    for (size_t i = 0; i < links->lock_count; i++)
        close(links->locks[i]);
    free(links->locks);
    sodium_memzero(&links->own, sizeof links->own);
    *links = (struct host_links){0};
}
