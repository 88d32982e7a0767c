/* Foreign bytes against the decoder, and against an asker and a server in the middle of their work.
 *
 * Decoder: what it accepts, encoded again, must be the same bytes. Links: the input is a play, a
 * byte of settings and acts of [what, size, bytes...], in which the two ends talk to each other and
 * bytes of the input come in between, from either side, with the header made right where the input
 * wishes it. Nothing may crash, nothing may be answered that was not asked, or twice, and nothing
 * may be proven of a time that has not come. */
#include "common/check.h"
#include "common/link_asker.h"
#include "common/link_server.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAMES 3 /* that come with a batch, at most */

static void make_frames(struct value *frames[FRAMES])
{
    for (size_t i = 0; i < FRAMES; i++) {
        frames[i] = value_create(VALUE_BY_REFERENCE);
        CHECK(frames[i] != NULL);
        memset(value_writable(frames[i]), 'v', VALUE_BY_REFERENCE);
    }
}

static void release_frames(struct value *frames[FRAMES])
{
    for (size_t i = 0; i < FRAMES; i++) {
        CHECK(atomic_load(&frames[i]->references) == 1);
        value_release(&frames[i]);
    }
}

/* ---- the decoder ---- */

static void encode(struct batch *batch, const struct record *record)
{
    switch (record->kind) {
    case RECORD_HELLO:
        batch_add_hello(batch, record->ring, record->heartbeat, record->notices);
        break;
    case RECORD_WELCOME:
        batch_add_welcome(batch, record->ring, record->credit);
        break;
    case RECORD_RESET:
        batch_add_reset(batch);
        batch->frame.data[batch->frame.size - 1] = (char)record->version;
        break;
    case RECORD_LANE:
        batch_add_lane(batch, record->session);
        break;
    case RECORD_ASK:
        batch_add_ask(batch, record->id, record->remaining_ms, record->flags, record->key);
        break;
    case RECORD_KEY:
        batch_add_key(batch, record->key);
        break;
    case RECORD_ALL:
        batch_add_all(batch);
        break;
    case RECORD_LOST:
        batch_add_lost(batch);
        break;
    case RECORD_PROVE:
        batch_add_prove(batch, record->number);
        break;
    case RECORD_PROVEN:
        batch_add_proven(batch, record->number, record->proof_ms);
        break;
    default:
        batch_add_answer(batch, record->id, &record->answer);
    }
}

/* The first byte is the number of frames that come with the batch. */
static void try_decoder(struct bytes input)
{
    struct value *frames[FRAMES];
    struct batch_reader reader;
    struct record record;
    struct batch again = {0};
    size_t count = (size_t)(unsigned char)input.data[0] % (FRAMES + 1);
    struct bytes frame = {input.data + 1, input.size - 1};

    make_frames(frames);
    if (batch_read(&reader, frame, frames, count) == BATCH_READY) {
        uint32_t records = 0;
        for (; batch_next(&reader, &record); records++)
            encode(&again, &record);
        CHECK(records == reader.header.records);
        CHECK(again.value_count == count);
        batch_seal(&again, reader.header.session, reader.header.sequence,
                   reader.header.acknowledged);
        CHECK(bytes_are_equal(buffer_bytes(&again.frame), frame));
    }
    batch_fini(&again);
    release_frames(frames);
}

/* ---- an asker and a server ---- */

#define MOST_ASKS 4096
#define PEERS     3

struct play {
    struct bytes input;
    int64_t now;
    struct link_asker *asker;
    struct link_server *server;
    uint64_t random;
    unsigned char is_waiting[MOST_ASKS]; /* by token: taken, and not yet answered */
    uint32_t asks, waiting;
    struct return_address held[MOST_ASKS];
    uint32_t held_count;
    struct batch_header from_asker, from_server; /* of the last batch either has sent */
    struct value *frames[FRAMES];
};

static uint64_t count_up(void *owner)
{
    return ++((struct play *)owner)->random;
}

static void on_answer(void *owner, uint64_t token, const struct answer *answer)
{
    struct play *play = owner;
    CHECK(token < play->asks && play->is_waiting[token]);
    CHECK(answer->status < STATUS_COUNT);
    CHECK(answer->value == NULL || answer->value->bytes.data[0] == 'v');
    play->is_waiting[token] = 0;
    play->waiting--;
}

static void on_notice(void *owner, const struct notice *notice)
{
    struct play *play = owner;
    CHECK(notice->kind != NOTICE_KEY || notice->key.size <= MESSAGE_MAX_KEY);
    CHECK(notice->kind != NOTICE_PROVEN || notice->proven <= play->now);
}

static void on_asker_event(void *owner, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    struct play *play = owner;
    CHECK(event != LINK_LOST || play->waiting == 0);
}

static void on_ask(void *owner, const struct return_address *from, const struct ask *asked)
{
    struct play *play = owner;
    CHECK(asked->key.size <= MESSAGE_MAX_KEY && asked->deadline >= play->now);
    if (play->held_count < MOST_ASKS)
        play->held[play->held_count++] = *from;
}

static void on_server_event(void *owner, uint64_t peer, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    (void)owner;
    (void)event;
    CHECK(peer < PEERS);
}

static struct batch_header header_of(const struct batch *batch)
{
    struct batch_reader reader;
    CHECK(batch_read(&reader, buffer_bytes(&batch->frame), batch->values, batch->value_count) ==
          BATCH_READY);
    return reader.header;
}

/* The asker is peer 0; what is sent to the others falls on the floor. */
static void talk(struct play *play)
{
    struct batch *batch;
    uint64_t peer;
    link_asker_tick(play->asker, play->now);
    while ((batch = link_asker_flush(play->asker, play->now)) != NULL) {
        play->from_asker = header_of(batch);
        link_server_receive(play->server, play->now, 0, buffer_bytes(&batch->frame), batch->values,
                            batch->value_count);
        batch_clear(batch);
    }
    link_server_tick(play->server, play->now);
    while ((batch = link_server_flush(play->server, play->now, &peer)) != NULL) {
        struct batch_header header = header_of(batch);
        if (peer == 0) {
            play->from_server = header;
            link_asker_receive(play->asker, play->now, buffer_bytes(&batch->frame), batch->values,
                               batch->value_count);
        }
        batch_clear(batch);
    }
}

static void ask(struct play *play, struct bytes key)
{
    if (play->asks == MOST_ASKS)
        return;
    const struct ask asked = {
        .key = key, .deadline = play->now + SECOND, .flags = key.size & ASK_FLAGS};
    enum status status = link_asker_ask(play->asker, play->now, play->asks, &asked);
    if (status == STATUS_VALUE) {
        play->is_waiting[play->asks++] = 1;
        play->waiting++;
    }
}

static void answer(struct play *play, struct bytes bytes)
{
    if (play->held_count == 0)
        return;
    struct return_address to = play->held[--play->held_count];
    struct answer answer = {.status = (enum status)(bytes.size % STATUS_COUNT), .bytes = bytes};
    if (answer.status == STATUS_VALUE && bytes.size == 0)
        answer.value = play->frames[0];
    link_server_answer(play->server, &to, &answer);
}

static void notify(struct play *play, unsigned what, struct bytes key)
{
    link_server_notify(
        play->server,
        &(struct notice){.kind = (enum notice_kind)(what & 3), .key = key, .proven = play->now});
}

/* Bytes of the input as a message: as they are, or as the records behind a header that continues
 * what the other end has said. */
static void forge(struct play *play, unsigned what, struct bytes bytes)
{
    const struct batch_header *last = what & 1 ? &play->from_asker : &play->from_server;
    struct batch batch = {0};
    if (what & 4) {
        buffer_append(&batch.frame, bytes.data, bytes.size);
    } else {
        buffer_reserve(&batch.frame, MESSAGE_HEADER_SIZE);
        batch.frame.size = MESSAGE_HEADER_SIZE;
        batch.records = what >> 6; /* few, and so often the right number */
        buffer_append(&batch.frame, bytes.data, bytes.size);
        batch_seal(&batch, last->session, last->sequence + (batch.records > 0), last->acknowledged);
    }
    size_t frames = what & 8 ? 1 : 0;
    if (what & 1)
        link_server_receive(play->server, play->now, (what >> 4) % PEERS,
                            buffer_bytes(&batch.frame), play->frames, frames);
    else
        link_asker_receive(play->asker, play->now, buffer_bytes(&batch.frame), play->frames,
                           frames);
    batch_fini(&batch);
}

/* One act; false at the end of the input. */
static bool act(struct play *play)
{
    if (play->input.size < 2)
        return false;
    unsigned what = (unsigned char)play->input.data[0];
    size_t size = (unsigned char)play->input.data[1];
    size = size < play->input.size - 2 ? size : play->input.size - 2;
    struct bytes bytes = {play->input.data + 2, size};
    play->input.data += 2 + size;
    play->input.size -= 2 + size;

    if (what & 2) {
        forge(play, what, bytes);
        return true;
    }
    switch (what >> 2 & 7) {
    case 0:
        play->now += (int64_t)size * 8 * MILLISECOND;
        break;
    case 1:
        ask(play, bytes);
        break;
    case 2:
        answer(play, bytes);
        break;
    case 3:
        link_asker_lose(play->asker, play->now);
        break;
    case 4:
        link_server_lose(play->server, 0);
        break;
    case 5:
        notify(play, what >> 5, bytes);
        break;
    default:
        talk(play);
    }
    return true;
}

static void try_links(struct bytes input)
{
    struct play *play = memory_alloc(1, sizeof *play);
    const unsigned settings = (unsigned char)input.data[0];
    struct link_asker_settings asker = {.heartbeat = (settings & 1) != 0,
                                        .random = count_up,
                                        .owner = play,
                                        .on_answer = on_answer,
                                        .on_notice = settings & 4 ? on_notice : NULL,
                                        .on_event = on_asker_event};
    struct link_server_settings server = {
        .owner = play, .on_ask = on_ask, .on_event = on_server_event};
    play->input = (struct bytes){input.data + 1, input.size - 1};
    make_frames(play->frames);
    play->asker = link_asker_create(&asker);
    play->server = link_server_create(&server);
    if (settings & 4)
        link_asker_watch(play->asker, 100 * MILLISECOND);
    talk(play);
    if (settings & 2)
        link_server_open(play->server);
    talk(play);
    while (act(play))
        CHECK(link_asker_outstanding(play->asker) == play->waiting);

    link_asker_lose(play->asker, play->now);
    link_asker_tick(play->asker, play->now);
    CHECK(play->waiting == 0 && link_asker_outstanding(play->asker) == 0);
    link_asker_destroy(&play->asker);
    link_server_destroy(&play->server);
    release_frames(play->frames);
    free(play);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {(const char *)data, size};
    if (size == 0)
        return 0;
    try_decoder(input);
    try_links(input);
    return 0;
}
