#include "exposition.h"

#include "trouble.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 8

enum part { PART_ONLY, PART_BUCKET, PART_SUM, PART_COUNT }; /* of a histogram, but for the first */

struct piece {
    const char *at;
    size_t size;
};

struct sample {
    struct piece name, value, series; /* the series: name and labels as they stand */
    struct piece labels[LABELS_MAX], values[LABELS_MAX];
    size_t label_count;
};

struct reader {
    struct exposition *exposition;
    struct exposition_family *family; /* the one at hand; NULL: none yet */
    struct blob *series;              /* of the family, a line each */
    size_t samples;                   /* of the family */
    enum part part;                   /* that came last, in a histogram */
    struct piece histogram;           /* labels of the one that is not complete */
    double bound, count;              /* of its last bucket */
};

/* ---- a line's pieces ---- */

static bool is_piece(struct piece piece, const char *text)
{
    return piece.size == strlen(text) && memcmp(piece.at, text, piece.size) == 0;
}

static struct piece take_name(const char **at, bool may_have_colon)
{
    struct piece name = {*at, 0};

    while (isalpha((unsigned char)**at) || **at == '_' || (**at == ':' && may_have_colon) ||
           (isdigit((unsigned char)**at) && *at > name.at))
        ++*at;
    name.size = (size_t)(*at - name.at);
    return name;
}

/* What stands in quotes; NULL where it is not ended or escaped as it must be. */
static const char *take_value(const char *at, struct piece *value)
{
    value->at = at;
    for (; *at != '"'; at++)
        if (*at == '\0' || (*at == '\\' && !strchr("\\\"n", *++at)))
            return NULL;
    value->size = (size_t)(at - value->at);
    return at + 1;
}

static const char *read_labels(const char *at, struct sample *sample)
{
    do {
        if (sample->label_count == LABELS_MAX)
            return "too many labels";
        size_t i = sample->label_count++;
        ++at;
        sample->labels[i] = take_name(&at, false);
        if (sample->labels[i].size == 0 || at[0] != '=' || at[1] != '"')
            return "a bad label";
        if ((at = take_value(at + 2, &sample->values[i])) == NULL)
            return "a bad label's value";
    } while (*at == ',');
    sample->series.size = (size_t)(at + 1 - sample->series.at);
    return *at == '}' ? NULL : "no end of labels";
}

/* What is wrong, or NULL. */
static const char *read_sample(const char *line, struct sample *sample)
{
    const char *at = line, *error;

    sample->series.at = line;
    sample->name = take_name(&at, true);
    if (sample->name.size == 0)
        return "no name";
    sample->series.size = sample->name.size;
    if (*at == '{' && (error = read_labels(at, sample)) != NULL)
        return error;
    at = line + sample->series.size;
    if (*at != ' ')
        return "no blank before the value";
    sample->value = (struct piece){at + 1, strlen(at + 1)};
    return NULL;
}

/* ---- what a value may be ---- */

static bool is_integer(struct piece value)
{
    for (size_t i = 0; i < value.size; i++)
        if (!isdigit((unsigned char)value.at[i]))
            return false;
    return value.size > 0;
}

static bool is_number(struct piece value)
{
    char *end;

    if (is_piece(value, "NaN"))
        return true;
    if (value.size == 0 || (!isdigit((unsigned char)*value.at) && *value.at != '-'))
        return false;
    strtod(value.at, &end);
    return end == value.at + value.size;
}

/* ---- histograms ---- */

static enum part part_of(const struct reader *reader, struct piece name)
{
    static const char *const suffixes[] = {"", "_bucket", "_sum", "_count"};
    size_t length = strlen(reader->family->name);

    for (enum part part = PART_BUCKET; part <= PART_COUNT; part++)
        if (name.size > length &&
            is_piece((struct piece){name.at + length, name.size - length}, suffixes[part]))
            return part;
    return PART_ONLY;
}

/* The labels as they stand, but for `le`, which is the last. */
static struct piece set_of(const struct sample *sample, enum part part)
{
    size_t count = sample->label_count - (part == PART_BUCKET);
    const struct piece *last = &sample->values[count - 1];

    return (struct piece){sample->labels[0].at,
                          (size_t)(last->at + last->size - sample->labels[0].at)};
}

static const char *check_bucket(struct reader *reader, const struct sample *sample)
{
    const struct piece bound = sample->values[sample->label_count - 1];
    double value = strtod(bound.at, NULL), count = strtod(sample->value.at, NULL);

    if (!is_piece(sample->labels[sample->label_count - 1], "le"))
        return "a bucket without a bound";
    if (reader->part == PART_BUCKET && (value <= reader->bound || count < reader->count))
        return "a bucket that is less than the one before it";
    reader->bound = value;
    reader->count = count;
    return is_integer(sample->value) ? NULL : "no integer";
}

static const char *check_histogram(struct reader *reader, const struct sample *sample)
{
    enum part part = part_of(reader, sample->name), before = reader->part;
    struct piece set;

    if (part == PART_ONLY || sample->label_count == 0)
        return "no sample of a histogram";
    set = set_of(sample, part);
    if (part == PART_BUCKET ? before == PART_SUM : before != part - 1)
        return "a histogram out of order";
    if (before != PART_COUNT && before != PART_ONLY &&
        (set.size != reader->histogram.size || memcmp(set.at, reader->histogram.at, set.size) != 0))
        return "a histogram that ends too early";
    reader->histogram = set;
    if (part == PART_BUCKET) {
        const char *error = check_bucket(reader, sample);
        reader->part = part;
        return error;
    }
    reader->part = part;
    if (part == PART_SUM)
        return is_number(sample->value) && reader->bound > 1e300 ? NULL : "a bad sum";
    return is_integer(sample->value) && strtod(sample->value.at, NULL) == reader->count
               ? NULL
               : "a count that is not that of all buckets";
}

/* ---- a family's lines ---- */

static const char *check_value(struct reader *reader, const struct sample *sample)
{
    const char *type = reader->family->type;

    if (strcmp(type, "histogram") == 0)
        return check_histogram(reader, sample);
    if (!is_piece(sample->name, reader->family->name))
        return "a sample of another family";
    if (strcmp(type, "counter") == 0)
        return is_integer(sample->value) ? NULL : "no integer";
    return is_number(sample->value) ? NULL : "no number";
}

static const char *check_labels(struct reader *reader, const struct sample *sample)
{
    struct blob names = {0};
    const char *error = NULL;
    size_t count = sample->label_count - (reader->part == PART_BUCKET);

    for (size_t i = 0; i < count; i++)
        blob_append_format(&names, "%s%.*s", i > 0 ? ", " : "", (int)sample->labels[i].size,
                           sample->labels[i].at);
    if (reader->samples == 0)
        snprintf(reader->family->labels, sizeof reader->family->labels, "%s", blob_text(&names));
    else if (strcmp(reader->family->labels, blob_text(&names)) != 0)
        error = "other labels than in the sample before it";
    blob_fini(&names);
    return error;
}

static const char *take_sample(struct reader *reader, const char *line)
{
    struct sample sample = {0};
    struct blob series = {0};
    const char *error = reader->family ? read_sample(line, &sample) : "a sample without a TYPE";

    if (error || (error = check_value(reader, &sample)) || (error = check_labels(reader, &sample)))
        return error;
    blob_append_format(&series, "\n%.*s ", (int)sample.series.size, sample.series.at);
    if (strstr(blob_text(reader->series), blob_text(&series)))
        error = "a sample that came before";
    blob_append_text(reader->series, blob_text(&series));
    blob_fini(&series);
    reader->samples++;
    return error;
}

/* Whether the family at hand is whole. */
static const char *end_family(const struct reader *reader)
{
    if (reader->family && (reader->samples == 0 || !reader->family->type[0]))
        return "the family before it has no TYPE, or no sample";
    return reader->part == PART_ONLY || reader->part == PART_COUNT
               ? NULL
               : "half of a histogram before it";
}

static const char *begin_family(struct reader *reader, const char *line)
{
    struct exposition *exposition = reader->exposition;
    struct exposition_family family = {0};
    const char *error = end_family(reader), *at = line;
    struct piece name = take_name(&at, true);

    if (error)
        return error;
    if (name.size == 0 || name.size >= sizeof family.name || *at != ' ' || at[1] == '\0')
        return "a HELP without a name or a text";
    memcpy(family.name, name.at, name.size);
    if (exposition_find(exposition, family.name))
        return "a family that came before";
    exposition->families =
        realloc(exposition->families, (exposition->count + 1) * sizeof *exposition->families);
    if (!exposition->families)
        trouble("no memory for an exposition");
    reader->family = &exposition->families[exposition->count++];
    *reader->family = family;
    reader->samples = 0;
    reader->part = PART_ONLY;
    blob_fini(reader->series);
    return NULL;
}

static const char *take_type(struct reader *reader, const char *line)
{
    const char *at = line;
    struct piece name = take_name(&at, true);
    size_t length = name.size;

    if (!reader->family || reader->family->type[0] || !is_piece(name, reader->family->name))
        return "a TYPE that does not follow its HELP";
    if (strcmp(at, " counter") != 0 && strcmp(at, " gauge") != 0 && strcmp(at, " histogram") != 0)
        return "an unknown TYPE";
    snprintf(reader->family->type, sizeof reader->family->type, "%s", at + 1);
    if ((length > 6 && memcmp(line + length - 6, "_total", 6) == 0) !=
        (strcmp(at, " counter") == 0))
        return "a counter ends in _total, and nothing else does";
    return NULL;
}

static const char *take_line(struct reader *reader, const char *line)
{
    if (strncmp(line, "# HELP ", 7) == 0)
        return begin_family(reader, line + 7);
    if (strncmp(line, "# TYPE ", 7) == 0)
        return take_type(reader, line + 7);
    return take_sample(reader, line);
}

bool exposition_parse(const char *text, struct exposition *exposition, struct blob *error)
{
    struct blob series = {0}, lines = {0};
    struct reader reader = {.exposition = exposition, .series = &series};
    const char *wrong = NULL;
    char *end;

    *exposition = (struct exposition){0};
    blob_append_text(&lines, text);
    for (char *line = lines.data; line && *line && !wrong; line = end + 1) {
        if ((end = strchr(line, '\n')) == NULL) {
            wrong = "the last line has no end";
            break;
        }
        *end = '\0';
        if ((wrong = take_line(&reader, line)) != NULL)
            blob_append_format(error, "%s: %s", wrong, line);
    }
    wrong = wrong ? wrong : end_family(&reader);
    if (wrong && error->length == 0)
        blob_append_text(error, wrong);
    blob_fini(&series);
    blob_fini(&lines);
    return !wrong;
}

void exposition_fini(struct exposition *exposition)
{
    free(exposition->families);
    *exposition = (struct exposition){0};
}

const struct exposition_family *exposition_find(const struct exposition *exposition,
                                                const char *name)
{
    for (size_t i = 0; i < exposition->count; i++)
        if (strcmp(exposition->families[i].name, name) == 0)
            return &exposition->families[i];
    return NULL;
}
