/* Owns the list of the start and the thread; which list is in force is the thread's alone to say.
 */
#include "common/host_guard.h"

#include "common/clock.h"
#include "common/keys.h"
#include "common/memory.h"
#include "common/transport_handover.h"

#include <czmq.h>

/* czmq.h brings syslog.h, whose macros hide the levels of log.h. */
#undef LOG_INFO
#undef LOG_DEBUG

struct host_guard {
    struct log *log;
    struct key_list *first;         /* as at the start */
    const struct key_list *allowed; /* in force */
    const struct key_list *next;    /* to be, while main waits for that */
    zsock_t *handler;               /* NULL: could not be bound */
    zactor_t *actor;
    int64_t logged_at; /* mono ns: when a refusal was, for who is refused tries again and again */
};

/* Frames: version, request id, domain, address, identity, mechanism, and for CURVE the key. */
static bool read_request(zmsg_t *request, unsigned char key[KEY_SIZE])
{
    zframe_t *mechanism = NULL;
    zframe_t *credentials;
    zmsg_first(request);
    for (int i = 0; i < 5; i++)
        mechanism = zmsg_next(request);
    credentials = zmsg_next(request);
    if (mechanism == NULL || !zframe_streq(mechanism, "CURVE") || credentials == NULL ||
        zframe_size(credentials) != KEY_SIZE)
        return false;
    memcpy(key, zframe_data(credentials), KEY_SIZE);
    return true;
}

static void log_refusal(struct host_guard *guard, const char *key)
{
    const int64_t now = clock_now().mono;
    if (guard->logged_at != 0 && now - guard->logged_at < SECOND)
        return;
    guard->logged_at = now;
    log_write(guard->log, LOG_WARN, "guard", "key-refused", LOG_TEXT("key", key));
}

/* A refusal is the temporary kind, 300: after the final one, 400, ZeroMQ would tell the peer, which
 * would then never connect again, even when its key is on the list. */
static void answer(struct host_guard *guard)
{
    unsigned char key[KEY_SIZE] = {0};
    char text[KEY_TEXT_SIZE] = "";
    zmsg_t *request = zmsg_recv(guard->handler);
    if (request == NULL)
        return;
    const bool is_allowed = read_request(request, key) && keys_are_listed(guard->allowed, key);
    keys_format(key, text);
    if (!is_allowed)
        log_refusal(guard, text);
    zmsg_t *reply = zmsg_new();
    zframe_t *version = zmsg_pop(request), *id = zmsg_pop(request);
    zmsg_append(reply, &version);
    if (id != NULL)
        zmsg_append(reply, &id);
    zmsg_addstr(reply, is_allowed ? "200" : "300");
    zmsg_addstr(reply, is_allowed ? "OK" : "this key may not connect");
    zmsg_addstr(reply, is_allowed ? text : "");
    zmsg_addmem(reply, "", 0);
    zmsg_send(&reply, guard->handler);
    zmsg_destroy(&request);
}

static void run(zsock_t *pipe, void *argument)
{
    struct host_guard *guard = argument;
    handover_take(guard);
    guard->handler = zsock_new_rep("@inproc://zeromq.zap.01");
    handover_give(guard);
    zsock_signal(pipe, 0);
    if (guard->handler == NULL)
        return;
    zpoller_t *poller = zpoller_new(pipe, guard->handler, NULL);
    for (bool is_ending = false; !is_ending;) {
        if (zpoller_wait(poller, -1) == guard->handler) {
            answer(guard);
            continue;
        }
        char *command = zstr_recv(pipe);
        is_ending = command == NULL || streq(command, "$TERM");
        zstr_free(&command);
        if (!is_ending) {
            handover_take(guard);
            guard->allowed = guard->next;
            handover_give(guard);
            zsock_signal(pipe, 0);
        }
    }
    zpoller_destroy(&poller);
    zsock_destroy(&guard->handler);
}

struct host_guard *host_guard_start(const char *allow_file, struct log *log, struct error *error)
{
    struct key_list *allowed = keys_read_list(allow_file, error);
    if (allowed == NULL)
        return NULL;
    struct host_guard *guard = memory_alloc(1, sizeof *guard);
    guard->log = log;
    guard->first = allowed;
    guard->allowed = allowed;
    handover_give(guard);
    guard->actor = zactor_new(run, guard);
    handover_take(guard);
    if (guard->actor != NULL && guard->handler != NULL)
        return guard;
    error_set(error, "cannot start the guard of encrypted links");
    host_guard_stop(&guard);
    return NULL;
}

void host_guard_allow(struct host_guard *guard, const struct key_list *allowed)
{
    guard->next = allowed;
    handover_give(guard);
    zstr_send(guard->actor, "ALLOW");
    zsock_wait(guard->actor);
    handover_take(guard);
}

void host_guard_stop(struct host_guard **guard)
{
    if (*guard == NULL)
        return;
    zactor_destroy(&(*guard)->actor);
    keys_free_list(&(*guard)->first);
    free(*guard);
    *guard = NULL;
}
