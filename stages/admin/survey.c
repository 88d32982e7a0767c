#include "stages/admin/survey.h"

#include "common/memory.h"

#include <stdlib.h>

void survey_init(struct survey *survey, struct ask_port *asks)
{
    *survey = (struct survey){.asks = asks, .deadline = NEVER};
    survey->parts = memory_alloc(asks->shards, sizeof(*survey->parts));
}

void survey_fini(struct survey *survey)
{
    if (!survey->parts)
        return;
    for (size_t i = 0; i < survey->asks->shards; i++)
        buffer_fini(&survey->parts[i].text);
    free(survey->parts);
    survey->parts = NULL;
}

enum status survey_start(struct survey *survey, uint64_t token, struct bytes key, size_t reactors,
                         int64_t deadline)
{
    survey->reactors = reactors;
    survey->round++;
    survey->token = token;
    survey->deadline = deadline;
    survey->missing = 0;
    const struct ask ask = {.key = key, .deadline = deadline};
    for (size_t i = 0; i < reactors; i++) {
        survey->parts[i].has_come = false;
        survey->parts[i].text.size = 0;
        uint64_t question = (uint64_t)survey->round << 32 | i;
        if (port_ask_shard(survey->asks, i, question, &ask) == STATUS_VALUE)
            survey->missing++;
    }
    if (survey->missing > 0)
        return STATUS_VALUE;
    survey_end(survey);
    return STATUS_AWAY;
}

bool survey_take(struct survey *survey, uint64_t token, const struct answer *answer)
{
    if (survey->deadline == NEVER || token >> 32 != survey->round)
        return false;
    struct part *part = &survey->parts[(uint32_t)token];
    struct bytes text = answer_bytes(answer);
    part->has_come = answer->status == STATUS_VALUE;
    buffer_append(&part->text, text.data, text.size);
    return --survey->missing == 0;
}

bool survey_is_overdue(const struct survey *survey, int64_t now)
{
    return now >= survey->deadline;
}

void survey_end(struct survey *survey)
{
    survey->deadline = NEVER;
}
