/* Key files: made, read back, refused. */
#include "common/keys.h"

#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ONE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TWO "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char *path_in(const char *directory, const char *name)
{
    static _Thread_local char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void test_a_pair_is_made_and_read_back(void **state)
{
    char *directory = temp_dir_create(), made[KEY_TEXT_SIZE], again[KEY_TEXT_SIZE];
    char *inner = strdup(path_in(directory, "keys"));
    struct error error = {""};
    struct key_pair pair;
    struct stat status;

    (void)state;
    assert_true(keys_make(inner, made, &error));
    assert_int_equal(stat(path_in(inner, "secret.key"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(keys_read(path_in(inner, "secret.key"), &pair, &error));
    keys_format(pair.public_key, again);
    assert_string_equal(made, again);
    struct key_list *list = keys_read_list(path_in(inner, "public.key"), &error);
    assert_non_null(list);
    assert_true(keys_are_listed(list, pair.public_key));
    assert_false(keys_are_listed(list, pair.secret_key));
    keys_free_list(&list);
    free(inner);
    temp_dir_destroy(&directory);
}

static void test_keys_are_never_overwritten(void **state)
{
    char *directory = temp_dir_create(), made[KEY_TEXT_SIZE];
    struct error error = {""};

    (void)state;
    assert_true(keys_make(directory, made, &error));
    assert_false(keys_make(directory, made, &error));
    assert_non_null(strstr(error.text, "secret.key"));
    temp_dir_destroy(&directory);
}

static void test_a_secret_that_others_may_read_is_refused(void **state)
{
    char *directory = temp_dir_create(), made[KEY_TEXT_SIZE];
    struct error error = {""};
    struct key_pair pair;

    (void)state;
    assert_true(keys_make(directory, made, &error));
    assert_int_equal(chmod(path_in(directory, "secret.key"), 0640), 0);
    assert_false(keys_read(path_in(directory, "secret.key"), &pair, &error));
    assert_non_null(strstr(error.text, "others may read it"));
    assert_false(keys_read(path_in(directory, "nothing"), &pair, &error));
    assert_non_null(strstr(error.text, "No such file"));
    temp_dir_destroy(&directory);
}

static void test_lists(void **state)
{
    static const struct {
        const char *text, *error; /* the end of it; NULL: fine */
    } cases[] = {
        {"", NULL},
        {"# nobody yet\n\n", NULL},
        {ONE "\n" TWO " edge-b, since May\n", NULL},
        {TWO "\r\n" ONE "#comment", NULL},
        {ONE "\nnot a key\n", "list:2: not a public key: 64 hexadecimal digits"},
        {ONE "00\n", "list:1: not a public key: 64 hexadecimal digits"},
    };
    unsigned char one[KEY_SIZE], other[KEY_SIZE] = {0};

    (void)state;
    assert_true(keys_parse(ONE, strlen(ONE), one));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *directory = temp_dir_create();
        char *path = temp_dir_write(directory, "list", cases[i].text);
        struct error error = {""};
        struct key_list *list = keys_read_list(path, &error);
        if (cases[i].error) {
            assert_null(list);
            assert_non_null(strstr(error.text, cases[i].error));
        } else {
            assert_non_null(list);
            assert_int_equal(keys_are_listed(list, one), strstr(cases[i].text, ONE) != NULL);
            assert_false(keys_are_listed(list, other));
        }
        keys_free_list(&list);
        free(path);
        temp_dir_destroy(&directory);
    }
}

static void test_a_seed_is_the_file_and_nothing_else(void **state)
{
    unsigned char first[KEYS_SEED_SIZE], second[KEYS_SEED_SIZE];
    char *directory = temp_dir_create();
    char *a = temp_dir_write(directory, "a", "fleet"), *b = temp_dir_write(directory, "b", "fleet");
    char *c = temp_dir_write(directory, "c", "fleet\n"), *d = temp_dir_write(directory, "d", "");
    struct error error;

    (void)state;
    assert_true(keys_read_seed(a, first, &error) && keys_read_seed(b, second, &error));
    assert_memory_equal(first, second, sizeof first);
    assert_true(keys_read_seed(c, second, &error));
    assert_memory_not_equal(first, second, sizeof first);
    assert_false(keys_read_seed(d, second, &error));
    free(a), free(b), free(c), free(d);
    temp_dir_destroy(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pair_is_made_and_read_back),
        cmocka_unit_test(test_keys_are_never_overwritten),
        cmocka_unit_test(test_a_secret_that_others_may_read_is_refused),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_a_seed_is_the_file_and_nothing_else),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
