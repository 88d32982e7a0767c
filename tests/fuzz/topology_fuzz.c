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

static void check_value(const struct setting_spec *spec, const struct setting_value *value)
{
    int64_t items = 0;

    switch (spec->type) {
    case SETTING_COUNT:
    case SETTING_DURATION:
    case SETTING_SIZE:
        CHECK(value->number >= 1);
        break;
    case SETTING_FLAG:
        CHECK(value->number == 0 || value->number == 1);
        break;
    case SETTING_LIST:
        for (const char *item = value->text; item && *item; item = settings_list_next(item))
            items++;
        CHECK(items == value->number);
        break;
    case SETTING_TEXT:
    case SETTING_SECRET:
        break;
    }
}

static void check_shares(const struct topology *topology)
{
    for (size_t i = 0; i < topology->instance_count; i++) {
        const struct settings *settings = &topology->instances[i].settings;
        for (size_t j = 0; settings->kind->settings[j].name; j++)
            check_value(&settings->kind->settings[j], &settings->values[j]);
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
