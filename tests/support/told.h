/* What an answer over HTTP says of its freshness (docs/http.md), taken apart. */
#ifndef TESTS_SUPPORT_TOLD_H
#define TESTS_SUPPORT_TOLD_H

#include "http_client.h"

#include <stdbool.h>

struct told {
    int status;        /* 0: no response came before the deadline of patience */
    long age, max_age; /* s; -1: not said */
    char tag[32];      /* ETag, as it stands; "": none */
    char caches[512];  /* Cache-Status, as it stands; "": none */
    char body[128];    /* its first bytes, as text */
};

/* Sends GET `target` on a connection of its own, with `fields` ("Name: value\r\n"..., or NULL). */
struct told told_get(int port, const char *target, const char *fields);

/* Reads the answer to a GET that has been sent. */
struct told told_read(struct http_client *client);

/* Whether every cache on its way says that it is verified. */
bool told_is_verified(const struct told *told);

/* Whether Cache-Status has this somewhere. */
bool told_has(const struct told *told, const char *text);

#endif
