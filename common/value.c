/* A value's bytes lie behind its struct (value_create), or belong to another value (value_charge),
 * or to a frame (the transport sets on_last itself). */
#include "common/value.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE (2 << 20)  /* bytes */
#define HUGE_FROM (16 << 20) /* bytes: from here on what a page more may waste is little */

struct charged_value {
    struct value value;
    struct value *inner; /* one reference */
    struct value_account *account;
    size_t charge; /* bytes */
};

static void free_plain(struct value *value)
{
    free(value);
}

/* A huge value in pages of 2 MiB where the system has such: measured for 512 MiB, filling it costs
 * a quarter and freeing it, which stops the thread that does it, 1.3 ms instead of 45 ms. */
static struct value *allocate(size_t size)
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
    if (size > SIZE_MAX - sizeof(struct value))
        return NULL;
    struct value *value = allocate(sizeof *value + size);
    if (value == NULL)
        return NULL;
    atomic_init(&value->references, 1);
    value->bytes = (struct bytes){(char *)(value + 1), size};
    value->on_last = free_plain;
    return value;
}

char *value_writable(struct value *value)
{
    CHECK(value->on_last == free_plain);
    return (char *)(value + 1);
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

static void leave_account(struct value_account *account)
{
    if (atomic_fetch_sub_explicit(&account->holders, 1, memory_order_acq_rel) == 1)
        free(account);
}

static void free_charged(struct value *value)
{
    struct charged_value *charged = (struct charged_value *)value;
    value_release(&charged->inner);
    atomic_fetch_sub_explicit(&charged->account->bytes, charged->charge, memory_order_relaxed);
    leave_account(charged->account);
    free(charged);
}

struct value *value_charge(struct value *value, struct value_account *account)
{
    struct charged_value *charged = memory_alloc(1, sizeof *charged);
    atomic_init(&charged->value.references, 1);
    charged->value.bytes = value->bytes;
    charged->value.on_last = free_charged;
    charged->inner = value;
    charged->account = account;
    charged->charge = value->bytes.size + sizeof *value + sizeof *charged;
    atomic_fetch_add_explicit(&account->bytes, charged->charge, memory_order_relaxed);
    atomic_fetch_add_explicit(&account->holders, 1, memory_order_relaxed);
    return &charged->value;
}

struct value_account *value_account_create(void)
{
    struct value_account *account = memory_alloc(1, sizeof *account);
    atomic_init(&account->bytes, 0);
    atomic_init(&account->holders, 1);
    return account;
}

void value_account_abandon(struct value_account **account)
{
    leave_account(*account);
    *account = NULL;
}
