#include "common/transport_options.h"

#include "common/address.h"

#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

struct option {
    int name, value;
};

static bool set_all(void *socket, const struct option *options, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof(int)) != 0)
            return false;
    return true;
}

#define SET_ALL(socket, options) set_all(socket, options, sizeof(options) / sizeof(options)[0])

/* ZeroMQ's defaults wait, queue and retry for ever, and take anything of any size. Times in ms. */
static bool set_patience(void *socket)
{
    static const struct option options[] = {
        {ZMQ_LINGER, 0},              /* what is not sent at the end is nobody's any more */
        {ZMQ_RECONNECT_IVL, 50},      /* doubling to: */
        {ZMQ_RECONNECT_IVL_MAX, 200}, /* a peer that is back is found well within a second */
        {ZMQ_HANDSHAKE_IVL, 2000},
        {ZMQ_HEARTBEAT_IVL, 1000},     /* finds connections that broke in silence; the peers' */
        {ZMQ_HEARTBEAT_TIMEOUT, 3000}, /* health is for the links' own heartbeats to tell */
    };
    return SET_ALL(socket, options);
}

/* TCP itself waits twice as long before each further try, so that a network that was away for some
 * seconds is not found again for as many more. So a connection on which nothing was acknowledged
 * for as long as a link may be silent is given up, and ZeroMQ tries afresh at its own pace. The
 * asker does so, and for its asks alone: a huge answer may meet so many losses that to make them
 * good takes longer.
 *
 * Keepalive is for what lies between: a NAT forgets connections that are quiet. */
static bool set_tcp(void *socket, const struct transport_setup *setup)
{
    static const struct option options[] = {
        {ZMQ_CONNECT_TIMEOUT, 500}, /* ms; so no round trip may take as long */
        {ZMQ_TCP_KEEPALIVE, 1},       {ZMQ_TCP_KEEPALIVE_IDLE, 30}, /* s */
        {ZMQ_TCP_KEEPALIVE_INTVL, 5},                               /* s */
        {ZMQ_TCP_KEEPALIVE_CNT, 3},
    };
    const struct option ipv6 = {ZMQ_IPV6, address_rest(setup->address)[0] == '['};
    /* ms; 0: the system's. Where it has no such limit, ZeroMQ's heartbeats tell. */
    const bool gives_up = setup->side == TRANSPORT_ASKS && !setup->is_bulk;
    const struct option most = {ZMQ_TCP_MAXRT, gives_up ? 1000 : 0};
    return SET_ALL(socket, options) && set_all(socket, &ipv6, 1) && set_all(socket, &most, 1);
}

/* Asks carry no values. Nothing is queued for a peer that is not there: its absence must show. */
static bool set_side(void *socket, const struct transport_setup *setup)
{
    const bool serves = setup->side == TRANSPORT_SERVES;
    const int64_t largest = serves ? MESSAGE_MAX_FIRST_FRAME : MESSAGE_MAX_VALUE;
    const uint64_t threads = setup->is_bulk ? 2 : 1; /* a bit for each */
    const struct option option = {serves ? ZMQ_ROUTER_MANDATORY : ZMQ_IMMEDIATE, 1};
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0 &&
           (serves || zmq_setsockopt(socket, ZMQ_AFFINITY, &threads, sizeof threads) == 0) &&
           set_all(socket, &option, 1);
}

static bool set_key(void *socket, int name, const unsigned char *key)
{
    return zmq_setsockopt(socket, name, key, KEY_SIZE) == 0;
}

static bool set_keys(void *socket, const struct transport_setup *setup)
{
    static const char domain[] = "weir";
    const struct option server = {ZMQ_CURVE_SERVER, 1};
    if (setup->side == TRANSPORT_SERVES)
        return set_all(socket, &server, 1) &&
               set_key(socket, ZMQ_CURVE_SECRETKEY, setup->keys->secret_key) &&
               zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1) == 0;
    return set_key(socket, ZMQ_CURVE_SERVERKEY, setup->server_key) &&
           set_key(socket, ZMQ_CURVE_PUBLICKEY, setup->keys->public_key) &&
           set_key(socket, ZMQ_CURVE_SECRETKEY, setup->keys->secret_key);
}

bool transport_set_options(void *socket, const struct transport_setup *setup)
{
    /* For the same reason as in link_window_is_silent. */
    const struct option quiet[] = {{ZMQ_HEARTBEAT_IVL, 0}};
    return set_patience(socket) && (!setup->is_bulk || set_all(socket, quiet, 1)) &&
           set_side(socket, setup) &&
           (address_scheme(setup->address) != ADDRESS_TCP || set_tcp(socket, setup)) &&
           (setup->keys == NULL || set_keys(socket, setup));
}

void transport_guard_path(const struct transport_setup *setup)
{
    if (setup->side == TRANSPORT_SERVES && address_scheme(setup->address) == ADDRESS_IPC)
        chmod(address_rest(setup->address), S_IRUSR | S_IWUSR);
}
