/* The pages of a table: that slots, and what pages have for groups of them, are apart from each
 * other, while the room grows. */
#include "stages/cache/pages.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

#define MOST 65536

struct taken {
    struct pages pages;
    uint32_t handles[MOST];
    size_t count;
};

/* Takes slots while there are numbers for their pages; each holds its handle, each group that of
 * its first. */
static void fill(struct taken *taken, size_t size)
{
    struct pages *pages = &taken->pages;

    while (pages_growth(pages, size) != SIZE_MAX) {
        uint32_t handle = pages_take(pages, size), number = pages_number(handle);
        unsigned slot = pages_slot(handle);
        memcpy(pages_at(pages, handle), &handle, sizeof handle);
        if (slot % PAGES_GROUP == 0)
            *pages_group(pages, number, slot / PAGES_GROUP) = handle;
        assert_true(taken->count < MOST);
        taken->handles[taken->count++] = handle;
    }
}

static void check(const struct taken *taken)
{
    const struct pages *pages = &taken->pages;

    for (size_t i = 0; i < taken->count; i++) {
        uint32_t handle = taken->handles[i], number = pages_number(handle);
        unsigned group = pages_slot(handle) / PAGES_GROUP;
        assert_memory_equal(pages_at(pages, handle), &handle, sizeof handle);
        assert_true(*pages_group(pages, number, group) ==
                    pages_handle(number, group * PAGES_GROUP));
    }
}

static void grow(bool is_ample, size_t largest)
{
    static const size_t bounds[] = {200000, 250000, 1 << 20, 1 << 20, (1 << 20) + 70000};
    struct taken *taken = calloc(1, sizeof *taken);

    pages_init(&taken->pages, bounds[0] / 2, is_ample);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        size_t before = taken->count;
        pages_allow(&taken->pages, bounds[i]);
        fill(taken, 40);
        fill(taken, largest);
        assert_int_equal(taken->count > before, i == 0 || bounds[i] > bounds[i - 1]);
        check(taken);
    }
    size_t all = taken->count, least = pages_least_bytes(&taken->pages);
    assert_true(pages_bytes(&taken->pages) > least + (1 << 20));
    while (taken->count > 0)
        assert_int_equal(pages_give_back(&taken->pages, taken->handles[--taken->count]), 0);
    assert_int_equal(pages_bytes(&taken->pages), least);
    fill(taken, 40);
    fill(taken, largest);
    assert_int_equal(taken->count, all);
    check(taken);
    pages_fini(&taken->pages);
    free(taken);
}

static void test_all_that_is_reserved_is_used_and_nothing_overlaps(void **state)
{
    (void)state;
    grow(true, PAGES_MOST);
    grow(false, PAGES_NARROW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_is_reserved_is_used_and_nothing_overlaps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
