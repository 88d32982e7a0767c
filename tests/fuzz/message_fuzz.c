/* Foreign bytes against the decoder, and against two askers and their server in the midst of work.
 *
 * Decoder: what it accepts, encoded again, must be the same bytes. Links: the input is a play, acts
 * of [what, size, bytes...], in which the ends talk to each other, over their connections and
 * lanes, and in between come bytes of the input, with the header made right where it wishes so, and
 * batches that were sent before. Nothing may crash, nothing may be answered that was not asked, or
 * twice, and nothing proven of a time that has not come. Where the input leaves it to strangers to
 * be hostile, the askers must notice nothing.
 */
#include "common/check.h"
#include "common/link_asker.h"
#include "common/link_server.h"
#include "common/memory.h"
#include "tests/support/moment.h"

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

/* ---- askers and a server ---- */

#define MOST_ASKS   512
#define ASKERS      2
#define CONNECTIONS (2 * ASKERS)      /* asker i has 2i, and 2i + 1 for its lane */
#define PEERS       (CONNECTIONS + 2) /* as the server numbers them; two are strangers */

static const char huge[LINK_BULK] = "v";

enum direction { TO_SERVER, TO_ASKER };

/* The batch that was sent last, to be continued or played again. */
struct past {
    struct batch_header header;
    struct buffer frame;
    struct value *value; /* the first of them, or NULL */
};

struct asking {
    struct play *play;
    struct link_asker *link;
    unsigned char is_waiting[MOST_ASKS]; /* by token: taken, and not yet answered */
    uint32_t asks, waiting;
};

struct play {
    struct bytes input;
    bool has_strangers; /* who alone are hostile */
    int64_t now;
    struct asking askers[ASKERS];
    struct link_server *server;
    uint64_t random, said; /* names of sessions, and batches, so far */
    struct return_address held[MOST_ASKS];
    uint32_t held_count;
    struct past past[2][CONNECTIONS]; /* by direction */
    struct value *frames[FRAMES];
    struct value huge; /* takes a lane */
};

static uint64_t count_up(void *owner)
{
    return ++((struct asking *)owner)->play->random;
}

static void on_lost_ask(void *owner, uint64_t token)
{
    struct asking *asking = owner;
    CHECK(token < asking->asks && asking->is_waiting[token]);
    asking->is_waiting[token] = 0;
    asking->waiting--;
}

static void on_answer(void *owner, uint64_t token, const struct answer *answer)
{
    CHECK(answer->status < STATUS_COUNT);
    CHECK(answer->value == NULL || answer->value->bytes.data[0] == 'v');
    on_lost_ask(owner, token);
}

static void on_notice(void *owner, const struct notice *notice)
{
    const struct asking *asking = owner;
    CHECK(notice->kind != NOTICE_KEY || notice->key.size <= MESSAGE_MAX_KEY);
    CHECK(notice->kind != NOTICE_PROVEN || notice->proven <= moment_boot(asking->play->now));
}

static void on_asker_event(void *owner, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    CHECK(event != LINK_LOST || ((struct asking *)owner)->waiting == 0);
}

static void on_ask(void *owner, const struct return_address *from, const struct ask *asked)
{
    struct play *play = owner;
    CHECK(asked->key.size <= MESSAGE_MAX_KEY && asked->deadline >= play->now);
    if (play->held_count < MOST_ASKS)
        play->held[play->held_count++] = *from;
    else
        link_server_answer(play->server, from, &(struct answer){.status = STATUS_NONE});
}

static void on_server_event(void *owner, uint64_t peer, enum link_event event, uint64_t theirs)
{
    (void)owner, (void)event, (void)theirs;
    CHECK(peer < PEERS);
}

static void receive(struct play *play, enum direction to, uint64_t peer, struct bytes frame,
                    struct value *const *values, size_t count)
{
    if (to == TO_SERVER)
        link_server_receive(play->server, play->now, peer, frame, values, count);
    else
        (peer % 2 ? link_asker_receive_lane : link_asker_receive)(play->askers[peer / 2].link,
                                                                  play->now, frame, values, count);
}

/* What is sent to a stranger falls on the floor. */
static void deliver(struct play *play, enum direction to, uint64_t peer, struct batch *batch)
{
    const struct bytes frame = buffer_bytes(&batch->frame);
    struct batch_reader reader;
    CHECK(batch_read(&reader, frame, batch->values, batch->value_count) == BATCH_READY);
    play->said++;
    if (peer < CONNECTIONS) {
        struct past *past = &play->past[to][peer];
        past->header = reader.header;
        past->frame.size = 0;
        buffer_append(&past->frame, frame.data, frame.size);
        value_release(&past->value);
        past->value = batch->value_count > 0 ? value_share(batch->values[0]) : NULL;
        receive(play, to, peer, frame, batch->values, batch->value_count);
    }
    batch_clear(batch);
}

/* Returns whether anybody has said anything. */
static bool talk(struct play *play)
{
    const uint64_t before = play->said;
    struct batch *batch;
    uint64_t peer;
    for (uint64_t i = 0; i < ASKERS; i++) {
        struct link_asker *link = play->askers[i].link;
        link_asker_tick(link, moment_at(play->now));
        while ((batch = link_asker_flush(link, play->now)) != NULL)
            deliver(play, TO_SERVER, 2 * i, batch);
        while ((batch = link_asker_flush_lane(link, play->now)) != NULL)
            deliver(play, TO_SERVER, 2 * i + 1, batch);
    }
    link_server_tick(play->server, play->now);
    while ((batch = link_server_flush(play->server, moment_at(play->now), &peer)) != NULL)
        deliver(play, TO_ASKER, peer, batch);
    return play->said > before;
}

/* ---- acts ---- */

static void ask(struct play *play, struct asking *asking, struct bytes key)
{
    if (asking->asks == MOST_ASKS)
        return;
    const struct ask asked = {
        .key = key, .deadline = play->now + SECOND, .flags = key.size & ASK_FLAGS};
    enum status status = link_asker_ask(asking->link, play->now, asking->asks, &asked);
    if (status == STATUS_VALUE) {
        asking->is_waiting[asking->asks++] = 1;
        asking->waiting++;
    }
}

static void answer(struct play *play, struct bytes bytes, struct value *value)
{
    if (play->held_count == 0)
        return;
    struct return_address to = play->held[--play->held_count];
    struct answer answer = {.status = (enum status)(bytes.size % STATUS_COUNT), .bytes = bytes};
    if (answer.status == STATUS_VALUE && bytes.size == 0)
        answer.value = value;
    link_server_answer(play->server, &to, &answer);
}

static void notify(struct play *play, unsigned what, struct bytes key)
{
    link_server_notify(play->server, &(struct notice){.kind = (enum notice_kind)(what & 3),
                                                      .key = key,
                                                      .proven = moment_boot(play->now)});
}

/* Whoever knows the name of a session can give it a lane, so these names are secrets, which no
 * stranger can say. Here they are not. */
static bool tells_secret(struct bytes frame)
{
    struct batch_reader reader;
    return batch_read(&reader, frame, NULL, 0) == BATCH_READY &&
           (reader.kinds & RECORD_BIT(RECORD_LANE)) != 0;
}

/* From anyone to anyone; or from a stranger to the server, where only they are hostile. */
static void intrude(struct play *play, enum direction to, unsigned whom, struct bytes frame,
                    struct value *const *values, size_t count)
{
    if (!play->has_strangers)
        receive(play, to, whom % (to == TO_SERVER ? PEERS : CONNECTIONS), frame, values, count);
    else if (!tells_secret(frame))
        receive(play, TO_SERVER, CONNECTIONS + whom % 2, frame, values, count);
}

/* Bytes of the input as a message: as they are, or as the records behind a header that continues
 * what the other end has said. */
static void forge(struct play *play, unsigned what, struct bytes bytes)
{
    const enum direction to = what & 1 ? TO_SERVER : TO_ASKER;
    const struct batch_header *last = &play->past[to][(what >> 4) % CONNECTIONS].header;
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
    intrude(play, to, what >> 4, buffer_bytes(&batch.frame), play->frames, what & 8 ? 1 : 0);
    batch_fini(&batch);
}

static void replay(struct play *play, unsigned what, unsigned whom)
{
    const enum direction to = what & 32 ? TO_SERVER : TO_ASKER;
    const struct past *past = &play->past[to][what >> 6];
    intrude(play, to, whom, buffer_bytes(&past->frame), &past->value, past->value != NULL);
}

static void lose(struct play *play, unsigned what, unsigned whom)
{
    struct link_asker *link = play->askers[whom / 2 % ASKERS].link;
    if (play->has_strangers)
        link_server_lose(play->server, CONNECTIONS + whom % 2);
    else if (what == 4)
        link_server_lose(play->server, whom % PEERS);
    else
        (whom % 2 ? link_asker_lose_lane : link_asker_lose)(link, play->now);
}

/* Those who are not hostile never fall silent. */
static void pass_time(struct play *play, size_t size)
{
    play->now += (int64_t)size * (play->has_strangers ? 1 : 8) * MILLISECOND;
    if (play->has_strangers)
        talk(play);
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
        pass_time(play, size);
        break;
    case 1:
        ask(play, &play->askers[(what >> 5) % ASKERS], bytes);
        break;
    case 2:
        answer(play, bytes, play->frames[0]);
        break;
    case 3:
    case 4:
        lose(play, what >> 2 & 7, what >> 5);
        break;
    case 5:
        if (size > 0)
            notify(play, what >> 5, bytes);
        else
            talk(play);
        break;
    case 6:
        answer(play, bytes, &play->huge);
        break;
    default:
        replay(play, what, (unsigned)size);
    }
    return true;
}

/* ---- the play ---- */

static void begin(struct play *play, unsigned what)
{
    struct link_server_settings server = {
        .owner = play, .on_ask = on_ask, .on_event = on_server_event};
    struct link_asker_settings asker = {.heartbeat = (what & 1) != 0,
                                        .has_lane = (what & 4) != 0,
                                        .random = count_up,
                                        .on_answer = on_answer,
                                        .on_notice = what & 16 ? on_notice : NULL,
                                        .on_event = on_asker_event};
    play->has_strangers = (what & 8) != 0;
    make_frames(play->frames);
    atomic_init(&play->huge.references, 1);
    play->huge.bytes = (struct bytes){huge, sizeof huge};
    play->server = link_server_create(&server);
    for (size_t i = 0; i < ASKERS; i++) {
        play->askers[i].play = play;
        asker.owner = &play->askers[i];
        asker.on_lost_ask = i > 0 ? on_lost_ask : NULL;
        play->askers[i].link = link_asker_create(&asker);
        if (what & 16)
            link_asker_watch(play->askers[i].link, 100 * MILLISECOND);
    }
    talk(play);
    if (what & 2)
        link_server_open(play->server);
    talk(play);
}

/* With everything that is held answered, and everything said, nobody waits; unless somebody was
 * hostile to them, whose sessions are then ended. */
static void end(struct play *play)
{
    do {
        while (play->held_count > 0)
            answer(play, (struct bytes){0}, play->frames[0]);
    } while (talk(play));
    for (size_t i = 0; i < ASKERS; i++) {
        struct asking *asking = &play->askers[i];
        if (play->has_strangers)
            CHECK(asking->waiting == 0 && link_asker_counters(asking->link)->sessions_lost == 0);
        link_asker_lose(asking->link, play->now);
        link_asker_tick(asking->link, moment_at(play->now));
        CHECK(asking->waiting == 0 && link_asker_outstanding(asking->link) == 0);
        link_asker_destroy(&asking->link);
    }
    link_server_destroy(&play->server);
    for (size_t i = 0; i < 2 * CONNECTIONS; i++) {
        struct past *past = &play->past[i / CONNECTIONS][i % CONNECTIONS];
        value_release(&past->value);
        buffer_fini(&past->frame);
    }
    release_frames(play->frames);
    CHECK(atomic_load(&play->huge.references) == 1);
}

static void try_links(struct bytes input)
{
    struct play *play = memory_alloc(1, sizeof *play);
    play->input = input;
    begin(play, (unsigned char)input.data[0]);
    while (act(play))
        for (size_t i = 0; i < ASKERS; i++)
            CHECK(link_asker_outstanding(play->askers[i].link) == play->askers[i].waiting);
    end(play);
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
