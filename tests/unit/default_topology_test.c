/* The topology.yml that is built in says that it shows the defaults: it does. */
#include "common/topology.h"
#include "stages/registry.h"

#include "tests/support/unit.h"

#include <string.h>

extern const char default_topology[];
extern const size_t default_topology_size;

/* The same stages, with nothing set that may be left out. */
static const char bare[] = "stages:\n"
                           "  http: {kind: http-frontend, listen: 127.0.0.1:8080, asks: cache}\n"
                           "  cache: {kind: cache, serves: inproc://cache, asks: redis}\n"
                           "  redis: {kind: redis-fetcher, serves: inproc://redis}\n";

static void print(const char *text, size_t size, struct buffer *out)
{
    const struct kind_spec *kinds[REGISTRY_COUNT];
    struct error error = {""};
    struct topology_draft *draft;
    struct topology *topology;

    for (size_t i = 0; i < REGISTRY_COUNT; i++)
        kinds[i] = &registry_kind(i)->spec;
    draft = topology_parse("t.yml", text, size, kinds, REGISTRY_COUNT, &error);
    topology = draft ? topology_check(&draft, &error) : NULL;
    assert_string_equal(error.text, "");
    topology_print(topology, out);
    topology_destroy(&topology);
}

static void test_every_value_of_the_default_topology_is_the_default(void **state)
{
    struct buffer written = {0}, preset = {0};

    (void)state;
    print(default_topology, default_topology_size, &written);
    print(bare, strlen(bare), &preset);
    buffer_append(&written, "", 1);
    buffer_append(&preset, "", 1);
    assert_string_equal(written.data, preset.data);
    buffer_fini(&written);
    buffer_fini(&preset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value_of_the_default_topology_is_the_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
