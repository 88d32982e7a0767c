/* What weir exposes is of the Prometheus text format, and what docs/metrics.md says; and the
 * dashboard and the alerts know nothing else. */
#include "../support/deadline.h"
#include "../support/document.h"
#include "../support/exposition.h"
#include "../support/pipeline.h"
#include "../support/process.h"
#include "../support/scrape.h"
#include "../support/temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All that the documents promise: every stage, and changes that are announced. */
static void read_metrics(struct pipeline *p, struct blob *metrics)
{
    pipeline_start(p, SETTINGS(.resp = "", .redis = "invalidation: {mode: broadcast}"));
    assert_true(weir_process_wait_ready(p->weir, deadline_in(PATIENCE)));
    scrape_read(weir_process_admin_port(p->weir), metrics);
}

static const char *const fronts[] = {"http", "resp", "admin"};
#define FRONTS (sizeof fronts / sizeof *fronts)

/* `name` with a front end in place of <front>, where it has that. */
static void name_family(const struct blob *name, const char *front, char *family, size_t size)
{
    static const char mark[] = "<front>";
    const char *text = blob_text(name), *at = strstr(text, mark);

    if (at)
        snprintf(family, size, "%.*s%s%s", (int)(at - text), text, front, at + strlen(mark));
    else
        snprintf(family, size, "%s", text);
}

/* A row of the tables of docs/metrics.md; false: it is none that describes a metric. */
static bool read_row(const char *line, struct blob cells[3])
{
    if (strncmp(line, "| `weir_", 8) != 0)
        return false;
    for (int i = 0; i < 3; i++) {
        line += 2;
        blob_append(&cells[i], line + (i == 0), strcspn(line, "|") - 1 - 2 * (i == 0));
        line += strcspn(line, "|");
    }
    return true;
}

struct described {
    struct exposition_family *families;
    size_t count;
};

static struct described read_descriptions(void)
{
    struct described described = {0};
    struct blob document = {0};

    document_read("docs/metrics.md", &document);
    for (const char *line = strchr(blob_text(&document), '\n'); line; line = strchr(line, '\n')) {
        struct blob cells[3] = {{0}};
        bool is_row = read_row(++line, cells), is_of_all = strstr(blob_text(&cells[0]), "<front>");
        for (size_t i = 0; is_row && i < (is_of_all ? FRONTS : 1); i++) {
            described.families =
                realloc(described.families, (described.count + 1) * sizeof *described.families);
            struct exposition_family *family = &described.families[described.count++];
            name_family(&cells[0], fronts[i], family->name, sizeof family->name);
            snprintf(family->type, sizeof family->type, "%s", blob_text(&cells[1]));
            snprintf(family->labels, sizeof family->labels, "%s", blob_text(&cells[2]));
        }
        for (int i = 0; i < 3; i++)
            blob_fini(&cells[i]);
    }
    assert_true(described.count > 0);
    blob_fini(&document);
    return described;
}

static const struct exposition_family *find_description(const struct described *described,
                                                        const char *name)
{
    return exposition_find(
        &(struct exposition){.families = described->families, .count = described->count}, name);
}

static void compare(const struct exposition *exposition, const struct described *described)
{
    for (size_t i = 0; i < exposition->count; i++)
        if (!find_description(described, exposition->families[i].name))
            fail_msg("docs/metrics.md does not describe %s", exposition->families[i].name);
    for (size_t i = 0; i < described->count; i++) {
        const struct exposition_family *row = &described->families[i];
        const struct exposition_family *family = exposition_find(exposition, row->name);
        if (!family)
            fail_msg("docs/metrics.md describes %s, which is not there", row->name);
        else if (strcmp(row->type, family->type) != 0 || strcmp(row->labels, family->labels) != 0)
            fail_msg("%s is a %s by %s, and not as in docs/metrics.md", row->name, family->type,
                     family->labels);
    }
}

static void test_R12_documentation_has_every_metric(void **state)
{
    struct pipeline *p = *state;
    struct described described = read_descriptions();
    struct exposition exposition;
    struct blob metrics = {0}, error = {0};

    read_metrics(p, &metrics);
    if (!exposition_parse(blob_text(&metrics), &exposition, &error))
        fail_msg("%s", blob_text(&error));
    compare(&exposition, &described);
    exposition_fini(&exposition);
    free(described.families);
    blob_fini(&metrics);
    blob_fini(&error);
}

/* Every word of `path` that begins with weir_ is a metric that is described. */
static void expect_names(const char *path, const struct described *described)
{
    struct blob text = {0};
    size_t names = 0;

    document_read(path, &text);
    for (const char *at = strstr(blob_text(&text), "weir_"); at;
         at = strstr(at, "weir_"), names++) {
        static const char *const suffixes[] = {"", "_bucket", "_sum", "_count"};
        const struct exposition_family *family = NULL;
        char name[96];
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !family; i++) {
            size_t suffix = strlen(suffixes[i]);
            if (length < suffix || strncmp(at + length - suffix, suffixes[i], suffix) != 0)
                continue;
            snprintf(name, sizeof name, "%.*s", (int)(length - suffix), at);
            family = find_description(described, name);
            if (family && (i > 0) != (strcmp(family->type, "histogram") == 0))
                family = NULL;
        }
        if (!family)
            fail_msg("%s names %.*s, which is no sample of docs/metrics.md", path, (int)length, at);
        at += length;
    }
    assert_true(names > 10);
    blob_fini(&text);
}

static void test_dashboard_and_alerts_name_metrics_that_exist(void **state)
{
    struct described described = read_descriptions();

    (void)state;
    expect_names("packaging/grafana-dashboard.json", &described);
    expect_names("packaging/prometheus-alerts.yml", &described);
    free(described.families);
}

/* ---- what Prometheus's own tool says ---- */

static void run_promtool(const char *const *arguments)
{
    struct process *process = process_start(arguments, NULL);
    int code = -1;

    process_wait_exit(process, deadline_in(PATIENCE), &code);
    char *output = process_copy_text(process, PROCESS_OUTPUT);
    char *errors = process_copy_text(process, PROCESS_ERRORS);
    if (code != 0)
        fail_msg("promtool ended with %d: %s%s", code, output, errors);
    free(output);
    free(errors);
    process_destroy(&process);
}

static bool has_promtool(void)
{
    return system("command -v promtool >/dev/null") == 0; // NOLINT(cert-env33-c): no foreign text
}

static void test_promtool_finds_nothing(void **state)
{
    struct pipeline *p = *state;
    struct blob metrics = {0};

    if (!has_promtool()) {
        print_message("there is no promtool here (Debian: prometheus)\n");
        skip();
    }
    read_metrics(p, &metrics);
    char *directory = temp_dir_create();
    char *path = temp_dir_write(directory, "metrics", blob_text(&metrics));
    struct blob command = {0};
    blob_append_format(&command, "promtool check metrics <'%s'", path);
    run_promtool((const char *const[]){"sh", "-c", blob_text(&command), NULL});
    run_promtool((const char *const[]){"promtool", "check", "rules",
                                       "packaging/prometheus-alerts.yml", NULL});
    temp_dir_destroy(&directory);
    blob_fini(&command);
    blob_fini(&metrics);
    free(path);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_R12_documentation_has_every_metric),
        cmocka_unit_test(test_dashboard_and_alerts_name_metrics_that_exist),
        PIPELINE_TEST(test_promtool_finds_nothing),
    };

    return cmocka_run_group_tests_name("metrics, documented", tests, NULL, NULL);
}
