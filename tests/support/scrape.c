#include "scrape.h"

#include "deadline.h"
#include "http_client.h"
#include "trouble.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two scrapes while waiting for a counter, in nanoseconds. */
#define PAUSE 2000000

/* The value of one line of the Prometheus text format, 0 where it is no sample of `name`. */
static double sample_value(const char *line, const char *name, const char *label)
{
    size_t length = strlen(name);
    const char *value = line + length;

    if (strncmp(line, name, length) != 0 || (*value != '{' && *value != ' '))
        return 0;
    if (*value == '{') {
        const char *close = strchr(value, '}');
        const char *match = label ? strstr(value, label) : value;
        if (!close || !match || match > close)
            return 0;
        value = close + 1;
    } else if (label) {
        return 0;
    }
    return strtod(value, NULL);
}

void scrape_read(int admin_port, struct blob *metrics)
{
    struct http_client *client = http_client_open(admin_port);
    struct http_response response;

    if (!http_client_request(client, HTTP_GET, "/metrics") ||
        http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response) != HTTP_RESPONSE ||
        response.status != 200)
        trouble("no /metrics on the admin port %d", admin_port);
    blob_append(metrics, blob_text(&response.body), response.body.length);
    http_response_fini(&response);
    http_client_close(&client);
}

double scrape_sum_in(const char *metrics, const char *name, const char *label)
{
    double sum = 0;

    for (const char *line = metrics; *line; line += strcspn(line, "\n")) {
        line += strspn(line, "\n");
        sum += sample_value(line, name, label);
    }
    return sum;
}

double scrape_sum(int admin_port, const char *name, const char *label)
{
    struct blob metrics = {0};
    double sum;

    scrape_read(admin_port, &metrics);
    sum = scrape_sum_in(blob_text(&metrics), name, label);
    blob_fini(&metrics);
    return sum;
}

bool scrape_wait(int admin_port, const char *name, const char *label, double wanted,
                 int64_t deadline, double *seen)
{
    struct timespec pause = {.tv_nsec = PAUSE};

    while ((*seen = scrape_sum(admin_port, name, label)) != wanted) {
        if (deadline_left(deadline) == 0)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}
