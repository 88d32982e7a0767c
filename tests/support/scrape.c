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

double scrape_sum(int admin_port, const char *name, const char *label)
{
    struct http_client *client = http_client_open(admin_port);
    struct http_response response;
    double sum = 0;

    if (!http_client_request(client, HTTP_GET, "/metrics") ||
        http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response) != HTTP_RESPONSE ||
        response.status != 200)
        trouble("no /metrics on the admin port %d", admin_port);
    for (const char *line = blob_text(&response.body); *line; line += strcspn(line, "\n")) {
        line += strspn(line, "\n");
        sum += sample_value(line, name, label);
    }
    http_response_fini(&response);
    http_client_close(&client);
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
