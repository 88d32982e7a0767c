#include "transcript.h"

#include "trouble.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the parser stands. */
struct parser {
    struct transcript *transcript;
    struct transcript_step *step; /* the last one; NULL before the first */
    int line;
    const char *reason; /* why it failed */
};

static bool fail(struct parser *parser, const char *reason)
{
    parser->reason = reason;
    return false;
}

static struct transcript_step *add_step(struct parser *parser, enum transcript_kind kind)
{
    struct transcript *transcript = parser->transcript;

    transcript->steps =
        realloc(transcript->steps, (transcript->step_count + 1) * sizeof *transcript->steps);
    if (!transcript->steps)
        trouble("no memory for a transcript");
    parser->step = &transcript->steps[transcript->step_count++];
    *parser->step = (struct transcript_step){.kind = kind, .line = parser->line};
    return parser->step;
}

/* Splits at spaces; a word in double quotes may hold spaces and escapes. */
static bool parse_words(struct parser *parser, const char *at, struct blob *words, size_t *count)
{
    for (at += strspn(at, " "); *at; at += strspn(at, " ")) {
        struct blob *word = &words[*count];
        size_t length;
        if (++*count > TRANSCRIPT_WORDS_MAX)
            return fail(parser, "too many words");
        blob_append_text(word, ""); /* an empty word is a word */
        if (*at != '"') {
            length = strcspn(at, " ");
            blob_append(word, at, length);
            at += length;
            continue;
        }
        for (length = 1; at[length] && at[length] != '"'; length++)
            if (at[length] == '\\' && at[length + 1])
                length++;
        if (at[length] != '"' || !blob_append_escaped(word, at + 1, length - 1))
            return fail(parser, "a malformed quoted word");
        at += length + 1;
    }
    return true;
}

/* Lines that begin with '>' and follow one another are sent in one write. */
static bool parse_send(struct parser *parser, const char *text)
{
    struct transcript_step *step = parser->step;

    if (!step || step->kind != TRANSCRIPT_SEND || parser->line != step->line + 1)
        step = add_step(parser, TRANSCRIPT_SEND);
    step->line = parser->line;
    return blob_append_escaped(&step->data, text, strlen(text)) || fail(parser, "a bad escape");
}

/* "< HTTP/1.1 …" begins a response; "< Name: value" and "< !Name" add to it. */
static bool parse_head_line(struct parser *parser, const char *text)
{
    static const char head[] = "HEAD: ";
    struct transcript_step *step = parser->step;
    bool answers_head = strncmp(text, head, sizeof head - 1) == 0;

    if (answers_head)
        text += sizeof head - 1;
    if (strncmp(text, "HTTP/", 5) == 0) {
        step = add_step(parser, TRANSCRIPT_RECEIVE);
        step->method = answers_head ? HTTP_HEAD : HTTP_GET;
    } else if (!step || step->kind != TRANSCRIPT_RECEIVE) {
        return fail(parser, "a response begins with its status line");
    } else if (*text != '!' && !strstr(text, ": ")) {
        return fail(parser, "no header");
    }
    if (step->word_count == TRANSCRIPT_WORDS_MAX)
        return fail(parser, "too many headers");
    blob_append_text(&step->words[step->word_count++], text);
    return true;
}

/* "< REPLY"; with '*' at its end, how it begins. */
static bool parse_reply_line(struct parser *parser, const char *text)
{
    struct transcript_step *step = add_step(parser, TRANSCRIPT_RECEIVE);
    size_t length = strlen(text);

    if (length > 0 && text[length - 1] == '*') {
        step->body = TRANSCRIPT_PREFIX;
        length--;
    }
    return blob_append_escaped(&step->data, text, length) || fail(parser, "a bad escape");
}

/* "<< TEXT", which the reply before it holds. */
static bool parse_held_line(struct parser *parser, const char *text)
{
    struct transcript_step *step = parser->step;

    if (!step || step->kind != TRANSCRIPT_RECEIVE)
        return fail(parser, "no reply that could hold this");
    if (step->word_count == TRANSCRIPT_WORDS_MAX)
        return fail(parser, "too much for a reply to hold");
    return blob_append_escaped(&step->words[step->word_count++], text, strlen(text)) ||
           fail(parser, "a bad escape");
}

static bool parse_body_line(struct parser *parser, const char *text)
{
    struct transcript_step *step = parser->step;

    if (!step || step->kind != TRANSCRIPT_RECEIVE)
        return fail(parser, "a body without a status line");
    if (strcmp(text, "*") == 0)
        step->body = TRANSCRIPT_LINE;
    else if (strcmp(text, "...") == 0)
        step->body = TRANSCRIPT_ANY;
    return step->body != TRANSCRIPT_EXACT || blob_append_escaped(&step->data, text, strlen(text)) ||
           fail(parser, "a bad escape");
}

/* NAME[{LABEL}] +N */
static bool parse_metric(struct parser *parser, const char *text)
{
    struct transcript_step *step = add_step(parser, TRANSCRIPT_METRIC);
    size_t name = strcspn(text, "{ "), label = 0;
    const char *delta = text + name;
    char *end;

    blob_append(&step->words[0], text, name);
    if (*delta == '{') {
        label = strcspn(delta + 1, "}");
        blob_append(&step->words[1], delta + 1, label);
        delta += label + 2;
    }
    step->word_count = label > 0 ? 2 : 1;
    step->delta = strtod(delta, &end);
    return (*end == '\0' && end > delta) || fail(parser, "a metric line ends with +N");
}

static bool parse_split(struct parser *parser, const char *text)
{
    parser->transcript->split = strcmp(text, "every-byte") == 0;
    return parser->transcript->split || fail(parser, "split: knows every-byte alone");
}

static bool parse_protocol(struct parser *parser, const char *text)
{
    parser->transcript->is_resp = strcmp(text, "resp") == 0;
    return parser->transcript->is_resp || fail(parser, "protocol: knows resp alone");
}

static bool parse_line(struct parser *parser, const char *text)
{
    struct transcript *transcript = parser->transcript;

    if (*text == '\0' || *text == '#')
        return true;
    if (strncmp(text, "> ", 2) == 0)
        return parse_send(parser, text + 2);
    if (strncmp(text, "< ", 2) == 0)
        return transcript->is_resp ? parse_reply_line(parser, text + 2)
                                   : parse_head_line(parser, text + 2);
    if (strncmp(text, "<< ", 3) == 0)
        return transcript->is_resp ? parse_held_line(parser, text + 3)
                                   : parse_body_line(parser, text + 3);
    if (strcmp(text, "connect") == 0)
        return add_step(parser, TRANSCRIPT_CONNECT) != NULL;
    if (strcmp(text, "half-close") == 0)
        return add_step(parser, TRANSCRIPT_HALF_CLOSE) != NULL;
    if (strcmp(text, "expect-close") == 0)
        return add_step(parser, TRANSCRIPT_EXPECT_CLOSE) != NULL;
    if (strncmp(text, "metric ", 7) == 0)
        return parse_metric(parser, text + 7);
    if (strncmp(text, "redis ", 6) == 0) {
        struct transcript_step *step = add_step(parser, TRANSCRIPT_REDIS);
        return parse_words(parser, text + 6, step->words, &step->word_count);
    }
    if (strncmp(text, "flags: ", 7) == 0)
        return parse_words(parser, text + 7, transcript->flags, &transcript->flag_count);
    if (strncmp(text, "protocol: ", 10) == 0)
        return parse_protocol(parser, text + 10);
    if (strncmp(text, "split: ", 7) == 0)
        return parse_split(parser, text + 7);
    if (strncmp(text, "needs: ", 7) != 0)
        return fail(parser, "an unknown line");
    blob_append_text(&transcript->needs, text + 7);
    return true;
}

bool transcript_parse(const char *path, struct transcript *transcript, struct blob *error)
{
    struct parser parser = {.transcript = transcript};
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    bool good = true;

    *transcript = (struct transcript){.path = path};
    if (!file) {
        blob_append_format(error, "%s: %s\n", path, strerror(errno));
        return false;
    }
    while (good && getline(&line, &capacity, file) >= 0) {
        parser.line++;
        line[strcspn(line, "\n")] = '\0';
        good = parse_line(&parser, line);
    }
    if (!good)
        blob_append_format(error, "%s:%d: %s\n", path, parser.line, parser.reason);
    free(line);
    fclose(file);
    return good;
}

void transcript_fini(struct transcript *transcript)
{
    for (size_t i = 0; i < transcript->step_count; i++) {
        struct transcript_step *step = &transcript->steps[i];
        for (size_t j = 0; j < TRANSCRIPT_WORDS_MAX; j++)
            blob_fini(&step->words[j]);
        blob_fini(&step->data);
    }
    for (size_t i = 0; i < transcript->flag_count; i++)
        blob_fini(&transcript->flags[i]);
    blob_fini(&transcript->needs);
    free(transcript->steps);
    *transcript = (struct transcript){0};
}
