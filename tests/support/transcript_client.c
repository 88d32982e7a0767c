#include "transcript_client.h"

#include "deadline.h"
#include "resp_client.h"
#include "trouble.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct transcript_client {
    struct http_client *http; /* one of the two is NULL */
    struct resp_client *resp;
    struct tally *tally;
};

struct transcript_client *transcript_client_open(bool is_resp, int port, struct tally *tally)
{
    struct transcript_client *client = calloc(1, sizeof *client);

    if (!client)
        trouble("no memory for a client");
    client->tally = tally;
    if (is_resp)
        client->resp = resp_client_open(port);
    else
        client->http = http_client_open(port);
    return client;
}

void transcript_client_close(struct transcript_client **client)
{
    if (!*client)
        return;
    if ((*client)->resp)
        resp_client_close(&(*client)->resp);
    else
        http_client_close(&(*client)->http);
    free(*client);
    *client = NULL;
}

void transcript_client_send(struct transcript_client *client, const void *data, size_t length)
{
    if (client->resp)
        resp_client_send(client->resp, data, length);
    else
        http_client_send(client->http, data, length, deadline_in(PATIENCE));
}

void transcript_client_wait(const struct transcript_client *client, int milliseconds)
{
    struct pollfd answer = {.fd = client->resp ? resp_client_descriptor(client->resp)
                                               : http_client_descriptor(client->http),
                            .events = POLLIN};

    poll(&answer, 1, milliseconds);
}

void transcript_client_half_close(struct transcript_client *client)
{
    if (client->resp)
        resp_client_half_close(client->resp);
    else
        http_client_half_close(client->http);
}

bool transcript_client_wait_close(struct transcript_client *client)
{
    struct blob rest = {0};
    bool good;

    if (client->http)
        return http_client_wait_close(client->http, deadline_in(PATIENCE));
    good = resp_client_take_all(client->resp, &rest) && rest.length == 0;
    blob_fini(&rest);
    return good;
}

static bool differ(struct transcript_mismatch *mismatch, const char *what,
                   const struct blob *expected, const struct blob *received)
{
    mismatch->what = what;
    blob_append(&mismatch->expected, blob_text(expected), expected->length);
    blob_append(&mismatch->received, blob_text(received), received->length);
    return false;
}

/* ---- HTTP ---- */

/* A pattern that ends with '*' matches whatever begins as it does. */
static bool matches(const char *pattern, const struct blob *text)
{
    size_t length = strlen(pattern);

    if (length > 0 && pattern[length - 1] == '*')
        return strncmp(blob_text(text), pattern, length - 1) == 0;
    return strcmp(blob_text(text), pattern) == 0;
}

/* Checks one "Name: value" or "!Name". */
static bool has_header(const struct http_response *response, const struct blob *pattern)
{
    const char *text = blob_text(pattern);
    struct blob name = {0}, value = {0};
    bool good;

    if (*text == '!') {
        good = !http_response_header(response, text + 1, &value);
    } else {
        blob_append(&name, text, strcspn(text, ":"));
        good = http_response_header(response, name.data, &value) &&
               matches(text + name.length + 2, &value);
    }
    blob_fini(&name);
    blob_fini(&value);
    return good;
}

static bool has_body(const struct http_response *response, const struct transcript_step *step)
{
    const struct blob *body = &response->body;

    switch (step->body) {
    case TRANSCRIPT_EXACT:
        return blob_is(body, blob_text(&step->data), step->data.length);
    case TRANSCRIPT_LINE:
        return blob_is_line(body);
    default:
        return body->length > 0;
    }
}

static bool compare_body(const struct http_response *response, const struct transcript_step *step,
                         struct transcript_mismatch *mismatch)
{
    struct blob expected = {0};

    if (has_body(response, step))
        return true;
    if (step->body == TRANSCRIPT_EXACT)
        blob_append(&expected, blob_text(&step->data), step->data.length);
    else
        blob_append_text(&expected,
                         step->body == TRANSCRIPT_LINE ? "one line of text" : "something");
    differ(mismatch, "another body", &expected, &response->body);
    blob_fini(&expected);
    return false;
}

static bool compare_response(const struct http_response *response,
                             const struct transcript_step *step,
                             struct transcript_mismatch *mismatch)
{
    struct blob status_line = {0};
    bool good;

    blob_append(&status_line, response->head.data, strcspn(response->head.data, "\r"));
    good = matches(blob_text(&step->words[0]), &status_line);
    blob_fini(&status_line);
    if (!good)
        return differ(mismatch, "another status line", &step->words[0], &response->head);
    for (size_t i = 1; i < step->word_count; i++)
        if (!has_header(response, &step->words[i]))
            return differ(mismatch, "another header", &step->words[i], &response->head);
    return compare_body(response, step, mismatch);
}

static bool expect_response(const struct transcript_client *client,
                            const struct transcript_step *step,
                            struct transcript_mismatch *mismatch)
{
    static const char *const outcomes[] = {"", "weir closed the connection instead of answering",
                                           "no answer in time",
                                           "a malformed response, which began"};
    struct http_response response;
    enum http_outcome outcome =
        http_client_read(client->http, step->method, deadline_in(PATIENCE), &response);
    bool good;

    if (outcome == HTTP_RESPONSE)
        tally_response(client->tally, response.status);
    good = outcome == HTTP_RESPONSE
               ? compare_response(&response, step, mismatch)
               : differ(mismatch, outcomes[outcome], &step->words[0], &response.head);
    http_response_fini(&response);
    return good;
}

/* ---- the Redis protocol ---- */

static bool compare_reply(const struct blob *reply, const struct transcript_step *step,
                          struct transcript_mismatch *mismatch)
{
    bool is_prefix = step->body == TRANSCRIPT_PREFIX;

    if (is_prefix ? reply->length < step->data.length ||
                        memcmp(blob_text(reply), blob_text(&step->data), step->data.length) != 0
                  : !blob_is(reply, blob_text(&step->data), step->data.length))
        return differ(mismatch,
                      is_prefix ? "another reply, which should begin otherwise" : "another reply",
                      &step->data, reply);
    for (size_t i = 0; i < step->word_count; i++)
        if (!memmem(blob_text(reply), reply->length, blob_text(&step->words[i]),
                    step->words[i].length))
            return differ(mismatch, "something that the reply does not hold", &step->words[i],
                          reply);
    return true;
}

static bool expect_reply(const struct transcript_client *client, const struct transcript_step *step,
                         struct transcript_mismatch *mismatch)
{
    struct blob reply = {0};
    bool good = resp_client_take(client->resp, &reply);

    if (good)
        tally_reply(client->tally, &reply);
    good = good ? compare_reply(&reply, step, mismatch)
                : differ(mismatch, "no whole reply", &step->data, &reply);
    blob_fini(&reply);
    return good;
}

bool transcript_client_expect(struct transcript_client *client, const struct transcript_step *step,
                              struct transcript_mismatch *mismatch)
{
    return client->resp ? expect_reply(client, step, mismatch)
                        : expect_response(client, step, mismatch);
}
