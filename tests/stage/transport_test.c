/* The transport by itself, over real sockets: values by reference, within a process and beyond. */
#include "common/transport.h"

#include "common/transport_handover.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct pair {
    void *context;
    struct transport *asker, *server;
    uint64_t peer; /* the asker, as the server knows it */
};

/* The next message; what is sent arrives at once or soon. */
static struct transport_message receive(struct transport *transport)
{
    struct transport_message message;

    while (!transport_receive(transport, &message)) {
        struct pollfd wait = {transport_descriptor(transport), POLLIN, 0};
        assert_int_equal(poll(&wait, 1, 10000), 1);
    }
    return message;
}

static void send_from_asker(struct pair *pair)
{
    struct batch hello = {0};

    batch_add_hello(&hello, 1, false, false);
    batch_seal(&hello, 1, 1, 0);
    while (transport_send(pair->asker, 0, &hello) == TRANSPORT_FULL) {
        struct pollfd wait = {transport_descriptor(pair->asker), POLLIN, 0};
        assert_int_equal(poll(&wait, 1, 10000), 1); /* until it is connected */
    }
    batch_fini(&hello);
}

static struct pair connect_pair(const char *address)
{
    struct error error = {""};
    struct pair pair = {.context = zmq_ctx_new()};

    pair.server = transport_open(
        pair.context, &(struct transport_setup){.side = TRANSPORT_SERVES, .address = address},
        &error);
    assert_string_equal(error.text, "");
    pair.asker = transport_open(
        pair.context, &(struct transport_setup){.side = TRANSPORT_ASKS, .address = address},
        &error);
    assert_string_equal(error.text, "");
    send_from_asker(&pair);
    struct transport_message message = receive(pair.server);
    assert_int_equal(message.value_count, 0);
    pair.peer = message.peer;
    transport_release(pair.server);
    return pair;
}

static void disconnect_pair(struct pair *pair)
{
    transport_close(&pair->asker);
    transport_close(&pair->server);
    zmq_ctx_term(pair->context);
}

/* Sends one value, and returns what arrives, with a reference for the caller. */
static struct value *pass_value(struct pair *pair, struct value *value)
{
    struct batch batch = {0};

    batch_add_answer(&batch, 1, &(struct answer){.status = STATUS_VALUE, .value = value});
    batch_seal(&batch, 1, 1, 1);
    assert_int_equal(transport_send(pair->server, pair->peer, &batch), TRANSPORT_SENT);
    batch_fini(&batch);
    struct transport_message message = receive(pair->asker);
    struct batch_reader reader;
    assert_int_equal(batch_read(&reader, message.first_frame, message.values, message.value_count),
                     BATCH_READY);
    struct value *arrived = value_share(message.values[0]);
    transport_release(pair->asker);
    return arrived;
}

static struct value *new_value(struct value_account *account)
{
    struct value *value = value_create_for(VALUE_BY_REFERENCE, account);

    memset(value_writable(value), 'v', value->bytes.size);
    return value;
}

/* So its charge can move from who made it to who keeps it. */
static void test_within_a_process_a_value_stays_the_same(void **state)
{
    struct pair pair = connect_pair("inproc://transport");
    struct value_account *account = value_account_create(SIZE_MAX);
    struct value *value = new_value(account);
    struct value *arrived = pass_value(&pair, value);
    (void)state;

    assert_ptr_equal(arrived, value);
    value_release(&value);
    assert_true(atomic_load(&account->bytes) > VALUE_BY_REFERENCE);
    assert_int_equal(arrived->bytes.data[VALUE_BY_REFERENCE - 1], 'v');
    value_release(&arrived);
    assert_int_equal(atomic_load(&account->bytes), 0);
    value_account_abandon(&account);
    disconnect_pair(&pair);
}

/* What nobody reads is given back with the sockets. */
static void test_a_value_never_read_is_given_back(void **state)
{
    struct pair pair = connect_pair("inproc://transport");
    struct value_account *account = value_account_create(SIZE_MAX);
    struct batch batch = {0};
    struct value *value = new_value(account);
    (void)state;

    batch_add_answer(&batch, 1, &(struct answer){.status = STATUS_VALUE, .value = value});
    batch_seal(&batch, 1, 1, 1);
    assert_int_equal(transport_send(pair.server, pair.peer, &batch), TRANSPORT_SENT);
    batch_fini(&batch);
    value_release(&value);
    disconnect_pair(&pair);
    assert_int_equal(atomic_load(&account->bytes), 0);
    value_account_abandon(&account);
}

/* ThreadSanitizer does not see how libzmq's own threads take what goes beyond the process. */
#ifndef WEIR_THREAD_SANITIZER
static void test_to_others_go_the_bytes(void **state)
{
    (void)state;
    char *directory = temp_dir_create(), address[256];
    snprintf(address, sizeof address, "ipc://%s/transport", directory);
    struct pair pair = connect_pair(address);
    struct value_account *account = value_account_create(SIZE_MAX);
    struct value *value = new_value(account);
    struct value *arrived = pass_value(&pair, value);

    assert_ptr_not_equal(arrived, value);
    assert_int_equal(arrived->bytes.size, VALUE_BY_REFERENCE);
    assert_memory_equal(arrived->bytes.data, value->bytes.data, VALUE_BY_REFERENCE);
    value_release(&value);
    value_relieve(arrived); /* nobody here was charged for it */
    value_release(&arrived);
    disconnect_pair(&pair);
    assert_int_equal(atomic_load(&account->bytes), 0);
    value_account_abandon(&account);
    temp_dir_destroy(&directory);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_a_process_a_value_stays_the_same),
        cmocka_unit_test(test_a_value_never_read_is_given_back),
#ifndef WEIR_THREAD_SANITIZER
        cmocka_unit_test(test_to_others_go_the_bytes),
#endif
    };

    return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
