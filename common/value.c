/* A value's bytes lie behind its struct (value_create), or belong to another value (value_charge),
 * or to a frame (the transport sets on_last itself). */
#include "common/value.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE (2 << 20) /* bytes */
/* Bytes beside those of a value that came as a frame: the transport's struct, ZeroMQ's, and what
 * malloc adds to both. No other sort of value has more. */
#define FRAME_OVERHEAD 192

#define HUGE_FROM (16 << 20) /* bytes: from here on what a page more may waste is little */

/* One whose bytes lie behind it. */
struct plain_value {
    struct value value;
    struct value_account *_Atomic account; /* that it was created for; NULL: pays no longer */
    char bytes[];
};

struct charged_value {
    struct value value;
    struct value *inner; /* one reference */
    struct value_account *account;
};

/* ---- accounts ---- */

static void enter_account(struct value_account *account, size_t charge)
{
    atomic_fetch_add_explicit(&account->bytes, charge, memory_order_relaxed);
    atomic_fetch_add_explicit(&account->holders, 1, memory_order_relaxed);
}

static void leave_account(struct value_account *account, size_t charge)
{
    atomic_fetch_sub_explicit(&account->bytes, charge, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&account->holders, 1, memory_order_acq_rel) == 1)
        free(account);
}

static bool has_room(const struct value_account *account, size_t charge)
{
    size_t bytes = atomic_load_explicit(&account->bytes, memory_order_relaxed);
    return bytes <= account->most && charge <= account->most - bytes;
}

struct value_account *value_account_create(size_t most)
{
    struct value_account *account = memory_alloc(1, sizeof *account);
    account->most = most;
    atomic_init(&account->bytes, 0);
    atomic_init(&account->holders, 1);
    return account;
}

void value_account_abandon(struct value_account **account)
{
    leave_account(*account, 0);
    *account = NULL;
}

/* ---- values ---- */

static void free_plain(struct value *value)
{
    value_relieve(value);
    free(value);
}

/* A huge value in pages of 2 MiB where the system has such: measured for 512 MiB, filling it costs
 * a quarter and freeing it, which stops the thread that does it, 1.3 ms instead of 45 ms. */
static void *allocate(size_t size)
{
#ifdef MADV_HUGEPAGE
    void *memory = NULL;
    if (size >= HUGE_FROM) {
        if (posix_memalign(&memory, HUGE_PAGE, size) != 0)
            return NULL;
        madvise(memory, size, MADV_HUGEPAGE); /* a wish: where it is not granted nothing is lost */
        return memory;
    }
#endif
    return malloc(size);
}

struct value *value_create(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct plain_value))
        return NULL;
    struct plain_value *plain = allocate(sizeof *plain + size);
    if (plain == NULL)
        return NULL;
    atomic_init(&plain->value.references, 1);
    plain->value.bytes = (struct bytes){plain->bytes, size};
    plain->value.on_last = free_plain;
    atomic_init(&plain->account, NULL);
    return &plain->value;
}

struct value *value_create_for(size_t size, struct value_account *account)
{
    const size_t charge = sizeof(struct plain_value) + size;
    if (charge < size || !has_room(account, charge))
        return NULL;
    struct value *value = value_create(size);
    if (value == NULL)
        return NULL;
    enter_account(account, charge);
    atomic_init(&((struct plain_value *)value)->account, account);
    return value;
}

void value_relieve(struct value *value)
{
    if (value->on_last != free_plain)
        return; /* another's bytes, which were charged to nobody when they were made */
    struct plain_value *plain = (struct plain_value *)value;
    struct value_account *account =
        atomic_exchange_explicit(&plain->account, NULL, memory_order_acq_rel);
    if (account != NULL)
        leave_account(account, sizeof *plain + value->bytes.size);
}

char *value_writable(struct value *value)
{
    CHECK(value->on_last == free_plain);
    return ((struct plain_value *)value)->bytes;
}

struct value *value_share(struct value *value)
{
    atomic_fetch_add_explicit(&value->references, 1, memory_order_relaxed);
    return value;
}

void value_release(struct value **value)
{
    struct value *released = *value;
    *value = NULL;
    /* Release, so that all uses come before the free; acquire, so that the free comes after them.
     */
    if (released != NULL &&
        atomic_fetch_sub_explicit(&released->references, 1, memory_order_acq_rel) == 1)
        released->on_last(released);
}

static void free_charged(struct value *value)
{
    struct charged_value *charged = (struct charged_value *)value;
    value_release(&charged->inner);
    leave_account(charged->account, value_charge_size(value->bytes.size));
    free(charged);
}

/* Below VALUE_BY_REFERENCE values never come as frames. */
size_t value_charge_size(size_t size)
{
    size_t inner = sizeof(struct plain_value) + MEMORY_OVERHEAD;
    if (size >= VALUE_BY_REFERENCE)
        inner = FRAME_OVERHEAD;
    return inner + size + sizeof(struct charged_value) + MEMORY_OVERHEAD;
}

struct value *value_charge(struct value *value, struct value_account *account)
{
    struct charged_value *charged = memory_alloc(1, sizeof *charged);
    atomic_init(&charged->value.references, 1);
    charged->value.bytes = value->bytes;
    charged->value.on_last = free_charged;
    charged->inner = value;
    charged->account = account;
    enter_account(account, value_charge_size(value->bytes.size));
    return &charged->value;
}
