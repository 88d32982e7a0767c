#include "common/http_response.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/http_put.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Everything but the type and what the caller adds: the longest head has far less. */
#define ROOM 512 /* bytes */

struct status_row {
    int status;
    struct bytes line;  /* the status line, and the name of the field that follows it */
    struct bytes field; /* a field of this status alone */
};

#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define STATUS(status, reason, field)                                                              \
    {                                                                                              \
        status, TEXT("HTTP/1.1 " #status " " reason "\r\nDate: "), TEXT(field)                     \
    }
#define RETRY                                                                                      \
    "Retry-After: 1\r\n" /* seconds: weir's own timeouts and reconnects are about that             \
                          */

static const struct status_row statuses[HTTP_STATUSES] = {
    STATUS(200, "OK", ""),
    STATUS(304, "Not Modified", ""),
    STATUS(400, "Bad Request", ""),
    STATUS(401, "Unauthorized", ""),
    STATUS(403, "Forbidden", ""),
    STATUS(404, "Not Found", ""),
    STATUS(405, "Method Not Allowed", "Allow: GET, HEAD\r\n"),
    STATUS(408, "Request Timeout", ""),
    STATUS(409, "Conflict", ""),
    STATUS(413, "Content Too Large", ""),
    STATUS(414, "URI Too Long", ""),
    STATUS(431, "Request Header Fields Too Large", ""),
    STATUS(501, "Not Implemented", ""),
    STATUS(502, "Bad Gateway", ""),
    STATUS(503, "Service Unavailable", RETRY),
    STATUS(504, "Gateway Timeout", ""),
    STATUS(505, "HTTP Version Not Supported", ""),
};

size_t http_status_index(int status)
{
    size_t index = 0;
    while (index < HTTP_STATUSES && statuses[index].status != status)
        index++;
    CHECK(index < HTTP_STATUSES);
    return index;
}

int http_status_at(size_t index)
{
    CHECK(index < HTTP_STATUSES);
    return statuses[index].status;
}

/* RFC 9110, 5.6.7; strftime would speak the language of the locale. */
static void set_date(struct http_date *date, int64_t second)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t time = (time_t)second;
    struct tm tm;
    gmtime_r(&time, &tm);
    char text[64];
    int size = snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                        tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                        tm.tm_sec);
    CHECK(size == HTTP_DATE_SIZE);
    memcpy(date->text, text, HTTP_DATE_SIZE);
    date->second = second;
}

void http_format_head(struct buffer *out, struct http_date *date, int64_t wall,
                      const struct http_head *head)
{
    if (date->second != wall / SECOND || date->text[0] == 0)
        set_date(date, wall / SECOND);
    const struct status_row *row = &statuses[http_status_index(head->status)];
    size_t type_size = head->type ? strlen(head->type) : 0;

    char *start = buffer_reserve(out, ROOM + type_size + head->fields.size);
    char *at = http_put(start, row->line.data, row->line.size);
    at = http_put(at, date->text, HTTP_DATE_SIZE);
    if (head->type) {
        at = HTTP_PUT_TEXT(at, "\r\nContent-Type: ");
        at = http_put(at, head->type, type_size);
        at = HTTP_PUT_TEXT(at, "\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ");
        at = http_put_number(at, head->length);
    }
    at = HTTP_PUT_TEXT(at, "\r\n");
    if (head->allow) {
        at = HTTP_PUT_TEXT(at, "Allow: ");
        at = http_put(at, head->allow, strlen(head->allow));
        at = HTTP_PUT_TEXT(at, "\r\n");
    } else {
        at = http_put(at, row->field.data, row->field.size);
    }
    if (head->fields.size > 0)
        at = http_put(at, head->fields.data, head->fields.size);
    if (head->connection == HTTP_CLOSES)
        at = HTTP_PUT_TEXT(at, "Connection: close\r\n");
    else if (head->connection == HTTP_STAYS_OPEN)
        at = HTTP_PUT_TEXT(at, "Connection: keep-alive\r\n");
    at = HTTP_PUT_TEXT(at, "\r\n");
    out->size += (size_t)(at - start);
}
