/* A value too large to copy: immutable bytes, shared by counting.
 *
 * Between threads only by message (a frame carries one reference). The last release runs in
 * whichever thread drops it, ZeroMQ's own included, so it only decrements and frees. Small values
 * never become a struct value: they are copied, within batches and into the table. */
#ifndef WEIR_VALUE_H
#define WEIR_VALUE_H

#include "common/bytes.h"

#include <stdatomic.h>
#include <stddef.h>

/* From this size on a value travels as a frame of its own, by reference. Not smaller than libzmq's
 * receive buffer (8192), so that a frame kept never pins a larger buffer it is part of. */
#define VALUE_BY_REFERENCE 8192

/* How many bytes of values live on behalf of somebody: one who makes them (a fetcher), or one who
 * keeps them (a cache). */
struct value_account {
    size_t most; /* bytes: beyond it no value is created for the account */
    atomic_size_t bytes;
    atomic_size_t holders; /* the owner, and each value charged */
};

struct value {
    atomic_uint references;
    struct bytes bytes;
    void (*on_last)(struct value *value); /* frees what lies behind `bytes` and the struct itself */
};

/* `size` bytes to be filled through value_writable before the value is shared; one reference, the
 * caller's. NULL when the system has not that much memory. */
struct value *value_create(size_t size);
char *value_writable(struct value *value);

/* The same, charged to `account` (size plus overhead) until the last reference goes or somebody
 * relieves it. NULL also where that would be more than `account->most`. By the thread of the
 * account's owner alone. */
struct value *value_create_for(size_t size, struct value_account *account);

/* The account that the value was created for pays no longer, if it still does: somebody else keeps
 * the value, and has charged it to an account of its own. */
void value_relieve(struct value *value);

/* One more reference; returns `value`. */
struct value *value_share(struct value *value);

/* Gives one reference back and nulls the pointer; NULL inside is allowed. */
void value_release(struct value **value);

/* What value_charge charges for a value of `size` bytes: these, and all that is allocated beside
 * them. */
size_t value_charge_size(size_t size);

/* The same bytes under a new count, charged to `account` (value_charge_size) until the last
 * reference to the new value goes, even beyond `account->most`; takes over the caller's reference
 * to `value`. The account must outlive it: it is created with value_account_create and lives until
 * it is both abandoned and empty. */
struct value *value_charge(struct value *value, struct value_account *account);

struct value_account *value_account_create(size_t most);
/* The owner is done; frees at once, or with the last value charged to it. */
void value_account_abandon(struct value_account **account);

#endif
