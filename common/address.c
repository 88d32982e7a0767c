#include "common/address.h"

#include "common/check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* Far below libzmq's limit of 255 for an inproc address. */
#define MAX_SIZE 200

/* "PATH.lock" lies beside a socket's path (see lock.h). */
#define MAX_PATH (sizeof((struct sockaddr_un *)0)->sun_path - sizeof ".lock")

static const char *const prefixes[] = {
    [ADDRESS_INPROC] = "inproc://", [ADDRESS_IPC] = "ipc://", [ADDRESS_TCP] = "tcp://"};

#define SCHEME_COUNT (sizeof prefixes / sizeof prefixes[0])

/* SCHEME_COUNT: none of them. */
static size_t find_scheme(const char *text)
{
    size_t scheme = 0;
    while (scheme < SCHEME_COUNT && strncmp(text, prefixes[scheme], strlen(prefixes[scheme])) != 0)
        scheme++;
    return scheme;
}

/* An IP address in network order, of either family. */
struct host {
    bool is_ipv6;
    unsigned char bytes[16];
};

/* "10.0.0.1:7000" or "[fd00::1]:7000" */
static bool read_tcp(const char *text, struct host *host)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    char name[64];

    if (size == 0 || size >= sizeof name || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strlen(colon + 1) > 5 || strtoul(colon + 1, NULL, 10) - 1 >= 65535)
        return false;
    *host = (struct host){.is_ipv6 = text[0] == '[' && colon[-1] == ']' && size > 2};
    if (host->is_ipv6)
        snprintf(name, sizeof name, "%.*s", (int)size - 2, text + 1);
    else
        snprintf(name, sizeof name, "%.*s", (int)size, text);
    return inet_pton(host->is_ipv6 ? AF_INET6 : AF_INET, name, host->bytes) == 1;
}

static bool is_wildcard(const struct host *host)
{
    static const unsigned char zero[sizeof host->bytes];
    return memcmp(host->bytes, zero, sizeof zero) == 0; /* of IPv4 the rest is zero */
}

static bool is_loopback(const struct host *host)
{
    static const unsigned char one[sizeof host->bytes] = {[15] = 1};
    return host->is_ipv6 ? memcmp(host->bytes, one, sizeof one) == 0 : host->bytes[0] == 127;
}

bool address_check(const char *text, struct error *error)
{
    struct host host;
    const size_t scheme = find_scheme(text);

    if (scheme == SCHEME_COUNT)
        return error_set(error, "must be inproc://NAME, ipc:///PATH or tcp://ADDRESS:PORT");
    const char *rest = text + strlen(prefixes[scheme]);
    switch ((enum address_scheme)scheme) {
    case ADDRESS_INPROC:
        return (*rest && strlen(text) <= MAX_SIZE && !strchr(text, ' ')) ||
               error_set(error, "must be inproc:// and a name without spaces, of %d bytes at most",
                         MAX_SIZE);
    case ADDRESS_IPC:
        return (*rest == '/' && strlen(rest) <= MAX_PATH) ||
               error_set(error, "must be ipc:// and an absolute path, of %zu bytes at most",
                         MAX_PATH);
    case ADDRESS_TCP:
        break;
    }
    if (!read_tcp(rest, &host))
        return error_set(error, "must be tcp:// with an IP address and a port, as "
                                "tcp://10.0.0.2:7000 or tcp://[fd00::2]:7000");
    return !is_wildcard(&host) ||
           error_set(error, "must be the very address that others connect to, not a wildcard");
}

enum address_scheme address_scheme(const char *text)
{
    const size_t scheme = find_scheme(text);
    CHECK(scheme < SCHEME_COUNT);
    return (enum address_scheme)scheme;
}

const char *address_rest(const char *text)
{
    return text + strlen(prefixes[address_scheme(text)]);
}

bool address_is_local(const char *text)
{
    struct host host;
    return address_scheme(text) != ADDRESS_TCP ||
           (read_tcp(address_rest(text), &host) && is_loopback(&host));
}
