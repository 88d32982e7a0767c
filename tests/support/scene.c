#include "scene.h"

#include "common/check.h"
#include "common/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

/* ---- the kind behind every fake ---- */

/* The fake is its instance's only setting. */
static void *create(const struct stage_setup *setup, struct error *error)
{
    struct fake *fake = (struct fake *)(intptr_t)setup->settings->values[0].number;
    fake->setup = *setup;
    return fake->script.create == NULL || fake->script.create(fake, error) ? fake : NULL;
}

static bool on_open(void *stage, struct moment now, struct error *error)
{
    struct fake *fake = stage;
    if (fake->script.on_open != NULL)
        fake->script.on_open(fake, now);
    (void)error;
    return true;
}

static bool is_settled(void *stage)
{
    struct fake *fake = stage;
    if (fake->script.is_settled != NULL)
        return fake->script.is_settled(fake);
    return fake->setup.asks == NULL || fake->setup.asks->is_open(fake->setup.asks);
}

static void on_ask(void *stage, struct moment now, const struct return_address *from,
                   const struct ask *asked)
{
    struct fake *fake = stage;
    (void)now;
    fake->asks++;
    fake->script.on_ask(fake, from, asked->key);
}

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct fake *fake = stage;
    (void)now;
    fake->answers++;
    if (answer->status != STATUS_VALUE)
        fake->failures++;
    if (fake->script.on_answer != NULL)
        fake->script.on_answer(fake, token, answer);
}

static void on_notice(void *stage, struct moment now, const struct notice *notice)
{
    struct fake *fake = stage;
    fake->notices++;
    if (fake->script.on_notice != NULL)
        fake->script.on_notice(fake, now, notice);
}

static int64_t on_turn(void *stage, struct moment now)
{
    struct fake *fake = stage;
    fake->turns++;
    if (fake->script.on_turn == NULL || atomic_load(&fake->scene->has_ended))
        return NEVER;
    return fake->script.on_turn(fake, now);
}

static void measure(void *stage, struct moment now, struct metrics *metrics)
{
    (void)now;
    metrics_counter(metrics, "fake_asks_total", "Asks.", NULL, ((struct fake *)stage)->asks);
}

static const char *unready(void *stage, struct moment now)
{
    (void)now;
    return ((struct fake *)stage)->unready;
}

static void drain(void *stage, struct moment now, enum drain_manner manner)
{
    struct fake *fake = stage;
    (void)now, (void)manner;
    if (fake->script.drain != NULL)
        fake->script.drain(fake);
}

static bool is_drained(void *stage)
{
    struct fake *fake = stage;
    return fake->script.is_drained == NULL || fake->script.is_drained(fake);
}

static void destroy(void **stage)
{
    ((struct fake *)*stage)->destroyed++;
    *stage = NULL;
}

#define FAKE_KIND(...)                                                                             \
    {                                                                                              \
        .spec = {__VA_ARGS__}, .create = create, .on_open = on_open, .is_settled = is_settled,     \
        .on_ask = on_ask, .on_answer = on_answer, .on_notice = on_notice, .on_turn = on_turn,      \
        .measure = measure, .unready = unready, .drain = drain, .is_drained = is_drained,          \
        .destroy = destroy,                                                                        \
    }

static const struct stage_kind kinds[STAGES] = {
    [CLIENT] = FAKE_KIND(.name = "client", .asks = true),
    [RELAY] = FAKE_KIND(.name = "relay", .serves = true, .asks = true),
    [ORIGIN] = FAKE_KIND(.name = "origin", .serves = true),
    [INSPECTOR] = FAKE_KIND(.name = "inspector", .asks_control = true),
};

static const struct stage_kind *kind_of(const struct kind_spec *spec)
{
    for (size_t i = 0; i < STAGES; i++)
        if (&kinds[i].spec == spec)
            return &kinds[i];
    return NULL;
}

/* ---- the usual scripts ---- */

struct relayed {
    struct return_address from;
};

static void relay_ask(struct fake *fake, const struct return_address *from, struct bytes key)
{
    struct relayed *relayed = memory_alloc(1, sizeof *relayed);
    relayed->from = *from;
    const enum status status = port_ask(fake->setup.asks, (uint64_t)(uintptr_t)relayed,
                                        &(struct ask){.key = key, .deadline = NEVER});
    if (status != STATUS_VALUE) {
        port_answer(fake->setup.serves, from, &(struct answer){.status = status});
        free(relayed);
    }
}

static void relay_answer(struct fake *fake, uint64_t token, const struct answer *answer)
{
    struct relayed *relayed = (struct relayed *)(uintptr_t)token;
    port_answer(fake->setup.serves, &relayed->from, answer);
    free(relayed);
}

void scene_answer_with_key(struct fake *fake, const struct return_address *from, struct bytes key)
{
    port_answer(fake->setup.serves, from,
                &(struct answer){.status = STATUS_VALUE, .life_ms = 1000, .bytes = key});
}

static void relay_notice(struct fake *fake, struct moment now, const struct notice *notice)
{
    (void)now;
    port_notify(fake->setup.serves, notice);
}

static void gather_text(struct fake *fake, uint64_t token, const struct answer *answer)
{
    const struct bytes bytes = answer_bytes(answer);
    (void)token;
    buffer_append(&fake->scene->text, bytes.data, bytes.size);
    if (fake->answers == fake->setup.control->shards)
        scene_end(fake->scene);
}

/* ---- the scene ---- */

static void place(struct scene *scene, size_t reactor, size_t stage)
{
    struct topology_reactor *placement = &scene->placement[reactor];
    placement->instances = scene->placed[reactor];
    placement->instances[placement->count++] = stage;
}

/* Its links may open later than those of whoever wants it to. */
static int64_t inspect_when_open(struct fake *fake, struct moment now)
{
    struct ask_port *port = fake->setup.control;
    const char *key = fake->scene->inspected;
    if (key == NULL)
        return NEVER;
    if (!port->is_open(port))
        return now.mono + MILLISECOND;
    fake->scene->inspected = NULL;
    for (size_t i = 0; i < port->shards; i++)
        CHECK(port->ask(port, i, i, &(struct ask){.key = bytes_of_text(key), .deadline = NEVER}) ==
              STATUS_VALUE);
    return NEVER;
}

struct scene *scene_create(size_t reactors)
{
    static const char *const addresses[STAGES] = {
        [RELAY] = "inproc://relay", [ORIGIN] = "inproc://origin"};
    struct scene *scene = memory_alloc(1, sizeof *scene);
    for (size_t i = 0; i < STAGES; i++) {
        const struct kind_spec *spec = &kinds[i].spec;
        scene->fakes[i].scene = scene;
        scene->values[i].number = (int64_t)(intptr_t)&scene->fakes[i];
        scene->stages[i] = (struct topology_stage){.name = spec->name,
                                                   .kind = spec,
                                                   .first_instance = i,
                                                   .instance_count = 1,
                                                   .asks = spec->asks ? i + 1 : SIZE_MAX};
        scene->instances[i] =
            (struct topology_instance){.name = spec->name,
                                       .stage = i,
                                       .serves = addresses[i],
                                       .settings = {.kind = spec, .values = &scene->values[i]}};
        place(scene, i == RELAY || i == ORIGIN ? reactors - 1 : 0, i);
    }
    scene->topology = (struct topology){.file = "(test)",
                                        .stages = scene->stages,
                                        .stage_count = STAGES,
                                        .instances = scene->instances,
                                        .instance_count = STAGES,
                                        .processes = scene->processes,
                                        .process_count = 2,
                                        .reactors = scene->placement,
                                        .reactor_count = reactors};
    scene->fakes[RELAY].script =
        (struct script){.on_ask = relay_ask, .on_answer = relay_answer, .on_notice = relay_notice};
    scene->fakes[ORIGIN].script = (struct script){.on_ask = scene_answer_with_key};
    scene->fakes[INSPECTOR].script =
        (struct script){.on_answer = gather_text, .on_turn = inspect_when_open};
    log_init(&scene->log, 2, LOG_ERROR, false);
    scene->inboxes = reactor_inboxes_create();
    for (size_t i = 0; i < SCENE_REACTORS; i++)
        CHECK(reactor_bell_open(&scene->bells[i], &scene->error));
    scene->context = zmq_ctx_new();
    CHECK(zmq_ctx_set(scene->context, ZMQ_IO_THREADS, 2) ==
          0); /* as the host does for such links */
    return scene;
}

void scene_serve_at(struct scene *scene, size_t stage, const char *address)
{
    scene->instances[stage].serves = address;
}

void scene_leave_client_alone(struct scene *scene)
{
    scene->instances[RELAY].process = scene->instances[ORIGIN].process = 1;
    scene->placement[0].count = 0;
    place(scene, 0, CLIENT);
    place(scene, 0, INSPECTOR);
}

void scene_destroy(struct scene **scene)
{
    value_release(&(*scene)->value);
    buffer_fini(&(*scene)->text);
    zmq_ctx_term((*scene)->context);
    for (size_t i = 0; i < SCENE_REACTORS; i++)
        reactor_bell_close(&(*scene)->bells[i]);
    reactor_inboxes_destroy(&(*scene)->inboxes);
    free(*scene);
    *scene = NULL;
}

static void on_opened(void *scene)
{
    (void)scene;
}

static void on_drained(void *scene)
{
    ((struct scene *)scene)->drained++;
}

static bool create_reactors(struct scene *scene)
{
    for (size_t i = 0; i < scene->topology.reactor_count; i++) {
        const struct reactor_setup setup = {.topology = &scene->topology,
                                            .number = i,
                                            .kind_of = kind_of,
                                            .context = scene->context,
                                            .inboxes = scene->inboxes,
                                            .bell = &scene->bells[i],
                                            .log = &scene->log,
                                            .on_opened = on_opened,
                                            .on_drained = on_drained,
                                            .owner = scene};
        scene->reactors[i] = reactor_create(&setup, &scene->error);
        if (scene->reactors[i] == NULL)
            return false;
    }
    return true;
}

static void *run_reactor(void *reactor)
{
    reactor_run(reactor);
    return NULL;
}

bool scene_run(struct scene *scene)
{
    if (!create_reactors(scene))
        return false;
    pthread_t thread;
    const bool has_two = scene->topology.reactor_count > 1;
    if (has_two)
        CHECK(pthread_create(&thread, NULL, run_reactor, scene->reactors[1]) == 0);
    reactor_run(scene->reactors[0]);
    if (has_two)
        pthread_join(thread, NULL);
    for (size_t i = scene->topology.reactor_count; i-- > 0;)
        reactor_destroy(&scene->reactors[i]);
    return true;
}

void scene_end(struct scene *scene)
{
    atomic_store(&scene->has_ended, true);
    for (size_t i = 0; i < scene->topology.reactor_count; i++)
        reactor_stop(scene->reactors[i]);
}

void scene_inspect_and_end(struct scene *scene, const char *key)
{
    scene->inspected = key;
}

void scene_note(struct scene *scene, const char *what)
{
    const size_t used = strlen(scene->order);
    snprintf(scene->order + used, sizeof scene->order - used, "%s%s", used > 0 ? " " : "", what);
}

int64_t scene_metric(const struct scene *scene, const char *name, const char *labels)
{
    char wanted_name[128], wanted_labels[128];
    snprintf(wanted_name, sizeof wanted_name, "\t%s\t", name);
    snprintf(wanted_labels, sizeof wanted_labels, "\t%s\t", labels);

    int64_t value = -1;
    char *text = strndup(scene->text.data, scene->text.size), *rest = text;
    for (char *line; value < 0 && (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        const char *found = strstr(line, wanted_labels);
        if (found != NULL && strstr(line, wanted_name) != NULL)
            value = strtoll(found + strlen(wanted_labels), NULL, 10);
    }
    free(text);
    return value;
}
