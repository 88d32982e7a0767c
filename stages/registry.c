/* See registry.h. */
#include "stages/registry.h"

#include "common/check.h"
#include "stages/admin/admin.h"
#include "stages/cache/cache.h"
#include "stages/http_frontend/http_frontend.h"
#include "stages/redis_fetcher/redis_fetcher.h"
#include "stages/resp_frontend/resp_frontend.h"

static const struct stage_kind *const kinds[REGISTRY_COUNT] = {
    &http_frontend_kind, &resp_frontend_kind, &cache_kind, &redis_fetcher_kind, &admin_kind,
};

const struct stage_kind *registry_kind(size_t index)
{
    CHECK(index < REGISTRY_COUNT);
    return kinds[index];
}

const struct stage_kind *registry_of(const struct kind_spec *spec)
{
    const struct stage_kind *found = NULL;

    for (size_t i = 0; i < REGISTRY_COUNT; i++)
        if (&kinds[i]->spec == spec)
            found = kinds[i];
    CHECK(found);
    return found;
}
