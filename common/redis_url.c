/* Owns the reading and printing of Redis URLs. Pure. */
#include "common/redis_url.h"

#include "common/bytes.h"
#include "common/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TCP_SCHEME   "redis://"
#define UNIX_SCHEME  "redis+unix://"
#define MAX_HOST     255 /* bytes */
#define MAX_PORT     UINT16_MAX
#define MAX_DATABASE INT32_MAX

/* Takes the bytes up to the first of `stops`, or all that is left, off the front of `rest`. */
static struct bytes take_until(struct bytes *rest, const char *stops)
{
    struct bytes taken = {rest->data, 0};

    while (taken.size < rest->size && !strchr(stops, rest->data[taken.size]))
        taken.size++;
    rest->data += taken.size;
    rest->size -= taken.size;
    return taken;
}

static bool take_byte(struct bytes *rest, char byte)
{
    if (rest->size == 0 || rest->data[0] != byte)
        return false;
    rest->data++;
    rest->size--;
    return true;
}

static bool take_prefix(struct bytes *rest, const char *prefix)
{
    size_t size = strlen(prefix);

    if (rest->size < size || memcmp(rest->data, prefix, size) != 0)
        return false;
    rest->data += size;
    rest->size -= size;
    return true;
}

static char *copy_bytes(struct bytes bytes)
{
    char *text = memory_alloc(bytes.size + 1, 1);

    memcpy(text, bytes.data, bytes.size);
    return text;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* Takes one byte, or the escape that stands for one; 0: a malformed escape, or %00. */
static char take_decoded(struct bytes *rest)
{
    char byte = rest->data[0];
    size_t size = 1;

    if (byte == '%') {
        int high = rest->size >= 3 ? hex_digit(rest->data[1]) : -1;
        int low = rest->size >= 3 ? hex_digit(rest->data[2]) : -1;
        if (high < 0 || low < 0)
            return 0;
        byte = (char)(high * 16 + low);
        size = 3;
    }
    rest->data += size;
    rest->size -= size;
    return byte;
}

/* A text of its own, or NULL. */
static char *decode(struct bytes part, struct error *error)
{
    char *text = memory_alloc(part.size + 1, 1);

    for (size_t size = 0; part.size > 0; size++) {
        text[size] = take_decoded(&part);
        if (text[size] == 0) {
            free(text);
            error_set(error, "holds a %% that begins no escape (write %%25), or holds %%00");
            return NULL;
        }
    }
    return text;
}

/* A decimal number from `least` to `most`, without a sign or a leading zero. */
static bool is_number(struct bytes text, int64_t least, int64_t most)
{
    int64_t number = 0;

    if (text.size == 0 || text.size > 10 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (text.data[i] - '0');
    }
    return number >= least && number <= most;
}

/* user:password@ at the front, where there is one. */
static bool parse_user(struct redis_url *url, struct bytes *rest, struct error *error)
{
    struct bytes behind = *rest;
    struct bytes both = take_until(&behind, "@/?#");
    struct bytes user;

    if (!take_byte(&behind, '@'))
        return true;
    *rest = behind;
    take_until(&behind, "@/?#");
    if (take_byte(&behind, '@'))
        return error_set(error, "holds a second @: within user and password it is written %%40");
    user = take_until(&both, ":");
    if (user.size > 0 && !(url->user = decode(user, error)))
        return false;
    return !take_byte(&both, ':') || (url->password = decode(both, error)) != NULL;
}

static bool is_host(struct bytes host, const char *marks)
{
    for (size_t i = 0; i < host.size; i++) {
        char byte = host.data[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bool is_digit = byte >= '0' && byte <= '9';
        if (!is_letter && !is_digit && (byte == 0 || !strchr(marks, byte)))
            return false;
    }
    return host.size > 0 && host.size <= MAX_HOST;
}

static bool parse_host(struct redis_url *url, struct bytes *rest, struct error *error)
{
    bool is_bracketed = take_byte(rest, '[');
    struct bytes host = take_until(rest, is_bracketed ? "]" : ":/?#");

    if (is_bracketed && !take_byte(rest, ']'))
        return error_set(error, "lacks the ] behind an IPv6 address");
    if (host.size == 0)
        return error_set(error, "names no host");
    if (!is_host(host, is_bracketed ? ":.%-_" : ".-_"))
        return error_set(error, "names a host that can be none");
    url->host = copy_bytes(host);
    return true;
}

static bool parse_tcp(struct redis_url *url, struct bytes rest, struct error *error)
{
    struct bytes port = bytes_of_text("6379");
    struct bytes database = bytes_of_text("0");

    if (!parse_host(url, &rest, error))
        return false;
    if (take_byte(&rest, ':'))
        port = take_until(&rest, "/?#");
    if (!is_number(port, 1, MAX_PORT))
        return error_set(error, "has a port that is not a number from 1 to %d", MAX_PORT);
    if (take_byte(&rest, '/') && rest.size > 0)
        database = take_until(&rest, "?#");
    if (rest.size > 0)
        return error_set(error, "has something behind the database");
    if (!is_number(database, 0, MAX_DATABASE))
        return error_set(error, "has a database that is not a number from 0 to %d", MAX_DATABASE);
    url->port = copy_bytes(port);
    url->database = copy_bytes(database);
    return true;
}

static bool parse_unix(struct redis_url *url, struct bytes rest, struct error *error)
{
    struct sockaddr_un address;
    struct bytes path = take_until(&rest, "?#");
    struct bytes database = bytes_of_text("0");

    if (path.size == 0 || path.data[0] != '/')
        return error_set(error, "needs the whole path of a socket: redis+unix:///path");
    if (!(url->path = decode(path, error)))
        return false;
    if (strlen(url->path) >= sizeof(address.sun_path))
        return error_set(error, "has a path that is too long for a socket (at most %zu bytes)",
                         sizeof(address.sun_path) - 1);
    if (take_prefix(&rest, "?db="))
        database = take_until(&rest, "&#");
    if (rest.size > 0)
        return error_set(error, "may have only ?db= behind the path");
    if (!is_number(database, 0, MAX_DATABASE))
        return error_set(error, "has a database that is not a number from 0 to %d", MAX_DATABASE);
    url->database = copy_bytes(database);
    return true;
}

bool redis_url_parse(struct redis_url *url, const char *text, struct error *error)
{
    struct bytes rest = bytes_of_text(text);
    bool is_tcp = take_prefix(&rest, TCP_SCHEME);

    memset(url, 0, sizeof(*url));
    if (!is_tcp && !take_prefix(&rest, UNIX_SCHEME))
        return error_set(error, "must begin with %s or %s", TCP_SCHEME, UNIX_SCHEME);
    if (parse_user(url, &rest, error) &&
        (is_tcp ? parse_tcp(url, rest, error) : parse_unix(url, rest, error)))
        return true;
    redis_url_fini(url);
    return false;
}

void redis_url_fini(struct redis_url *url)
{
    free(url->host);
    free(url->port);
    free(url->path);
    free(url->user);
    free(url->password);
    free(url->database);
    memset(url, 0, sizeof(*url));
}

bool redis_url_check(const char *text, struct error *error)
{
    struct redis_url url;

    if (!redis_url_parse(&url, text, error))
        return false;
    redis_url_fini(&url);
    return true;
}

const char *redis_url_conceal(const char *text, char *out, size_t size)
{
    struct error ignored;
    const char *both, *colon, *end;

    if (!redis_url_check(text, &ignored)) {
        snprintf(out, size, "(not a Redis URL)");
        return out;
    }
    both = strstr(text, "://") + strlen("://");
    end = both + strcspn(both, "@/?#");
    colon = both + strcspn(both, ":@/?#");
    if (*end == '@' && *colon == ':')
        snprintf(out, size, "%.*s:***%s", (int)(colon - text), text, end);
    else
        snprintf(out, size, "%s", text);
    return out;
}

const char *redis_url_format_place(const struct redis_url *url, char *out, size_t size)
{
    if (url->path)
        snprintf(out, size, "%s?db=%s", url->path, url->database);
    else if (strchr(url->host, ':'))
        snprintf(out, size, "[%s]:%s/%s", url->host, url->port, url->database);
    else
        snprintf(out, size, "%s:%s/%s", url->host, url->port, url->database);
    return out;
}
