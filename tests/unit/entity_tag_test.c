#include "common/entity_tag.h"

#include "tests/support/unit.h"

#include <sodium.h>
#include <stdlib.h>

/* BLAKE2b with 16 bytes of output; "abc" as in the reference implementation. */
static void test_the_tag_is_the_same_everywhere(void **state)
{
    (void)state;
    assert_true(entity_tag_of(bytes_of_text("")) == UINT64_C(0xcae66941d9efbd40));
    assert_true(entity_tag_of((struct bytes){NULL, 0}) == UINT64_C(0xcae66941d9efbd40));
    assert_true(entity_tag_of(bytes_of_text("abc")) == UINT64_C(0xcf4ab791c62b8d2b));
}

static void test_any_byte_counts(void **state)
{
    (void)state;
    assert_true(entity_tag_of(bytes_of_text("abc")) != entity_tag_of(bytes_of_text("abd")));
    assert_true(entity_tag_of((struct bytes){"a", 1}) != entity_tag_of((struct bytes){"a", 2}));
}

static void test_pieces_give_what_the_whole_gives(void **state)
{
    static char data[100000];
    struct entity_tag *tag = entity_tag_create();
    (void)state;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7 + i / 255);
    for (size_t piece = 1; piece < sizeof data; piece = piece * 3 + 1) {
        entity_tag_begin(tag);
        for (size_t at = 0; at < sizeof data; at += piece) {
            size_t left = sizeof data - at;
            entity_tag_add(tag, (struct bytes){data + at, left < piece ? left : piece});
        }
        assert_true(entity_tag_end(tag) == entity_tag_of((struct bytes){data, sizeof data}));
    }
    entity_tag_begin(tag);
    entity_tag_add(tag, (struct bytes){data, 10}); /* left unfinished: a value nobody wants */
    entity_tag_begin(tag);
    entity_tag_add(tag, bytes_of_text("abc"));
    assert_true(entity_tag_end(tag) == entity_tag_of(bytes_of_text("abc")));
    entity_tag_destroy(&tag);
    assert_null(tag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_tag_is_the_same_everywhere),
        cmocka_unit_test(test_any_byte_counts),
        cmocka_unit_test(test_pieces_give_what_the_whole_gives),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
