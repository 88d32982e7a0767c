/* Messages: what is asked, answered and announced between stages, and how it lies in a batch on the
 * wire. docs/protocol.md says the same in prose; this is the only code that knows the layout.
 *
 * A batch is one ZeroMQ message. Its first frame is a header and records, little-endian, packed,
 * with no pointers; each value of VALUE_BY_REFERENCE or more follows as a frame of its own, in the
 * order of the records that own them. Every length is checked against what is left before it is
 * used.
 *
 *     header   magic u32, version u8, reserved u8[3] (0), session u64, sequence u32,
 *              acknowledged u32, records u32
 *     HELLO    kind u8, ring u64, heartbeat u8 (1: this end sends heartbeats and expects them),
 *              notices u8 (1: this end wants them)
 *     WELCOME  kind u8, ring u64, credit u32 (asks that may be outstanding)
 *     RESET    kind u8, version u8 (the sender's)
 *     ASK      kind u8, flags u8 (enum ask_flag), id u64, remaining u32 (ms), key size u32, key
 *     VALUE    kind u8, by_reference u8, id u64, life u32 (ms), age u32 (ms), tag u64, hops u8,
 *              size u32, the hops (trail.h), bytes
 *     NONE     kind u8, id u64, life u32 (ms), age u32 (ms), hops u8, the hops
 *     FAIL     kind u8, status u8, id u64
 *     LANE     kind u8, session u64 (whose huge values are to come this way)
 *     KEY      kind u8, key size u32, key: it has changed
 *     ALL      kind u8: every key has changed
 *     LOST     kind u8: nothing is known to be fresh
 *     PROVE    kind u8, number u32 (the asker's): how old is your proof?
 *     PROVEN   kind u8, number u32 (the same), age u32 (ms; all ones: there is none)
 *
 * All functions are pure. */
#ifndef WEIR_MESSAGE_H
#define WEIR_MESSAGE_H

#include "common/buffer.h"
#include "common/bytes.h"
#include "common/value.h"

#include <stdbool.h>
#include <stdint.h>

#define MESSAGE_MAGIC       UINT32_C(0x52494557) /* "WEIR" */
#define MESSAGE_VERSION     1
#define MESSAGE_HEADER_SIZE 28

/* Every limit of the wire, in one place. */
#define MESSAGE_MAX_KEY         (64 * 1024)         /* bytes */
#define MESSAGE_MAX_VALUE       (512 * 1024 * 1024) /* bytes: Redis's own limit */
#define MESSAGE_MAX_RECORDS     1024                /* a batch */
#define MESSAGE_MAX_FIRST_FRAME (16 * 1024 * 1024)  /* bytes: MAX_RECORDS inline values fit */
#define MESSAGE_LIFE_UNBOUNDED  UINT32_MAX          /* ms: the origin set no end */
#define MESSAGE_NO_PROOF        UINT32_MAX          /* ms, as an age */

/* What became of an ask. The fails are told apart as a client must be (one table turns them into
 * HTTP, one into RESP). The numbers are on the wire. */
enum status {
    STATUS_VALUE = 0,
    STATUS_NONE = 1,            /* Redis has no such key */
    STATUS_WRONG_TYPE = 2,      /* the key holds another type than a string */
    STATUS_ORIGIN_ERROR = 3,    /* Redis answered with another error */
    STATUS_ORIGIN_BROKEN = 4,   /* Redis broke the protocol */
    STATUS_AWAY = 5,            /* no connection to Redis is up, or no session to the next stage */
    STATUS_BUSY = 6,            /* too much work in progress: a queue or the credit is used up */
    STATUS_WAITED_TOO_LONG = 7, /* the deadline passed before Redis was asked */
    STATUS_TIMEOUT = 8,         /* Redis was asked and did not answer within the deadline */
    STATUS_COUNT
};

enum ask_flag {
    /* What will not do as an answer. */
    ASK_RENEW = 1,   /* one that is past its time: it must be fetched, or still have life */
    ASK_REFRESH = 2, /* one that is stored: Redis must be asked, now or by a fetch under way */
    /* No value is wanted. The origin is to announce, to all whom it reaches, that the key has
     * changed; NONE says that it has. */
    ASK_PURGE = 4,
    ASK_PURGE_ALL = 8 /* the same of every key */
};
#define ASK_FLAGS  (ASK_RENEW | ASK_REFRESH | ASK_PURGES)
#define ASK_PURGES (ASK_PURGE | ASK_PURGE_ALL)

/* One ask, valid during the call that hands it over. */
struct ask {
    struct bytes key;
    int64_t deadline; /* mono ns: when the asker stops to be interested */
    unsigned flags;   /* of enum ask_flag */
};

/* The answer to one ask. Either `bytes` (small, valid during the call that hands it over) or
 * `value` (by reference) is set for STATUS_VALUE; neither otherwise. All that speaks of time or
 * trail is set for STATUS_VALUE and STATUS_NONE alone. */
struct answer {
    enum status status;
    uint32_t life_ms;   /* what remains of its life, or MESSAGE_LIFE_UNBOUNDED; 0: keep it not */
    uint32_t age_ms;    /* since it was read from Redis */
    uint64_t tag;       /* of the bytes: entity_tag.h; VALUE only */
    struct bytes trail; /* what each cache on its way made of it: trail.h */
    struct bytes bytes;
    struct value *value; /* borrowed: value_share to keep it */
};

/* The bytes of a STATUS_VALUE, wherever they are. */
static inline struct bytes answer_bytes(const struct answer *answer)
{
    return answer->value ? answer->value->bytes : answer->bytes;
}

/* Whether it says what Redis holds, be that a value or nothing: what may be kept. */
static inline bool answer_is_known(const struct answer *answer)
{
    return answer->status == STATUS_VALUE || answer->status == STATUS_NONE;
}

enum record_kind {
    RECORD_HELLO = 1,
    RECORD_WELCOME = 2,
    RECORD_RESET = 3,
    RECORD_ASK = 4,
    RECORD_VALUE = 5,
    RECORD_NONE = 6,
    RECORD_FAIL = 7,
    RECORD_LANE = 8,
    RECORD_KEY = 9,
    RECORD_ALL = 10,
    RECORD_LOST = 11,
    RECORD_PROVE = 12,
    RECORD_PROVEN = 13
};

/* What the origin announces, along the links towards the clients. */
enum notice_kind {
    NOTICE_KEY,   /* it has changed: no value read before may be kept */
    NOTICE_ALL,   /* every key has */
    NOTICE_LOST,  /* notices may have been missed: nothing is known to be fresh */
    NOTICE_PROVEN /* every write acknowledged before a moment has been announced */
};

struct notice {
    enum notice_kind kind;
    struct bytes key; /* KEY; valid during the call */
    int64_t proven;   /* PROVEN: that moment, of this machine's clock (boot ns) */
};

/* One decoded record; which fields are set follows from `kind`. Bytes point into the batch. */
struct record {
    enum record_kind kind;
    uint64_t id;           /* ASK, VALUE, NONE, FAIL */
    uint64_t ring;         /* HELLO, WELCOME */
    uint64_t session;      /* LANE */
    uint32_t credit;       /* WELCOME */
    uint32_t remaining_ms; /* ASK */
    uint32_t number;       /* PROVE, PROVEN */
    uint32_t proof_ms;     /* PROVEN: the age of the proof, or MESSAGE_NO_PROOF */
    bool heartbeat;        /* HELLO */
    bool notices;          /* HELLO */
    uint8_t version;       /* RESET */
    unsigned flags;        /* ASK */
    struct bytes key;      /* ASK, KEY */
    struct answer answer;  /* VALUE, NONE, FAIL */
};

struct batch_header {
    uint64_t session;
    uint32_t sequence;
    uint32_t acknowledged;
    uint32_t records;
};

/* ---- encoding: a batch that is being gathered ---- */

struct batch {
    struct buffer frame; /* room for the header, then the records */
    uint32_t records;
    struct value **values; /* those by reference, one reference each, in order */
    size_t value_count, value_capacity;
};

/* A zeroed batch is empty. */
void batch_fini(struct batch *batch);

/* Forgets the records (after they were sent); the memory is kept for the next ones, unless it is
 * more than a turn usually needs. References to values that were not taken over (nulled in `values`
 * by who took them) are released; a frame that was taken over is a zeroed buffer. */
void batch_clear(struct batch *batch);

void batch_add_hello(struct batch *batch, uint64_t ring, bool heartbeat, bool notices);
void batch_add_welcome(struct batch *batch, uint64_t ring, uint32_t credit);
void batch_add_reset(struct batch *batch);
void batch_add_lane(struct batch *batch, uint64_t session);
/* CHECK: key.size <= MESSAGE_MAX_KEY, here and below. */
void batch_add_ask(struct batch *batch, uint64_t id, uint32_t remaining_ms, unsigned flags,
                   struct bytes key);
void batch_add_key(struct batch *batch, struct bytes key);
void batch_add_all(struct batch *batch);
void batch_add_lost(struct batch *batch);
void batch_add_prove(struct batch *batch, uint32_t number);
void batch_add_proven(struct batch *batch, uint32_t number, uint32_t age_ms);
/* VALUE, NONE or FAIL, as answer->status says; takes a reference of its own to answer->value. The
 * size alone decides how the bytes travel: those of VALUE_BY_REFERENCE or more by reference (a copy
 * where they have no value yet; FAIL busy where there is no memory for it), smaller ones inline.
 * CHECK: at most MESSAGE_MAX_VALUE bytes, and a trail that trail.h made. */
void batch_add_answer(struct batch *batch, uint64_t id, const struct answer *answer);

bool batch_is_empty(const struct batch *batch);
/* Whether one more record could break a limit of the wire: send first. */
bool batch_is_full(const struct batch *batch);

/* Writes the header in front of the records; the frame is then ready to be sent, and behind it, in
 * order, the frames of `values`. */
void batch_seal(struct batch *batch, uint64_t session, uint32_t sequence, uint32_t acknowledged);

/* ---- decoding ---- */

enum batch_verdict { BATCH_READY, BATCH_MALFORMED, BATCH_OTHER_VERSION };

struct batch_reader {
    struct batch_header header;
    uint8_t version;             /* where it is another */
    unsigned kinds;              /* a RECORD_BIT for each kind of record in it */
    const char *next, *end;      /* in the first frame */
    struct value *const *values; /* frames behind the first, borrowed */
    size_t value_count, value_next;
};

#define RECORD_BIT(kind) (1U << (kind))

/* Checks the whole batch, every record and the number and sizes of its frames, before any of it is
 * used; only BATCH_READY leaves the reader ready for batch_next. OTHER_VERSION is told from magic
 * and version alone: nothing else is known of another version's layout. */
enum batch_verdict batch_read(struct batch_reader *reader, struct bytes first_frame,
                              struct value *const *values, size_t value_count);

/* The next record; false at the end. */
bool batch_next(struct batch_reader *reader, struct record *record);

#endif
