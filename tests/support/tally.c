#include "tally.h"

#include "scrape.h"
#include "trouble.h"

#include <stdio.h>

void tally_response(struct tally *tally, int status)
{
    if (status < 0 || status >= TALLY_STATUSES)
        trouble("a response with the status %d", status);
    tally->http[status]++;
}

void tally_reply(struct tally *tally, const struct blob *reply)
{
    if (blob_text(reply)[0] == '-')
        tally->errors++;
    else
        tally->replies++;
}

static bool expect(const char *what, double counted, double wanted, struct blob *report)
{
    if (counted != wanted)
        blob_append_format(report, "%s: counted %g, and not %g\n", what, counted, wanted);
    return counted == wanted;
}

static bool check_http(const struct tally *tally, const char *metrics, struct blob *report)
{
    bool good = true;

    for (int status = 100; status < TALLY_STATUSES; status++) {
        char what[64], label[32];
        snprintf(label, sizeof label, "status=\"%d\"", status);
        snprintf(what, sizeof what, "responses over HTTP with %s", label);
        good &= expect(what, scrape_sum_in(metrics, "weir_http_requests_total", label),
                       tally->http[status], report);
    }
    return good;
}

/* "ok" and "none" are replies, "silent" are none, and all others are errors. */
static bool check_resp(const struct tally *tally, const char *metrics, struct blob *report)
{
    static const char name[] = "weir_resp_requests_total";
    double replies = scrape_sum_in(metrics, name, "status=\"ok\"") +
                     scrape_sum_in(metrics, name, "status=\"none\"");
    double silent = scrape_sum_in(metrics, name, "status=\"silent\"");
    double errors = scrape_sum_in(metrics, name, NULL) - replies - silent;

    return expect("replies", replies, tally->replies, report) &
           expect("errors", errors, tally->errors, report);
}

static double front_sum(const char *metrics, const char *front, const char *what)
{
    char name[64];

    snprintf(name, sizeof name, "weir_%s_%s", front, what);
    return scrape_sum_in(metrics, name, NULL);
}

/* What came in went out again, or nobody waited for it any more; and so with the clients. */
static bool check_front(const char *front, const char *metrics, struct blob *report)
{
    char what[64];
    double answered = front_sum(metrics, front, "requests_total");
    double abandoned = front_sum(metrics, front, "requests_abandoned_total");
    double received = front_sum(metrics, front, "requests_received_total");
    bool good;

    snprintf(what, sizeof what, "requests received over %s", front);
    good = expect(what, received, answered + abandoned, report);
    snprintf(what, sizeof what, "durations of requests over %s", front);
    good &=
        expect(what, front_sum(metrics, front, "request_duration_seconds_count"), answered, report);
    snprintf(what, sizeof what, "connections over %s", front);
    return good & expect(what, front_sum(metrics, front, "connections_total"),
                         front_sum(metrics, front, "connections") +
                             front_sum(metrics, front, "closed_total"),
                         report);
}

bool tally_check(const struct tally *tally, const char *metrics, struct blob *report)
{
    double lookups = scrape_sum_in(metrics, "weir_cache_lookups_total", NULL);
    bool good = expect("hits and misses",
                       scrape_sum_in(metrics, "weir_cache_hits_total", NULL) +
                           scrape_sum_in(metrics, "weir_cache_misses_total", NULL),
                       lookups, report);

    good &= check_http(tally, metrics, report) & check_resp(tally, metrics, report);
    return good & check_front("http", metrics, report) & check_front("resp", metrics, report);
}
