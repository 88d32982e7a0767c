/* Which caches an answer passes on its way. */
#include "common/topology.h"

#include "common/check.h"

size_t topology_caches(const struct topology *topology, size_t stage,
                       const char *caches[TRAIL_MOST])
{
    const struct topology_stage *stages = topology->stages;
    const size_t first = stages[stage].asks;
    size_t count = 0;

    for (size_t at = first; at != SIZE_MAX && stages[at].asks != SIZE_MAX; at = stages[at].asks)
        count++;
    CHECK(count <= TRAIL_MOST); /* topology_check refuses more */
    for (size_t at = first, left = count; left > 0; at = stages[at].asks)
        caches[--left] = stages[at].name;
    return count;
}
