/* R12: what can be set stands in docs/topology.md, with its default, each option in docs/weir.md,
 * and what the commands of the documents name is there. */
#include "../support/document.h"
#include "../support/trouble.h"
#include "../support/unit.h"
#include "../support/weir_process.h"
#include "stages/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts out what is between the line `heading` and the next heading. */
static void cut_section(const struct blob *document, const char *heading, struct blob *section)
{
    const char *begin = strstr(blob_text(document), heading);

    if (!begin)
        trouble("there is no section %s", heading);
    begin += strlen(heading);
    const char *end = strstr(begin, "\n##");
    blob_append(section, begin, end ? (size_t)(end - begin) : strlen(begin));
}

/* The row of a setting in the table of its kind; false: there is none. */
static bool find_row(const struct blob *document, const char *kind, const char *name,
                     struct blob *row)
{
    struct blob section = {0};
    char start[96];

    snprintf(start, sizeof start, "\n### %s\n", kind);
    cut_section(document, start, &section);
    snprintf(start, sizeof start, "\n| `%s` |", name);
    const char *begin = strstr(blob_text(&section), start);
    if (begin)
        blob_append(row, begin + 1, strcspn(begin + 1, "\n"));
    blob_fini(&section);
    return begin;
}

static void expect_setting(const struct blob *document, const struct kind_spec *kind,
                           const struct setting_spec *setting)
{
    struct blob row = {0};
    char preset[128];

    /* Both front ends have the settings of their server; where they agree, one table has them. */
    if (!find_row(document, kind->name, setting->name, &row) &&
        (strcmp(kind->name, "resp-frontend") != 0 ||
         !find_row(document, "http-frontend", setting->name, &row)))
        fail_msg("docs/topology.md does not describe %s of %s", setting->name, kind->name);
    if (setting->preset) {
        snprintf(preset, sizeof preset, "| `%s` |", setting->preset);
        if (!strstr(blob_text(&row), preset))
            fail_msg("the default of %s of %s is %s, and not as in: %s", setting->name, kind->name,
                     setting->preset, blob_text(&row));
    }
    if ((strstr(blob_text(&row), "| live |") != NULL) != setting->is_live)
        fail_msg("whether %s of %s is live, the code knows better than: %s", setting->name,
                 kind->name, blob_text(&row));
    blob_fini(&row);
}

static void test_R12_documentation_has_every_setting(void **state)
{
    struct blob document = {0};

    (void)state;
    document_read("docs/topology.md", &document);
    for (size_t i = 0; i < REGISTRY_COUNT; i++) {
        const struct kind_spec *kind = &registry_kind(i)->spec;
        for (const struct setting_spec *setting = kind->settings; setting && setting->name;
             setting++)
            expect_setting(&document, kind, setting);
    }
    blob_fini(&document);
}

static void test_R12_documentation_has_every_option(void **state)
{
    static const char *const flags[] = {"--help", NULL};
    struct blob document = {0}, help = {0};
    size_t options = 0;

    (void)state;
    document_read("docs/weir.md", &document);
    assert_int_equal(weir_process_run(flags, NULL, &help), 0);
    for (const char *line = strstr(blob_text(&help), "\n  --"); line;
         line = strstr(line + 1, "\n  --"), options++) {
        char option[64];
        int length = (int)strcspn(line + 3, " ");
        snprintf(option, sizeof option, "%.*s", length, line + 3);
        if (!strstr(blob_text(&document), option))
            fail_msg("docs/weir.md does not name %s", option);
    }
    assert_true(options > 0);
    blob_fini(&help);
    blob_fini(&document);
}

/* Each goal that the README tells to make is one that the Makefile knows. */
static void test_R12_documentation_names_goals_that_exist(void **state)
{
    static const char needs[] = "\nneeds-";
    struct blob readme = {0}, makefile = {0};
    size_t goals = 0;

    (void)state;
    document_read("README.md", &readme);
    document_read("Makefile", &makefile);
    for (const char *make = strstr(blob_text(&readme), "`make "); make;
         make = strstr(make + 1, "`make "), goals++) {
        char goal[64];
        const char *name = make + strlen("`make ");
        snprintf(goal, sizeof goal, "%s%.*s ", needs, (int)strcspn(name, " `"), name);
        if (!strstr(blob_text(&makefile), goal))
            fail_msg("there is no goal that README.md calls: %.40s", make);
    }
    assert_true(goals > 0);
    blob_fini(&makefile);
    blob_fini(&readme);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_R12_documentation_has_every_setting),
        cmocka_unit_test(test_R12_documentation_has_every_option),
        cmocka_unit_test(test_R12_documentation_names_goals_that_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
