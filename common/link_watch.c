#include "common/link_watch.h"

void link_watch_begin(struct link_watch *watch, int64_t now)
{
    watch->is_waiting = false;
    watch->due_at = now;
}

int64_t link_watch_tick(struct link_watch *watch, struct moment now, struct link_window *window)
{
    if (watch->every == 0 || watch->is_waiting)
        return NEVER;
    if (now.mono < watch->due_at)
        return watch->due_at;
    watch->asked_at = now.boot;
    watch->due_at = now.mono + watch->every;
    watch->is_waiting = true;
    batch_add_prove(link_window_gather(window), ++watch->number);
    return NEVER;
}

bool link_watch_take(struct link_watch *watch, const struct record *record, int64_t *proven)
{
    if (!watch->is_waiting || record->number != watch->number)
        return false;
    watch->is_waiting = false;
    *proven = watch->asked_at - record->proof_ms * MILLISECOND;
    return record->proof_ms != MESSAGE_NO_PROOF;
}
