/* Who may be asked for now, who waits, and who is refused. Pure.
 *
 * At most max_parallel requests are in progress. Those beyond wait in the order of their arrival,
 * none overtaking another; when max_waiting wait, one more is refused. */
#ifndef WEIR_SERVER_ADMISSION_H
#define WEIR_SERVER_ADMISSION_H

#include "common/server_request.h"

struct server_admission {
    size_t max_parallel, max_waiting; /* requests; set before use */
    size_t in_progress, waiting;
    struct server_request *first, **end; /* those who wait; `end` is where the next is put */
};

void server_admission_init(struct server_admission *admission, size_t max_parallel,
                           size_t max_waiting);

/* Other bounds from now on. Who is in progress or waits stays, even where that is more. */
void server_admission_limit(struct server_admission *admission, size_t max_parallel,
                            size_t max_waiting);

/* ASKED: it is in progress now. WAITING: it is in the queue. DONE: it is refused. The state of the
 * request is set to the same. */
enum server_request_state server_admission_enter(struct server_admission *admission,
                                                 struct server_request *request);

/* Takes out one that has entered, wherever it is. One refused is left alone. */
void server_admission_leave(struct server_admission *admission, struct server_request *request);

/* The one whose turn has come, now in progress (ASKED); NULL when there is none. */
struct server_request *server_admission_next(struct server_admission *admission);

#endif
