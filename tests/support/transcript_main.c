/* transcript --topology FILE TRANSCRIPT...: plays transcripts on one topology, each with a weir of
 * its own and all with one Redis, emptied between two. Prints a line for each; the last line counts
 * them. */
#include "blob.h"
#include "redis_server.h"
#include "transcript.h"
#include "weir_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum verdict { PASSED, FAILED, SKIPPED };

/* What the topology says of itself in its line "# properties: ...", between spaces. */
static bool read_properties(const char *topology, struct blob *properties)
{
    static const char mark[] = "# properties:";
    FILE *file = fopen(topology, "r");
    char line[512];

    while (file && properties->length == 0 && fgets(line, sizeof line, file))
        if (strncmp(line, mark, sizeof mark - 1) == 0)
            blob_append_format(properties, "%.*s ", (int)strcspn(line, "\n") - (int)sizeof mark + 1,
                               line + sizeof mark - 1);
    if (file)
        fclose(file);
    return properties->length > 0;
}

/* The first property that is needed and not there; empty when all are. */
static struct blob find_lack(const struct blob *needs, const struct blob *properties)
{
    struct blob lack = {0};
    const char *at = blob_text(needs);

    for (at += strspn(at, " "); *at && lack.length == 0; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        struct blob word = {0};
        blob_append_format(&word, " %.*s ", (int)length, at);
        if (!strstr(blob_text(properties), word.data))
            blob_append(&lack, at, length);
        blob_fini(&word);
        at += length;
    }
    return lack;
}

static bool play_on(const char *topology, const struct transcript *transcript,
                    struct redis_server *redis, struct blob *report)
{
    const char *flags[TRANSCRIPT_WORDS_MAX + 1] = {NULL};
    struct weir_process *weir;
    char url[64];
    bool good;
    int code;

    for (size_t i = 0; i < transcript->flag_count; i++)
        flags[i] = transcript->flags[i].data;
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", redis_server_port(redis));
    redis_server_run(redis, "FLUSHALL");
    weir = weir_process_start(
        url, &(struct weir_settings){.topology = topology, .has_resp = true, .flags = flags});
    good = transcript_play(transcript, weir, redis, report);
    code = weir_process_stop(weir);
    if (code != 0)
        blob_append_format(report, "%s: weir ended with %d on SIGTERM\n", transcript->path, code);
    if (!good || code != 0) {
        char *log = weir_process_copy_log(weir);
        blob_append_text(report, "weir's log:\n");
        blob_append_text(report, log);
        free(log);
    }
    weir_process_destroy(&weir);
    return good && code == 0;
}

static enum verdict judge(const char *topology, const struct blob *properties, const char *path,
                          struct redis_server *redis)
{
    struct transcript transcript;
    struct blob report = {0}, lack = {0};
    enum verdict verdict = FAILED;

    if (transcript_parse(path, &transcript, &report)) {
        lack = find_lack(&transcript.needs, properties);
        if (lack.length > 0)
            verdict = SKIPPED;
        else if (play_on(topology, &transcript, redis, &report))
            verdict = PASSED;
    }
    if (verdict == SKIPPED)
        printf("SKIP: %s: needs %s, which %s does not have\n", path, lack.data, topology);
    else
        printf("%s %s\n%s", verdict == PASSED ? "ok  " : "FAIL", path, blob_text(&report));
    fflush(stdout);
    blob_fini(&lack);
    blob_fini(&report);
    transcript_fini(&transcript);
    return verdict;
}

int main(int count, char **arguments)
{
    struct redis_server *redis;
    struct blob properties = {0};
    int verdicts[3] = {0};

    if (count < 4 || strcmp(arguments[1], "--topology") != 0) {
        fprintf(stderr, "usage: transcript --topology FILE TRANSCRIPT...\n");
        return 2;
    }
    if (!read_properties(arguments[2], &properties)) {
        fprintf(stderr, "%s: no line \"# properties: ...\"\n", arguments[2]);
        return 2;
    }
    redis = redis_server_start();
    for (int i = 3; i < count; i++)
        verdicts[judge(arguments[2], &properties, arguments[i], redis)]++;
    redis_server_destroy(&redis);
    blob_fini(&properties);
    printf("%d passed, %d failed, %d skipped\n", verdicts[PASSED], verdicts[FAILED],
           verdicts[SKIPPED]);
    return verdicts[FAILED] > 0;
}
