/* Any bytes as topology.yml: either a topology or an error, in one line, with the file's name. What
 * is accepted must obey the rules that the rest of the program relies on. */
#include "common/check.h"
#include "common/topology.h"

#include "tests/support/topology_kinds.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_placement(const struct topology *topology)
{
    size_t placed = 0;

    for (size_t i = 0; i < topology->process_count; i++)
        for (size_t j = 0; j < topology->processes[i].reactor_count; j++) {
            const struct topology_reactor *reactor = &topology->processes[i].reactors[j];
            CHECK(reactor->count > 0);
            placed += reactor->count;
            for (size_t k = 0; k < reactor->count; k++)
                CHECK(topology->instances[reactor->instances[k]].process == i);
        }
    CHECK(placed == topology->instance_count);
}

static void check_shares(const struct topology *topology)
{
    for (size_t i = 0; i < topology->instance_count; i++) {
        const struct settings *settings = &topology->instances[i].settings;
        for (size_t j = 0; settings->kind->settings[j].name; j++)
            CHECK(settings->kind->settings[j].type == SETTING_TEXT ||
                  settings->kind->settings[j].type == SETTING_SECRET ||
                  settings->values[j].number >= 1);
    }
}

/* Every way towards the origin ends, at a stage that serves. */
static void check_asks(const struct topology *topology)
{
    for (size_t i = 0; i < topology->stage_count; i++) {
        size_t steps = 0;
        for (size_t at = topology->stages[i].asks; at != SIZE_MAX; at = topology->stages[at].asks) {
            CHECK(topology->stages[at].kind->serves);
            CHECK(++steps < topology->stage_count);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {""};
    struct buffer drawing = {0};
    struct topology_draft *draft = topology_parse("t.yml", (const char *)data, size, topology_kinds,
                                                  TOPOLOGY_KIND_COUNT, &error);
    struct topology *topology = draft ? topology_check(&draft, &error) : NULL;

    CHECK(!draft);
    if (!topology) {
        CHECK(strncmp(error.text, "t.yml:", 6) == 0 && !strchr(error.text, '\n'));
        return 0;
    }
    CHECK(error.text[0] == '\0');
    check_placement(topology);
    check_shares(topology);
    check_asks(topology);
    topology_print(topology, &drawing);
    topology_print_dot(topology, &drawing);
    CHECK(drawing.size > 0);
    buffer_fini(&drawing);
    topology_destroy(&topology);
    return 0;
}
