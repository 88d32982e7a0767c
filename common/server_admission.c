#include "common/server_admission.h"

#include "common/check.h"

void server_admission_init(struct server_admission *admission, size_t max_parallel,
                           size_t max_waiting)
{
    *admission =
        (struct server_admission){.max_parallel = max_parallel, .max_waiting = max_waiting};
    admission->end = &admission->first;
}

void server_admission_limit(struct server_admission *admission, size_t max_parallel,
                            size_t max_waiting)
{
    admission->max_parallel = max_parallel;
    admission->max_waiting = max_waiting;
}

static void unlink_waiting(struct server_admission *admission, struct server_request *request)
{
    *request->link = request->next_waiting;
    if (request->next_waiting)
        request->next_waiting->link = request->link;
    else
        admission->end = request->link;
    request->next_waiting = NULL;
    request->link = NULL;
    admission->waiting--;
}

enum server_request_state server_admission_enter(struct server_admission *admission,
                                                 struct server_request *request)
{
    if (admission->waiting == 0 && admission->in_progress < admission->max_parallel) {
        admission->in_progress++;
        request->state = REQUEST_ASKED;
    } else if (admission->waiting < admission->max_waiting) {
        request->link = admission->end;
        *admission->end = request;
        admission->end = &request->next_waiting;
        admission->waiting++;
        request->state = REQUEST_WAITING;
    } else {
        request->state = REQUEST_DONE;
    }
    return request->state;
}

void server_admission_leave(struct server_admission *admission, struct server_request *request)
{
    if (request->state == REQUEST_WAITING) {
        unlink_waiting(admission, request);
    } else if (request->state == REQUEST_ASKED) {
        CHECK(admission->in_progress > 0);
        admission->in_progress--;
    }
}

struct server_request *server_admission_next(struct server_admission *admission)
{
    struct server_request *request = admission->first;
    if (!request || admission->in_progress >= admission->max_parallel)
        return NULL;
    unlink_waiting(admission, request);
    admission->in_progress++;
    request->state = REQUEST_ASKED;
    return request;
}
