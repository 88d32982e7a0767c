/* All the processes of one topology file, running together on this machine.
 *
 * The line "# processes: a b c" in the file names them, in the order in which they are started;
 * without it there is one, which the file need not name. Before they start, these are put in place
 * of what stands in the file (tests/topologies/README.md):
 *
 *     @DIR@        a private directory
 *     @PORT.NAME@  a free port of the loopback, the same wherever NAME is
 *     @KEY.NAME@   the public key of a new pair in @DIR@/NAME, listed in @DIR@/allowed too */
#ifndef TESTS_SUPPORT_WEIR_FLEET_H
#define TESTS_SUPPORT_WEIR_FLEET_H

#include "weir_process.h"

struct weir_fleet;

/* Starts all of them with `flags` (ends with NULL, may be NULL), and returns once they are ready.
 */
struct weir_fleet *weir_fleet_start(const char *url, const char *topology,
                                    const char *const *flags);

/* Waits until each of them is ready, and all links between them are there. */
bool weir_fleet_wait_ready(const struct weir_fleet *fleet, int64_t deadline);

/* One of them by its name; trouble when there is none. NULL: the only one. */
struct weir_process *weir_fleet_process(const struct weir_fleet *fleet, const char *name);

/* Ends one with SIGKILL, if it still runs, and starts it again. Returns once it is up; whether it
 * is ready, weir_process_wait_ready tells. */
void weir_fleet_restart(struct weir_fleet *fleet, const char *name);

/* The directory that stands for @DIR@. */
const char *weir_fleet_directory(const struct weir_fleet *fleet);

/* Where the first process that has such a front end listens. */
int weir_fleet_http_port(const struct weir_fleet *fleet);
int weir_fleet_resp_port(const struct weir_fleet *fleet);

/* As scrape_sum and scrape_wait, over all processes. */
double weir_fleet_sum(const struct weir_fleet *fleet, const char *name, const char *label);
bool weir_fleet_wait_sum(const struct weir_fleet *fleet, const char *name, const char *label,
                         double wanted, int64_t deadline, double *seen);

/* Appends the expositions of all of them, one behind the other. */
void weir_fleet_append_metrics(const struct weir_fleet *fleet, struct blob *text);

/* Appends what all of them have logged. */
void weir_fleet_append_logs(const struct weir_fleet *fleet, struct blob *text);

/* Ends all with SIGTERM, the front ends first. The first exit code that is not 0, or 0. */
int weir_fleet_stop(struct weir_fleet *fleet);
void weir_fleet_destroy(struct weir_fleet **fleet);

#endif
