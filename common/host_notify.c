#include "common/host_notify.h"

#include "common/clock.h"

#include <inttypes.h>

#define READY "READY=1\nSTATUS=serving"

void host_notify_open(struct host_notify *notify, uv_loop_t *loop, struct log *log)
{
    struct error error;
    if (!notify_open(&notify->notify, &error))
        log_write(log, LOG_WARN, "host", "not-notifying", LOG_TEXT("reason", error.text));
    uv_timer_init(loop, &notify->watchdog);
    notify->watchdog.data = notify;
}

static void on_watchdog(uv_timer_t *timer)
{
    struct host_notify *notify = timer->data;
    if (!host_workers_have_answered(notify->workers))
        return; /* and if that lasts, the service manager ends us and starts another */
    notify_send(&notify->notify, "WATCHDOG=1");
    host_workers_ping(notify->workers);
}

void host_notify_ready(struct host_notify *notify, struct host_workers *workers)
{
    notify_send(&notify->notify, READY);
    const uint64_t half = (uint64_t)(notify->notify.watchdog_timeout / 2 / MILLISECOND);
    if (half == 0)
        return;
    notify->workers = workers;
    host_workers_ping(workers);
    uv_timer_start(&notify->watchdog, on_watchdog, half, half);
}

void host_notify_reload(const struct host_notify *notify, bool is_under_way)
{
    if (is_under_way)
        notify_send(&notify->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading",
                    clock_now_mono() / MICROSECOND);
    else
        notify_send(&notify->notify, READY);
}

void host_notify_stopping(const struct host_notify *notify)
{
    notify_send(&notify->notify, "STOPPING=1\nSTATUS=draining");
}

void host_notify_taken_over(struct host_notify *notify, int64_t pid)
{
    notify_send(&notify->notify, "MAINPID=%" PRId64, pid);
    uv_timer_stop(&notify->watchdog);
    notify_close(&notify->notify);
}

void host_notify_close(struct host_notify *notify)
{
    uv_close((uv_handle_t *)&notify->watchdog, NULL);
    notify_close(&notify->notify);
}
