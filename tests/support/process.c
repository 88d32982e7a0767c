/* Owns the children and one thread for each, which gathers what the child says: so no child ever
 * blocks on a full pipe. The lock guards the text and `ended`; all else belongs to the one thread
 * that starts and stops processes. */
#include "process.h"

#include "blob.h"
#include "deadline.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

extern char **environ;

struct process {
    pid_t id;
    bool reaped;
    int code;     /* exit code once reaped */
    int pipes[2]; /* by enum process_stream: the ends we read */
    pthread_t reader;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct blob text[2]; /* by enum process_stream */
    bool ended;          /* both pipes are at their end */
    struct process *next;
};

/* atexit(3) hands over no argument, hence the one list of this program's children. */
static struct process *running;

static void kill_running(void)
{
    for (struct process *process = running; process; process = process->next)
        if (!process->reaped)
            kill(process->id, SIGKILL);
}

static void *read_output(void *argument)
{
    struct process *process = argument;
    struct pollfd pipes[2] = {{.fd = process->pipes[0], .events = POLLIN},
                              {.fd = process->pipes[1], .events = POLLIN}};
    char data[4096];

    while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
        if (poll(pipes, 2, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2; i++) {
            ssize_t count;
            if (pipes[i].fd < 0 || !pipes[i].revents)
                continue;
            count = read(pipes[i].fd, data, sizeof data);
            if (count <= 0) {
                pipes[i].fd = -1;
                continue;
            }
            pthread_mutex_lock(&process->lock);
            blob_append(&process->text[i], data, (size_t)count);
            pthread_cond_broadcast(&process->changed);
            pthread_mutex_unlock(&process->lock);
        }
    }
    pthread_mutex_lock(&process->lock);
    process->ended = true;
    pthread_cond_broadcast(&process->changed);
    pthread_mutex_unlock(&process->lock);
    return NULL;
}

/* This program's environment with `added` before it, for the first of a name wins in getenv(3). */
static char **merge_environment(const char *const *added)
{
    size_t ours = 0, theirs = 0;
    char **merged;

    while (environ[ours])
        ours++;
    while (added && added[theirs])
        theirs++;
    merged = calloc(ours + theirs + 1, sizeof *merged);
    if (!merged)
        trouble("no memory for an environment");
    if (added)
        memcpy(merged, added, theirs * sizeof *merged);
    memcpy(merged + theirs, environ, ours * sizeof *merged);
    return merged;
}

/* The child, between fork and exec: only calls that are safe there. */
static void become(const char *const *arguments, char **environment, const int *output,
                   pid_t parent)
{
    int null = open("/dev/null", O_RDONLY);

#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent)
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    dup2(null, STDIN_FILENO);
    dup2(output[PROCESS_OUTPUT], STDOUT_FILENO);
    dup2(output[PROCESS_ERRORS], STDERR_FILENO);
    environ = environment;
    execvp(arguments[0], (char *const *)arguments);
    _exit(127);
}

static void open_pipe(int *read_end, int *write_end)
{
    int ends[2];

    if (pipe(ends) < 0)
        trouble("no pipe: %s", strerror(errno));
    *read_end = ends[0];
    *write_end = ends[1];
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
}

struct process *process_start(const char *const *arguments, const char *const *environment)
{
    struct process *process = calloc(1, sizeof *process);
    char **merged = merge_environment(environment);
    pid_t parent = getpid();
    int output[2];

    if (!process)
        trouble("no memory for a process");
    for (int i = 0; i < 2; i++)
        open_pipe(&process->pipes[i], &output[i]);
    process->id = fork();
    if (process->id < 0)
        trouble("cannot fork: %s", strerror(errno));
    if (process->id == 0)
        become(arguments, merged, output, parent);
    free(merged);
    close(output[0]);
    close(output[1]);
    if (!running)
        atexit(kill_running);
    process->next = running;
    running = process;
    pthread_mutex_init(&process->lock, NULL);
    pthread_cond_init(&process->changed, NULL);
    if (pthread_create(&process->reader, NULL, read_output, process) != 0)
        trouble("no thread to read the output of %s", arguments[0]);
    return process;
}

pid_t process_id(const struct process *process)
{
    return process->id;
}

bool process_wait_match(struct process *process, enum process_stream stream, process_match *match,
                        void *context, int64_t deadline)
{
    struct timespec wall = deadline_wall(deadline);
    bool found;

    pthread_mutex_lock(&process->lock);
    while (!(found = match(blob_text(&process->text[stream]), context)) && !process->ended)
        if (pthread_cond_timedwait(&process->changed, &process->lock, &wall) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&process->lock);
    return found;
}

static bool has_text(const char *text, void *wanted)
{
    return strstr(text, wanted) != NULL;
}

bool process_wait_text(struct process *process, enum process_stream stream, const char *text,
                       int64_t deadline)
{
    return process_wait_match(process, stream, has_text, (void *)text, deadline);
}

char *process_copy_text(struct process *process, enum process_stream stream)
{
    char *copy;

    pthread_mutex_lock(&process->lock);
    copy = strdup(blob_text(&process->text[stream]));
    pthread_mutex_unlock(&process->lock);
    if (!copy)
        trouble("no memory for a copy of the output");
    return copy;
}

void process_signal(struct process *process, int signal)
{
    if (!process->reaped)
        kill(process->id, signal);
}

void process_freeze(struct process *process)
{
    siginfo_t state;

    process_signal(process, SIGSTOP);
    while (waitid(P_PID, (id_t)process->id, &state, WSTOPPED | WEXITED | WNOWAIT) < 0)
        if (errno != EINTR)
            trouble("cannot stop process %d: %s", (int)process->id, strerror(errno));
}

void process_thaw(struct process *process)
{
    process_signal(process, SIGCONT);
}

bool process_wait_exit(struct process *process, int64_t deadline, int *code)
{
    struct timespec wall = deadline_wall(deadline);
    bool ended;
    int status;

    pthread_mutex_lock(&process->lock);
    while (!process->ended)
        if (pthread_cond_timedwait(&process->changed, &process->lock, &wall) == ETIMEDOUT)
            break;
    ended = process->ended;
    pthread_mutex_unlock(&process->lock);
    if (!ended)
        return false;
    if (!process->reaped) {
        while (waitpid(process->id, &status, 0) < 0)
            if (errno != EINTR)
                trouble("cannot wait for process %d: %s", (int)process->id, strerror(errno));
        process->reaped = true;
        process->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    *code = process->code;
    return true;
}

void process_destroy(struct process **process)
{
    struct process *dying = *process, **link = &running;
    int code;

    if (!dying)
        return;
    process_signal(dying, SIGKILL);
    if (!process_wait_exit(dying, deadline_in(PATIENCE), &code))
        trouble("process %d does not die", (int)dying->id);
    pthread_join(dying->reader, NULL);
    while (*link != dying)
        link = &(*link)->next;
    *link = dying->next;
    for (int i = 0; i < 2; i++) {
        close(dying->pipes[i]);
        blob_fini(&dying->text[i]);
    }
    pthread_mutex_destroy(&dying->lock);
    pthread_cond_destroy(&dying->changed);
    free(dying);
    *process = NULL;
}
