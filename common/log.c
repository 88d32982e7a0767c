#include "common/log.h"

#include "common/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* A line under way. Never grows: from the first piece that does not fit on, the rest is cut, and
 * the room to end what is open is kept. */
struct line {
    char text[LOG_LINE_MAX];
    size_t size;
    bool is_cut;
};

#define LINE_ROOM (LOG_LINE_MAX - sizeof "\"}\n")

static void put_text(struct line *line, const char *text)
{
    size_t size = strlen(text);
    line->is_cut = line->is_cut || size > LINE_ROOM - line->size;
    if (line->is_cut)
        return;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

/* One byte inside quotes. JSON knows no \x, so there a byte beyond ASCII becomes the code point of
 * the same number. */
static void put_quoted_byte(struct line *line, unsigned char byte, bool json)
{
    char out[8];
    if (byte == '"' || byte == '\\')
        snprintf(out, sizeof out, "\\%c", byte);
    else if (byte == '\n')
        snprintf(out, sizeof out, "\\n");
    else if (byte < 0x20 || byte >= 0x7f)
        snprintf(out, sizeof out, json ? "\\u%04x" : "\\x%02x", byte);
    else
        snprintf(out, sizeof out, "%c", byte);
    put_text(line, out);
}

static void put_quoted(struct line *line, const char *text, bool json)
{
    put_text(line, "\"");
    if (line->is_cut)
        return;
    for (; *text != '\0'; text++)
        put_quoted_byte(line, (unsigned char)*text, json);
    line->text[line->size++] = '"'; /* the room for it is kept, and once cut nothing follows */
}

static bool needs_quotes(const char *text)
{
    if (*text == '\0')
        return true;
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || *text == '"' || *text == '\\')
            return true;
    return false;
}

/* ` key=` or `,"key":`; keys are words of our own and need no quoting. */
static void put_key(struct line *line, const char *key, bool json)
{
    char out[64];
    snprintf(out, sizeof out, json ? "%s\"%s\":" : "%s%s=", json ? "," : " ", key);
    put_text(line, out);
}

static void put_field(struct line *line, const struct log_field *field, bool json)
{
    size_t before = line->size;
    put_key(line, field->key, json);
    if (field->text == NULL) {
        char out[24];
        snprintf(out, sizeof out, "%" PRId64, field->number);
        put_text(line, out);
    } else if (json || needs_quotes(field->text)) {
        put_quoted(line, field->text, json);
    } else {
        put_text(line, field->text);
    }
    /* A key whose value did not begin is taken back, so that JSON stays JSON. */
    if (line->is_cut && line->text[line->size - 1] != '"')
        line->size = before;
}

static void put_head(struct line *line, bool json, enum log_level level, const char *stage,
                     const char *event)
{
    int64_t wall = clock_now().wall;
    time_t seconds = (time_t)(wall / SECOND);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char date[32], head[256];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(head, sizeof head,
             json ? "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"stage\":\"%s\",\"event\":\"%s\""
                  : "%s.%03dZ %s %s %s",
             date, (int)(wall % SECOND / MILLISECOND), level_names[level], stage, event);
    put_text(line, head);
}

/* Writes the line if the descriptor takes it now: a reader of our log that stands still must not
 * make weir stand still. */
static bool write_line(int descriptor, const struct line *line)
{
    struct pollfd ready = {descriptor, POLLOUT, 0};
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) &&
           write(descriptor, line->text, line->size) == (ssize_t)line->size;
}

void log_init(struct log *log, int descriptor, enum log_level level, bool json)
{
    log->descriptor = descriptor;
    log->json = json;
    atomic_init(&log->level, (int)level);
    atomic_init(&log->lines_lost, 0);
}

void log_write_fields(struct log *log, enum log_level level, const char *stage, const char *event,
                      const struct log_field *fields, size_t count)
{
    if ((int)level > atomic_load_explicit(&log->level, memory_order_relaxed))
        return;
    struct line line = {.size = 0};
    put_head(&line, log->json, level, stage, event);
    for (size_t i = 0; i < count; i++)
        put_field(&line, &fields[i], log->json);
    if (log->json)
        line.text[line.size++] = '}';
    line.text[line.size++] = '\n';
    if (!write_line(log->descriptor, &line))
        atomic_fetch_add_explicit(&log->lines_lost, 1, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

void log_set_level(struct log *log, enum log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

bool log_parse_level(const char *word, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}
