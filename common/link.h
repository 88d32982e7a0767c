/* Links: what an asker and a server hold of each other, over a transport that may lose everything.
 *
 * Pure: batches and time in, batches out; no socket, no clock, no thread. Each end has its own
 * file, link_asker and link_server; what both share is here and in link_window.
 *
 * A session is named by a random number of the asker's. It opens with HELLO and WELCOME, which have
 * sequence 1 on their side; every further batch that holds records has the next sequence. A batch
 * without records (an acknowledgement, a heartbeat) repeats the last sequence and takes none. A
 * RESET, a gap, or (where heartbeats are on) silence for LINK_SILENCE ends the session: every
 * outstanding ask is answered STATUS_AWAY to its stage, and the asker opens a new one after
 * LINK_RETRY_FIRST, doubling to LINK_RETRY_MOST (less a random part of up to a quarter, so that
 * askers do not come back in step). Batches of another session are counted and dropped.
 *
 * RESET is sent by servers alone, in a batch by itself that names the session it ends and whose
 * sequence means nothing; only an asker that still is in that session heeds it.
 *
 * Credit: WELCOME says how many asks may be outstanding; an ask's credit comes back with its answer
 * or with the session's end, never with the asker's own timeout. A server answers every ask exactly
 * once. Window: at most LINK_WINDOW batches with records are unacknowledged each way; beyond that
 * records gather in the next batch. An end that has received half a window and has nothing to say
 * sends an empty batch.
 *
 * Lane: where the transport can give a session a second connection, values of LINK_BULK or more
 * take that, so that nothing small waits behind them. It is opened with LANE, which names the
 * session, and WELCOME; it has sequences and heartbeats of its own, a window of LINK_BULK_WINDOW,
 * and one value in a batch. Ids tell whose answers come there; the order between the two does not
 * matter. When either ends, both do. */
#ifndef WEIR_LINK_H
#define WEIR_LINK_H

#include "common/clock.h"
#include "common/histogram.h"
#include "common/message.h"

#include <stdint.h>

#define LINK_WINDOW         8                   /* batches with records, each way */
#define LINK_CREDIT         32768               /* asks outstanding in one session */
#define LINK_MAX_PEERS      1024                /* askers of one serve address */
#define LINK_BACKLOG        (64 * 1024 * 1024)  /* bytes gathered behind a full window: then BUSY */
#define LINK_NOTICE_BACKLOG (16 * 1024 * 1024)  /* the same: then notices become LOST */
#define LINK_BULK           (256 * 1024)        /* bytes of a value: it takes the lane */
#define LINK_BULK_WINDOW    2                   /* batches on a lane */
#define LINK_HEARTBEAT      (250 * MILLISECOND) /* between batches when there is nothing to say */
#define LINK_SILENCE        (1 * SECOND)        /* without a batch: the session has ended */
#define LINK_RETRY_FIRST    (50 * MILLISECOND)
#define LINK_RETRY_MOST     (1 * SECOND)

/* Which ask an answer belongs to; opaque to stages, which keep it until they answer. */
struct return_address {
    uint32_t peer;       /* which asker of the serve port */
    uint32_t generation; /* of that peer's session */
    uint64_t id;         /* the asker's own */
};

enum link_event {
    LINK_OPENED,
    LINK_LOST,
    LINK_OTHER_VERSION, /* the peer speaks another protocol version: refused */
    LINK_OTHER_RING     /* the peer's ring differs: accepted */
};

/* What a link counts, for the metrics. */
struct link_counters {
    uint64_t batches_sent, batches_received; /* those without records among them */
    uint64_t records_received;
    struct histogram sent;    /* records in each batch that held any */
    uint64_t batches_dropped; /* malformed, of another version or session, beyond credit */
    uint64_t sessions_opened, sessions_lost;
    uint64_t late_answers;   /* for an ask that is no longer known */
    uint64_t other_versions; /* peers refused for it */
    uint64_t other_rings;    /* sessions with peers whose ring is another */
    uint64_t refused_busy;   /* asks refused, or answered so, for want of credit or room */
    uint64_t notices_sent, notices_received;
    uint64_t notices_overflowed; /* dropped, and LOST said in their place */
};

static inline void link_count_sent(struct link_counters *counters, uint32_t records)
{
    counters->batches_sent++;
    if (records > 0)
        histogram_add_count(&counters->sent, records);
}

#endif
