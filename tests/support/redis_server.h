/* A private redis-server: on a free TCP port of 127.0.0.1 and on a Unix socket in a directory of
 * its own, with nothing saved. One thread uses one server. */
#ifndef TESTS_SUPPORT_REDIS_SERVER_H
#define TESTS_SUPPORT_REDIS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_server;

/* Starts a server and returns once it answers PING. */
struct redis_server *redis_server_start(void);

/* Starts it again on the same port after a kill, with `extra` arguments (NULL, or a list that ends
 * with NULL). Returns once it accepts connections, which it may do while it is still loading. */
void redis_server_restart(struct redis_server *server, const char *const *extra);

int redis_server_port(const struct redis_server *server);

/* The path of the Unix socket. */
const char *redis_server_socket(const struct redis_server *server);

/* The directory the server works in, where SAVE puts dump.rdb. */
const char *redis_server_directory(const struct redis_server *server);

/* Sends one command, given as hiredis's redisCommand takes it; an error reply is trouble. Returns
 * the reply's integer, or 0. */
long long redis_server_run(struct redis_server *server, const char *format, ...);

/* Sends the command of `count` words; an error reply is trouble. */
void redis_server_run_words(struct redis_server *server, int count, const char **words,
                            const size_t *lengths);

/* How many times the server has executed `command` (lower case), from INFO commandstats. */
long long redis_server_calls(struct redis_server *server, const char *command);

/* SIGSTOP and SIGCONT: the server stands still, its connections stay open. */
void redis_server_freeze(struct redis_server *server);
void redis_server_thaw(struct redis_server *server);

/* Ends it at once, as a crash would; connections break. */
void redis_server_kill(struct redis_server *server);

void redis_server_destroy(struct redis_server **server);

#endif
