#include "told.h"

#include "deadline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_field(const struct http_response *response, const char *name, char *text,
                       size_t size)
{
    struct blob value = {0};

    text[0] = '\0';
    if (http_response_header(response, name, &value))
        snprintf(text, size, "%s", blob_text(&value));
    blob_fini(&value);
}

/* The number behind `prefix`, -1 where there is none. */
static long number_in(const struct http_response *response, const char *name, const char *prefix)
{
    char text[64];
    const char *at;

    copy_field(response, name, text, sizeof text);
    at = text[0] ? strstr(text, prefix) : NULL;
    return at ? strtol(at + strlen(prefix), NULL, 10) : -1;
}

struct told told_read(struct http_client *client)
{
    struct http_response response;
    struct told told = {.age = -1, .max_age = -1};

    if (http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response) == HTTP_RESPONSE) {
        told.status = response.status;
        told.age = number_in(&response, "Age", "");
        told.max_age = number_in(&response, "Cache-Control", "max-age=");
        copy_field(&response, "ETag", told.tag, sizeof told.tag);
        copy_field(&response, "Cache-Status", told.caches, sizeof told.caches);
        snprintf(told.body, sizeof told.body, "%s", blob_text(&response.body));
    }
    http_response_fini(&response);
    return told;
}

struct told told_get(int port, const char *target, const char *fields)
{
    struct http_client *client = http_client_open(port);
    struct blob request = {0};
    struct told told = {0};

    blob_append_format(&request, "GET %s HTTP/1.1\r\nHost: weir\r\n%s\r\n", target,
                       fields ? fields : "");
    if (http_client_send(client, request.data, request.length, deadline_in(PATIENCE)))
        told = told_read(client);
    blob_fini(&request);
    http_client_close(&client);
    return told;
}

bool told_has(const struct told *told, const char *text)
{
    return strstr(told->caches, text) != NULL;
}

bool told_is_verified(const struct told *told)
{
    return told_has(told, "detail=verified") && !told_has(told, "detail=unverified") &&
           !told_has(told, "detail=stale");
}
